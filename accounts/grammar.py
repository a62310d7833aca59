"""What a check of a policy document says (see core/codes.py): the rule that is broken, and the next
step."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("accounts")

PROBLEM = code("PROBLEM", "{path}: `{token}`: {rule}")  # marks alone, no words
CHARACTERS = code("CHARACTERS", _("{n} characters"))
STATEMENTS = code("STATEMENTS", _("{n} statements"))
ENTRIES = code("ENTRIES", _("{n} entries"))
BOTH_SCOPES = code("BOTH_SCOPES", _("{one} with {other}"))

# The text
TEXT_TOO_LONG = code(
    "TEXT_TOO_LONG",
    _("A policy holds at most {limit} characters."),
    _("Split it into several policies."),
)
TOO_DEEP = code(
    "TOO_DEEP",
    _("A policy is nested at most {most} levels deep."),
    _("Remove the inner lists or objects."),
)
THE_TEXT = code("THE_TEXT", _("The text {error}"))
NAME_TWICE = code(
    "NAME_TWICE",
    _("The same name is written twice in one object, so its meaning is undefined."),
    _("Keep one of them."),
)
MORE_PROBLEMS = code("MORE_PROBLEMS", _("There are more problems."), _("Correct these first."))

# The document
NO_OBJECT = code(
    "NO_OBJECT",
    _("A policy is a JSON object."),
    _('Start with {{"Version": "1.1", "Statement": [...]}}.'),
)
ELEMENTS_OF_POLICY = code(
    "ELEMENTS_OF_POLICY", _("A policy has the elements Version and Statement.")
)
ELEMENTS_OF_STATEMENT = code(
    "ELEMENTS_OF_STATEMENT",
    _("A statement has Effect, Action, and optionally Resource, Condition and Sid."),
)
NO_NEGATION = code(
    "NO_NEGATION", _("Name what is meant in `{name}`; version 1.1 cannot negate it.")
)
NO_PRINCIPAL = code(
    "NO_PRINCIPAL", _("Remove it; who is meant follows from whom the policy is attached to.")
)
REMOVE = code("REMOVE", _("Remove it."))
VERSION = code("VERSION", _("The version must be 1.1."), _('Write "1.1".'))
NO_STATEMENTS = code(
    "NO_STATEMENTS",
    _("A policy holds a list of one or more statements."),
    _("Write the statements inside [ ]."),
)
TOO_MANY_STATEMENTS = code(
    "TOO_MANY_STATEMENTS",
    _("A policy holds at most {most} statements."),
    _("Split it into several policies."),
)
TOO_MANY_ENTRIES = code(
    "TOO_MANY_ENTRIES",
    _("A policy names at most {most} actions, resources and values."),
    _("Split it into several policies."),
)
NO_STATEMENT = code("NO_STATEMENT", _("A statement is an object."), _("Write it inside {{ }}."))
EFFECT = code("EFFECT", _("The effect must be Allow or Deny."), _('Write "Allow" or "Deny".'))
SID = code("SID", _("A Sid is plain text of at most {most} characters."), _("Shorten it."))
MIXED_PATTERN = code(
    "MIXED_PATTERN",
    _("The pattern covers global and project-level services at once."),
    _("Name the services, or write `*` for all of them."),
)
MIXED_SCOPE = code(
    "MIXED_SCOPE",
    _(
        "One policy holds either global services (such as obs, iam) or project-level "
        "services (such as modelarts, swr), never both."
    ),
    _("Split it in two: one policy for the global, one for the project-level services."),
)

# Lists
ACTION = code("ACTION", _("action"))
RESOURCE = code("RESOURCE", _("resource"))
VALUE = code("VALUE", _("value"))
AT_LEAST_ONE = code("AT_LEAST_ONE", _("There must be at least one {what}."), _("Add one {what}."))
STRINGS = code("STRINGS", _("Each {what} is a string."), _('Put it in double quotes ("").'))
EITHER = code("EITHER", _("{one} or {other}"))
DID_YOU_MEAN = code("DID_YOU_MEAN", _("Did you mean {names}?"))
SEE_ACTIONS = code("SEE_ACTIONS", _("Look the name up in the list of actions."))
SEE_KEYS = code("SEE_KEYS", _("See the list of condition keys."))
SEE_OPERATORS = code("SEE_OPERATORS", _("See the list of operators."))

# Actions
UNKNOWN_ACTION = code("UNKNOWN_ACTION", _("Unknown action."))
BLANKS = code("BLANKS", _("An action has no blanks around it."), _("Write `{action}`."))
ACTION_FORM = code(
    "ACTION_FORM",
    _("An action is service:type:operation in ASCII letters, digits, -, _ and *."),
)
LOOKALIKE = code("LOOKALIKE", _("Retype it; some characters only look like ASCII."))
NOTHING_ASKS = code(
    "NOTHING_ASKS",
    _("Nothing in this installation asks for it, so it neither permits nor denies anything."),
    _("Leave it if it is meant for another installation, or for a later release."),
)
CHECK_SPELLING = code(
    "CHECK_SPELLING",
    _("Check the spelling; leave it if it is meant for another installation."),
)
DEPENDS = code(
    "DEPENDS",
    _("Roles that this one depends on are not attached with it, and the element is not kept."),
    _("Attach the policies of the same rights to the same users."),
)
DENY_ONLY = code(
    "DENY_ONLY",
    _("The policy only denies; by itself it permits nothing."),
    _("Attach it beside a policy that allows."),
)

# Resources
RESOURCE_SHAPE = code(
    "RESOURCE_SHAPE",
    _(
        "A resource is service:region:account:type:path without empty parts or blanks "
        "around it, and its path must not climb above its root."
    ),
    _("Write `*` for a part that does not matter, as in `obs:*:*:object:team1/*`."),
)
RESOURCE_SERVICE = code(
    "RESOURCE_SERVICE",
    _("The resource belongs to `{service}`; no action of the statement does."),
    _("Name a resource of the actions' service, or remove it."),
)
RESOURCE_PATH = code(
    "RESOURCE_PATH",
    _("`{action}` cannot be limited to a resource path."),
    _("Write `{service}:*:*:{type}:*`, or leave Resource out."),
)
RESOURCE_FORM = code(
    "RESOURCE_FORM",
    _('Resources are a list, or an object of the form {{"uri": ["/iam/agencies/<id>"]}}.'),
    _('Write ["service:region:account:type:path"].'),
)
WRITE_URI = code("WRITE_URI", _("Write `/iam/agencies/<id>`."))
RESOURCE_TYPE = code(
    "RESOURCE_TYPE",
    _("No action of the statement works on resources of type `{kind}`."),
    _("For `{action}` write the type `{type}`."),
)
BUCKET_PATH = code(
    "BUCKET_PATH",
    _("A bucket's path is its name alone; no bucket has a slash in it."),
    _("Write `obs:*:*:bucket:{bucket}`, or the type `object`."),
)
OBJECT_PATH = code(
    "OBJECT_PATH",
    _("An object's path is bucket/key; nothing has a path without a slash."),
    _("Write `obs:*:*:object:{bucket}/*` for every object of the bucket."),
)
NOT_A_FOLDER = code(
    "NOT_A_FOLDER",
    _("It names one object of exactly this name, not what is in a folder."),
    _("`obs:*:*:object:{folder}/*` is the folder."),
)

# Conditions
CONDITION_FORM = code(
    "CONDITION_FORM",
    _('A condition is an object of the form {{"operator": {{"key": ["value"]}}}}.'),
    _("Remove it if there is nothing to check."),
)
UNKNOWN_OPERATOR = code("UNKNOWN_OPERATOR", _("Unknown operator."))
OPERATOR_FORM = code("OPERATOR_FORM", _("An operator takes an object of keys."), _("Name a key."))
OPERATOR_TWICE = code(
    "OPERATOR_TWICE",
    _("`{operator}` stands twice for `{key}`."),
    _("Keep one of them."),
)
VALUES_FORM = code("VALUES_FORM", _("Condition values are strings."), _('Write ["value"].'))
VALUE_NUMBER = code(
    "VALUE_NUMBER",
    _("The value must be a number such as 10 or 0.5."),
    _("Correct the value."),
)
VALUE_DATE = code(
    "VALUE_DATE",
    _("The value must be a date such as 2027-01-31T12:00:00Z."),
    _("Correct the value."),
)
VALUE_BOOL = code("VALUE_BOOL", _("The value must be true or false."), _("Correct the value."))
VALUE_IP = code(
    "VALUE_IP",
    _("The value must be an address or network such as 10.0.0.0/8."),
    _("Correct the value."),
)
UNKNOWN_KEY = code("UNKNOWN_KEY", _("Unknown condition key."))
KEY_SERVICE = code(
    "KEY_SERVICE",
    _("The key belongs to `{owner}`; no action of the statement does."),
    _("Use a key of the actions' service or a global key (g:...)."),
)
KEY_EFFECT = code(
    "KEY_EFFECT",
    _("`{key}` may only stand in statements with the effect {effects}."),
    _("Allow what may be used instead of denying the rest."),
)
KEY_OPERATOR = code(
    "KEY_OPERATOR",
    _("`{key}` may only be used with {operators}."),
    _("Write {operators}."),
)
KEY_ACTIONS = code(
    "KEY_ACTIONS",
    _("None of the statement's actions, such as `{action}`, supplies this key."),
    _("Name the actions that do, or remove the condition."),
)
KEY_NEVER_SUPPLIED = code(
    "KEY_NEVER_SUPPLIED",
    _("`{key}` is never supplied by this installation: {what}."),
    _("Ask for something that requests carry."),
)
KEY_CONSTANT = code(
    "KEY_CONSTANT",
    _("`{key}` is always `{constant}` in this installation: {what}."),
    _("Ask for something that requests carry."),
)
ALWAYS_HOLDS = code("ALWAYS_HOLDS", _("the condition always holds"))
NEVER_DENIES = code(
    "NEVER_DENIES",
    _("the condition never holds, so the statement never denies anything"),
)
NEVER_PERMITS = code(
    "NEVER_PERMITS",
    _("the condition never holds, so the statement never permits anything"),
)
NOT_FOR_EVERY = code(
    "NOT_FOR_EVERY", _("Remove the statement if it is not meant for every request.")
)
TIME_IS_OVER = code(
    "TIME_IS_OVER",
    _("This time is over: {what} again."),
    _("Write a date that is still to come, or remove the statement."),
)
DENY_SKIPS = code(
    "DENY_SKIPS",
    _("A request without this key is not denied: a missing key does not fulfil `{operator}`."),
    _("Use `{operator}IfExists` if such requests are to be denied too."),
)
ALLOW_TAKES = code(
    "ALLOW_TAKES",
    _("A request without the key is allowed: `{operator}` holds for a missing key."),
    _('Add "Null": {{"{key}": ["false"]}} if the key must be there.'),
)

# Documents that are stored already
EDIT_AGAIN = code("EDIT_AGAIN", _("Edit the policy and save it again."))
UNREADABLE = code("UNREADABLE", _("The stored policy cannot be read."))
NOT_THIS_VERSION = code("NOT_THIS_VERSION", _("The version is not 1.1."))
NO_SUCH_ELEMENT = code("NO_SUCH_ELEMENT", _("This element is not supported."))
NO_LIST = code("NO_LIST", _("The statements are not a list."))
EFFECT_UNREADABLE = code("EFFECT_UNREADABLE", _("The effect is unreadable."))
NO_ACTION = code("NO_ACTION", _("This is not an action name."))
WITHOUT_ACTION = code("WITHOUT_ACTION", _("There is no action."))
NO_RESOURCE = code("NO_RESOURCE", _("This is not a resource."))
NO_CONDITION = code("NO_CONDITION", _("A condition is an object."))
NO_OPERATOR = code("NO_OPERATOR", _("This operator is not known."))
VALUES_UNREADABLE = code("VALUES_UNREADABLE", _("The values are unreadable."))
