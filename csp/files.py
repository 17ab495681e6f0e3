"""Files that are whole or absent: nothing is ever half-written."""

import os
import tempfile
from pathlib import Path

from csp.errors import InputError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    The content goes to a temporary file in the same folder, is flushed to the disk,
    and then takes the name in one step; ``kill -9`` at any moment leaves at worst a
    temporary file whose name starts with a dot.

    Raises:
        InputError: If the folder cannot be written.
        OSError: If the disk is full or fails; the old content stays.
    """
    raw = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise unwritable(path.parent, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.strerror:
            why = f"{path} cannot be written ({error.strerror})"
            raise OSError(error.errno, why) from error
        raise


def unwritable(folder: Path, error: OSError) -> InputError:
    """The error that says which folder cannot be written and what to do."""
    return InputError(
        f"the folder {folder} cannot be written ({error.strerror}): "
        "choose another one with --output"
    )
