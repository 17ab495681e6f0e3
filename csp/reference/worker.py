"""The process that does one reference calculation: ``python -m csp.reference.worker``.

It has a process of its own so that its memory, time and crashes are its own.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from csp.crystal import Crystal
from csp.errors import ConvergenceError, InputError, MissingDependencyError
from csp.reference.calculation import OUTCOME_FILE, Order
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.engines import engine_of
from csp.reference.subjects import Subject, from_document


def main(task_file: str) -> None:
    """Read a task, compute, and leave the outcome beside it."""
    path = Path(task_file).resolve()
    outcome = _done(json.loads(path.read_text(encoding="utf-8")), path.parent)
    kind = "energy" if isinstance(outcome, Energy) else "failure"
    text = json.dumps({kind: asdict(outcome)})
    (path.parent / OUTCOME_FILE).write_text(text, encoding="utf-8")


def _done(task: dict[str, Any], folder: Path) -> Outcome:
    scratch = folder / "scratch"
    scratch.mkdir()
    resources = Resources(
        task["cores"], task["memory"], scratch, task["attempt"], task["seconds"]
    )
    system = from_document(task["system"])
    try:
        order = Order(**task["order"])
        subject = Subject(task["id"], system, task["n_operations"])
        engine = engine_of(order, subject)
        if isinstance(system, Crystal):
            return engine.of_crystal(system, resources)
        return engine.of_molecule(system, resources)
    except (InputError, MissingDependencyError) as error:
        return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
    except ConvergenceError as error:
        return Failure(Reason.NOT_CONVERGED, str(error))
    except MemoryError as error:
        return Failure(Reason.OUT_OF_MEMORY, str(error) or "no memory left")


if __name__ == "__main__":
    main(sys.argv[1])
