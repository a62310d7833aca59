"""The ``log`` module that ModelArts images supply: ``import log; log.getLogger(__name__)``."""

import logging
import sys

CRITICAL, ERROR, WARNING, INFO, DEBUG = (
    logging.CRITICAL,
    logging.ERROR,
    logging.WARNING,
    logging.INFO,
    logging.DEBUG,
)


def getLogger(name=None):
    """Return a logger that writes to standard output from INFO up."""
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)
    return logging.getLogger(name)


get_logger = getLogger
