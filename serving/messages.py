"""What the room serving says: codes and sentences, see core/codes.py."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from core.codes import catalogue

code = catalogue("serving")

WHOLE_NUMBER = code("WHOLE_NUMBER", _("A whole number, 0 or more."))
MODEL_WITHDRAWN = code(
    "MODEL_WITHDRAWN",
    _("Model “{model_label}” may not be deployed any more. {reason}"),
    code="MODEL_WITHDRAWN",
)
INSTANCE_READY = code("INSTANCE_READY", _("Instance {number}: {answer}"))
INSTANCE_MEANWHILE = code(
    "INSTANCE_MEANWHILE", _("Service “{service}” got its instance {number} meanwhile.")
)
INSTANCE_ENDED = code("INSTANCE_ENDED", _("Instance {number} ended: {message}"))
BODY_TOO_LARGE = code(
    "BODY_TOO_LARGE", _("At most 12 MiB can be sent at once."), code="BODY_TOO_LARGE"
)
INSTANCES_READY = code("INSTANCES_READY", _("{ready} of {replicas} instances ready."))
GATEWAY_AWAY = code(
    "GATEWAY_AWAY",
    _("The gateway does not answer."),
    _("Try again in a moment; if it stays so, the operator looks at the gateway's log."),
)
TOO_MANY_CALLS = code(
    "TOO_MANY_CALLS",
    _("The console waits for as many answers of models as it can."),
    _("Send it again in a moment; what you entered is still here."),
    code="TOO_MANY_CALLS",
)
STARTING_AGAIN = code("STARTING_AGAIN", _("Starting again."))
FIXED = code("FIXED", _("This cannot change on a service."), _("Deploy a new service."))
BEING_DEPLOYED = code("BEING_DEPLOYED", _("Service “{obj}” is being deployed."), _("Wait for it."))
MODEL_REQUIRED = code("MODEL_REQUIRED", _("Choose a model."), code="REQUIRED")
FLAVOR_UNKNOWN = code("FLAVOR_UNKNOWN", _("No flavor “{flavor}”."), code="FLAVOR_UNKNOWN")
POOL_UNKNOWN = code("POOL_UNKNOWN", _("No resource pool “{pool}”."), code="POOL_UNKNOWN")
AGENCY_MISSING = code(
    "AGENCY_MISSING",
    _("No agency lets the platform fetch the model on your behalf."),
    _("The account's main user creates one under Access control → Agencies."),
    code="AGENCY_MISSING",
)
NOT_STOPPED = code("NOT_STOPPED", _("Service “{service}” is {phase}."), _("Stop it first."))
AGENCY_DENIED = code(
    "AGENCY_DENIED", _("The service will need {deploy}. {reason}"), code="AGENCY_DENIED"
)
ENGINE_FAILED = code(
    "ENGINE_FAILED",
    _("Engine {engine} could not be built: {why}"),
    _("The operator finds the build log under Compute → Engines."),
)
ENGINE_BUILDING = code(
    "ENGINE_BUILDING", _("Engine {engine} is being prepared: {percent} %, {stage}")
)
DEPLOYING = code("DEPLOYING", _("Bringing the model server up."))
NO_ROOM = code("NO_ROOM", _("No room."), _("Choose a smaller flavor or stop something else."))
LATE = code("LATE", _("The model server did not become ready within {seconds:g} s."))
LATE_AT = code(
    "LATE_AT", _("The model server did not become ready within {seconds:g} s (stage: {stage}).")
)
LAST_ANSWER = code("LAST_ANSWER", _("Last answer: {answer}"))
GIVEN_UP_AFTER = code(
    "GIVEN_UP_AFTER", _("If it stays so, it is given up after {minutes} minutes at most.")
)
NONE_READY = code("NONE_READY", _("No instance became ready."))
STOPPING = code("STOPPING", _("Stopping."))
STOPPED = code("STOPPED", _("Stopped."))
DRAINING = code("DRAINING", _("Open requests are finished, then the instances end."))
LET_GO = code("LET_GO", _("Ended, because the platform could not look after its service."))
SHARE_ENDED = code(
    "SHARE_ENDED",
    _(
        "Model “{model}” is no longer shared with this account. Open requests are finished, "
        "then the instances end."
    ),
    _("Ask the owner of the model to share it again, or deploy a model of your own."),
)
SHARE_STOPPED = code(
    "SHARE_STOPPED",
    _("Stopped: model “{model}” is no longer shared with this account."),
    _("Ask the owner of the model to share it again, or deploy a model of your own."),
)
STOPPED_FOR_NOW = code("STOPPED_FOR_NOW", _("Stopped; start it again at any time."))
RESTORED = code(
    "RESTORED",
    _("Modelyard was restored from a backup of {when}, in which this service was running."),
)
RESTORED_STOPPED = code("RESTORED_STOPPED", _("It is stopped."))
RESTORED_ANEW = code("RESTORED_ANEW", _("Its instances are started anew."))
CALLS_OF_USER = code(
    "CALLS_OF_USER",
    _("{limit} of your calls are under way, the most that one user makes from pages."),
    _(
        "Send it again when one of them is answered; what you entered is still here. Scripts "
        "may call the gateway directly."
    ),
)
ANSWER_TOO_LARGE = code(
    "ANSWER_TOO_LARGE",
    _("The answer of the model has more than {limit} MiB, the most that a page shows."),
    _("Call the gateway from a script: it passes answers of any size on."),
    code="ANSWER_TOO_LARGE",
)
ANSWER_CUT = code(
    "ANSWER_CUT",
    _("The answer of the model is not whole. {why}"),
    _("Its program ended or closed the connection half-way; its log may say why."),
    code="ANSWER_CUT",
)
ANSWER_TOO_LATE = code(
    "ANSWER_TOO_LATE",
    _("The answer of the model was not complete after {seconds:g} s, the limit of a page."),
    _("What you entered is still here. For long answers call the gateway from a script."),
    code="ANSWER_TOO_LATE",
)
BAD_ANSWER = code(
    "BAD_ANSWER",
    _("The model's program answered with status {status}, which is no answer to a request."),
    _("Its author has to mend it."),
    code="BAD_ANSWER",
)
STUCK = code(
    "STUCK",
    _("Every worker of the model server hangs in a prediction that is past its time limit."),
)
NOT_WELL = code("NOT_WELL", _("The server is not well: {answer}"))
NOT_ASKED = code("NOT_ASKED", _("It has not been asked yet."))
SILENT = code("SILENT", _("Its runner has not asked it for {seconds:g} s."))
NOT_JUDGED = code("NOT_JUDGED", _("The answer cannot be judged ({error})."))
NO_EXAMPLE = code(
    "NO_EXAMPLE",
    _("No example request: `apis` declares none, or too large a one; only its health was checked."),
)
ANSWERED = code("ANSWERED", _("{request}: answered {status}."))
ANSWERED_LONG = code(
    "ANSWERED_LONG",
    _("{request}: answered {status} with more than {most:,} bytes, not looked into."),
)
