"""Claims: two workers never compute the same thing, on one machine or on many.

A claim is a file beside the result, made in one step that only one process can win. Its
owner touches it while it works. A claim that nobody has touched for a while belonged to
a process that was killed, and is taken over.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from csp.errors import InputError
from csp.files import unwritable

SECONDS_A_BEAT = 10.0
SECONDS_DEAD = 90.0
"""A claim untouched for as long is free; clocks of the machines may differ by less."""


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold a claim while the body runs; yields whether it was free.

    Args:
        path: Of the claim's file; its folder may be shared by many machines.
    """
    is_ours = _take(path)
    if not is_ours:
        yield False
        return
    done = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, done), daemon=True)
    beat.start()
    try:
        yield True
    finally:
        done.set()
        beat.join()
        path.unlink(missing_ok=True)


def is_claimed(path: Path) -> bool:
    """Whether a living process holds a claim."""
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    return age < SECONDS_DEAD and not _is_dead_neighbour(path)


def _take(path: Path) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    if path.exists() and not is_claimed(path):
        # only one of several takers can move the dead claim away
        grave = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        with contextlib.suppress(FileNotFoundError):
            path.rename(grave)
            grave.unlink()
    owner = {"host": socket.gethostname(), "process": os.getpid()}
    try:
        with path.open("x", encoding="utf-8") as stream:
            json.dump(owner, stream)
    except FileExistsError:
        return False
    except OSError as error:
        raise unwritable(path.parent, error) from error
    return True


def _is_dead_neighbour(path: Path) -> bool:
    """Whether the owner ran on this machine and is gone."""
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        if owner["host"] != socket.gethostname():
            return False
        os.kill(int(owner["process"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError, InputError):
        return False
    return False


def _beat(path: Path, done: threading.Event) -> None:
    while not done.wait(SECONDS_A_BEAT):
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
