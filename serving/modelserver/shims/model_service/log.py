"""``from model_service import log`` works as well as ``import log``."""

from log import (  # noqa: F401
    CRITICAL,
    DEBUG,
    ERROR,
    INFO,
    WARNING,
    get_logger,
    getLogger,
)
