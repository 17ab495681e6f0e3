"""The journal of a run: what happened when, as lines of JSON in ``journal.jsonl``.

One process writes it, the one that schedules. It is for people and programs that watch;
what is finished is known from the store alone, and the journal may be deleted. A line
has ``time`` (UTC), ``event`` and what belongs to it; structures that failed stand under
their reason, by the name of their draw.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from csp.records import Progress
from csp.search import Finished, Step

NAME = "journal.jsonl"


class Journal:
    """Appends events to the journal of an output folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def write(self, event: str, **facts: object) -> None:
        """Append one line; a line that a kill cut off stays alone on its own."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts}, ensure_ascii=False)
        with self.path.open("a+b") as stream:
            if end := stream.seek(0, os.SEEK_END):
                stream.seek(end - 1)
                if stream.read(1) != b"\n":
                    line = f"\n{line}"
            stream.write(f"{line}\n".encode())


def read_journal(folder: Path) -> list[dict[str, object]]:
    """The events of a journal, in their order; cut-off lines are left out."""
    path = folder / NAME
    if not path.exists():
        return []
    events = []
    for line in path.read_bytes().split(b"\n"):
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


def follow(
    step: Step, finished: Iterable[Finished], journal: Journal, progress: Progress
) -> str:
    """Tell and write down what becomes of the pieces of a step.

    Args:
        step: What is being done.
        finished: Its pieces that were not done before, as they end.
        journal: Gets a line for each piece and one for the step.
        progress: Told after each piece.

    Returns:
        The line of the step, for a terminal or a log.
    """
    begin = time.monotonic()
    endings: Counter[str] = Counter()
    total, seconds, n_new = len(step.pieces), 0.0, 0
    known = total - len(step.left)
    progress(step.name, known, total)
    for n_new, piece in enumerate(finished, start=1):
        endings.update(piece.endings)
        seconds += piece.seconds
        journal.write(
            "piece",
            step=step.name,
            piece=piece.name,
            seconds=round(piece.seconds, 3),
            worker=piece.worker,
            endings=piece.endings,
            failures=piece.failures,
        )
        progress(step.name, known + n_new, total)
    facts = {
        "pieces": n_new,
        "known": known,
        "wall_seconds": round(time.monotonic() - begin, 3),
        "seconds": round(seconds, 3),
        "endings": dict(endings),
    }
    journal.write("step", step=step.name, **facts)
    return _sentence(step.name, known, endings)


def _sentence(name: str, known: int, endings: Counter[str]) -> str:
    parts = [f"{count} {reason}" for reason, count in endings.most_common()]
    if known:
        parts.append(f"{known} pieces done before")
    return f"{name}: {', '.join(parts) or 'nothing to do'}"
