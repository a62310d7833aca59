"""Events that had another name once: rows keep the old one, readers see and find the present one.

Names are the vendor's where tables 7-1 to 7-6 of its product introduction have the operation.
"""

from __future__ import annotations

from django.db.models import Q

TRANSITION = "platform:state:transition"
STATE_CHANGED = "stateChanged"
RENAMED = {
    "addDatasetVersion": "publishDatasetVersion",
    "blockInvitingAccount": "blockAccount",
    "createDatasetVersion": "publishDatasetVersion",
    "createService": "addService",
    "createTrainJob": "createModelArtsTrainJob",
    "deleteTrainJob": "deleteModelArtsTrainJob",
    "startService": "startOrStopService",
    "stopService": "startOrStopService",
    "updateTrainJob": "updateModelArtsTrainDesc",
}


def present(event: str, action: str) -> str:
    """The name of today for the event of a row. The platform's moves of a state were named after
    phase and type once."""
    return STATE_CHANGED if action == TRANSITION else RENAMED.get(event, event)


def called(event: str) -> Q:
    """Rows of one event, under whichever name they were written or are asked for."""
    today = RENAMED.get(event, event)
    names = {event, today, *(old for old, new in RENAMED.items() if new == today)}
    found = Q(event__in=names)
    return found | Q(action=TRANSITION) if today == STATE_CHANGED else found


def containing(text: str) -> Q:
    """Rows whose event has ``text`` in one of its names, in whatever case."""
    found = Q(event__icontains=text)
    for old, new in RENAMED.items():
        if text.lower() in new.lower():
            found |= Q(event=old)
    return found | Q(action=TRANSITION) if text.lower() in STATE_CHANGED.lower() else found
