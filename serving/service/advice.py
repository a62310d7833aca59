"""What to do about the reason codes of services."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

NEXT = {
    "NO_MODULE": _("Use an engine that has the package, or put it into the model directory."),
    "LOAD_FAILED": _(
        "Mend customize_service.py or the weights, register a new version, deploy it as a new"
        " service."
    ),
    "FIRST_INFERENCE": _(
        "The model loads but does not answer its own example request; compare `apis` in "
        "config.json with the code."
    ),
    "HEALTH_LOST": _(
        "The package disturbs the server it runs in; look at the log, mend the code, register"
        " a new version."
    ),
    "PREDICT_TIMEOUT": _(
        "Bound what one prediction may take, or send less at once; the log names the requests"
        " that were late."
    ),
    "HEALTH_STARTUP": _("The model did not load in time; look at the log, or use a larger flavor."),
    "PORT_CLOSED": _(
        "Write the port the program listens on into `port` of config.json, or let it listen "
        "on the declared one, which the variable PORT tells it; register a new version, "
        "deploy it as a new service."
    ),
    "LISTEN_LOCALHOST": _(
        "Let the program listen on 0.0.0.0 instead of localhost or 127.0.0.1; register a new "
        "version, deploy it as a new service."
    ),
    "SERVICE_EXITED": _(
        "Let the command stay in the foreground until it gets SIGTERM; a server that puts "
        "itself into the background counts as ended."
    ),
    "HOST_DISK_FULL": _("The operator frees space on the host; then start the service again."),
    "DISK_FULL": _("Write less, or choose a flavor with a larger disk."),
    "OOM_HOST": _("Choose a flavor with more memory."),
    "AUTHORISATION_LOST": _(
        "Check the agency, the share and the rights of who deployed it; then start it again."
    ),
    "MODEL_WITHDRAWN": _("Ask the owner of the model to share it again, then start the service."),
    "INPUT_DENIED": _(
        "The model may not be fetched any more: its share has ended, or a right is missing."
    ),
}
#: where nothing better is known
READ_LOG = _("Read the instance's log; mend the package; deploy again.")
