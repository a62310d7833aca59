"""``from model_service import log`` works as well as ``import log``."""

from log import *  # noqa: F403
from log import get_logger, getLogger  # noqa: F401
