"""What the room core says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core import budget, strict_json
from core.codes import catalogue

code = catalogue("core")

SIGN_IN_FIRST = code(
    "SIGN_IN_FIRST", _("Sign in first."), _("Send an API token or open the sign-in page.")
)
REQUEST_TOO_LONG = code(
    "REQUEST_TOO_LONG",
    _("This took longer than a request may take and was ended; what it had begun is undone."),
    _("Ask for less at once, or try again when less is going on."),
)
QUOTA = code(
    "QUOTA",
    _("Your account may have {limit} {things} at a time and has {used}."),
    _(
        "Delete one you no longer need, or ask the operator to raise the quota “{key}”."
        " Who may list quotas sees them all under Access control > Quotas."
    ),
)
PARKED = code(
    "PARKED",
    _("The platform could not look after this object and gave it up; the operator has the trace."),
    _("Try it once more; if it ends the same way, give the operator its id."),
)
IN_USE = code(
    "IN_USE",
    _("{label} “{name}” {says} {what} right now."),
    _("Stop it or wait until it has ended, then delete again."),
    code="IN_USE",
)
IN_USE_ELSEWHERE = code(
    "IN_USE_ELSEWHERE",
    _("{n} {things} of another account needs {what} right now."),
    _("End its share first."),
    code="IN_USE",
    many=_("{n} {things} of other accounts need {what} right now."),
)
IN_USE_UNSEEN = code(
    "IN_USE_UNSEEN",
    _("1 {label} that you may not see {says} {what} right now."),
    _("Ask an administrator of the account to end it, then delete again."),
    code="IN_USE",
)
REGION_MISMATCH = code(
    "REGION_MISMATCH",
    _("{label} `{what}` is in `{region}`; this {user} is in `{here}`."),
    _("Copy what it holds to `{here}`, or switch to region `{region}`."),
    code="REGION_MISMATCH",
)
OLD_VERSION = code(
    "OLD_VERSION",
    _("“{obj}” was changed since you opened it (version {version}, you saw {expected})."),
    _("Reload to see the newer version; what you typed is kept on this page."),
)
CHANGED_MEANWHILE = code(
    "CHANGED_MEANWHILE", _("“{obj}” changed meanwhile."), _("Reload and try again.")
)
WRONG_PHASE = code(
    "WRONG_PHASE", _("{label} “{obj}” is {phase}; “{verb}” is not possible in this state.")
)
NAME_TAKEN = code("NAME_TAKEN", _("Another “{obj}” exists already."), _("Choose another name."))
COLLIDES = code(
    "COLLIDES",
    _("{label} “{obj}” collides with one that was made meanwhile."),
    _("Reload the list, or choose another name."),
)
NO_SUCH_EDGE = code("NO_SUCH_EDGE", _("{label} “{obj}” is {phase}; it cannot become {to}."))
STAYS_ENDED = code("STAYS_ENDED", _("{label} “{obj}” is {phase} and stays it."))
STALE_STATE = code(
    "STALE_STATE", _("{label} “{obj}” changed meanwhile."), _("Reload the page and try again.")
)
NOT_FOUND = code("NOT_FOUND", _("Not found."))
DATABASE_AWAY = code(
    "DATABASE_AWAY",
    _("The database does not answer right now."),
    _("Try again in a few seconds. If it lasts, tell the operator."),
    code="DATABASE_AWAY",
)
DISK_FULL = code(
    "DISK_FULL",
    _("The disk of the platform is full, so nothing was changed."),
    _("Try again in a few seconds. If it lasts, tell the operator."),
    code="DISK_FULL",
)
NOT_DECIDED = code("NOT_DECIDED", _("The access decision could not be made, so it is a no."))
CONTROL_CHARACTER = code(
    "CONTROL_CHARACTER", _("It holds a control character (U+{character}) at character {place}.")
)
TURNS_DIRECTION = code(
    "TURNS_DIRECTION",
    _(
        "It holds a character that turns the direction of writing (U+{character}) at character"
        " {place}."
    ),
)
HALF_SURROGATE = code(
    "HALF_SURROGATE", _("It is not Unicode text: half a surrogate pair at character {place}.")
)
NEEDED_ELSEWHERE = code(
    "NEEDED_ELSEWHERE",
    _("{n} {things} of another account needs it."),
    many=_("{n} {things} of other accounts need it."),
)
WANT_RUNNING = code("WANT_RUNNING", _("Asked to become running."))
WANT_STOPPED = code("WANT_STOPPED", _("Asked to become stopped."))
WANT_DELETED = code("WANT_DELETED", _("Asked to become deleted."))
#: what is said of JSON that is refused, without its subject
JSON = {name: code(name, *texts) for name, texts in strict_json.SENTENCES.items()}
#: why a child that reads what a tenant wrote gave no answer
BUDGET = {name: code(name, text) for name, text in budget.SENTENCES.items()}
