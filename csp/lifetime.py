"""Processes that end with the one that started them (Linux)."""

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
"""Looked up before any fork: nothing may be loaded between fork and exec."""


def end_with(parent: int) -> None:
    """Have this process killed when its parent ends, however that ends.

    Args:
        parent: Process number of the parent; if it is gone by now, this one ends too.
    """
    if _prctl is not None:
        _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
