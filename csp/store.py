"""Finished work on disk: whole or absent, and only for one set of settings.

A store is a folder. ``manifest.json`` says which settings its contents belong to;
every finished piece of work is one file of JSON lines under a checksum, written in one
step. So any process may be killed at any moment, any number of processes may write, and
the next run goes on with what is missing. The store knows nothing of what it holds.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from csp.errors import StoreError
from csp.files import write_atomically

Row = dict[str, Any]


class Store:
    """Named pieces of finished work in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self) -> Row | None:
        """What the contents belong to, or None in a new store.

        Raises:
            StoreError: If the manifest cannot be read, or is missing beside finished
                work.
        """
        path = self.folder / "manifest.json"
        if not path.exists() and not any(self.folder.rglob("*.jsonl")):
            return None
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise self._damaged(path) from error
        if not isinstance(content, dict):
            raise self._damaged(path)
        return content

    @staticmethod
    def _damaged(path: Path) -> StoreError:
        return StoreError(
            f"{path} cannot be read: move the folder away or choose another one with "
            "--output"
        )

    def claim(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest of a new store."""
        text = json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=True)
        write_atomically(self.folder / "manifest.json", text + "\n")

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def has(self, name: str) -> bool:
        """Whether a piece of work is finished."""
        return self._path(name).exists()

    def write(self, name: str, rows: Iterable[Row]) -> None:
        """Record a finished piece of work, all of it or nothing."""
        lines = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        write_atomically(self._path(name), _seal(lines) + lines)

    def read(self, name: str, chosen: slice = slice(None)) -> Iterator[Row]:
        """The rows of a finished piece of work, or some of them.

        Raises:
            StoreError: If it is not there or damaged.
        """
        path = self._path(name)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(
                f"{path} cannot be read ({error.strerror}): run the same command again"
            ) from error
        _, newline, lines = content.partition(b"\n")
        if not newline or content != _seal(lines) + lines:
            raise StoreError(
                f"{path} is damaged: delete it and run the same command again"
            )
        yield from map(json.loads, lines.splitlines()[chosen])


def _seal(lines: bytes) -> bytes:
    """The first line of a file, by which a damaged one is known."""
    return f'{{"sha256": "{hashlib.sha256(lines).hexdigest()}"}}\n'.encode()
