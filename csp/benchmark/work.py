"""The work of a benchmark: search after search, each row kept when it is done."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from csp import __version__, stages
from csp.benchmark.cases import Case
from csp.benchmark.minimum import observed_minimum
from csp.benchmark.rows import Row, Space, json_text, row_of, with_usage
from csp.benchmark.usage import Meter
from csp.errors import CspError, InputError, StoreError
from csp.files import write_atomically
from csp.records import Progress
from csp.runs import RESULTS_VERSION, Run, open_run
from csp.search import Search, prepare
from csp.settings import load_settings
from csp.spacegroups import symbols

Plan = tuple[Case, Run | str]
"""A crystal, and its search or why there can be none."""


def planned(cases: Sequence[Case]) -> list[Plan]:
    """Make the folder of every crystal and check everything, before any work.

    A crystal that cannot be searched keeps its reason; the others go on.

    Raises:
        InputError: If a setting is wrong, or a folder is of another crystal.
        StoreError: If a folder holds results of other settings.
    """
    return [(case, _plan(case)) for case in cases]


def _plan(case: Case) -> Run | str:
    try:
        files = case.files()
    except InputError as error:
        return str(error)
    case.claim(files)
    load_settings(case.settings_file, case.wishes.overrides)
    try:
        return open_run(case.settings_file, case.output, case.wishes.overrides)
    except InputError as error:
        return str(error)


def worked(plans: Sequence[Plan], progress: Progress) -> Iterator[Row]:
    """The row of each crystal, from its folder if it is done.

    Args:
        plans: From :func:`planned`.
        progress: Told how far each search is, and the whole.
    """
    progress("crystals", 0, len(plans))
    for done, (case, run) in enumerate(plans, start=1):
        if isinstance(run, str):
            yield Row(case.name, "failed", run)
        else:
            yield _kept(case, run) or _made(case, run, progress)
        progress("crystals", done, len(plans))


def _identity(case: Case, run: Run) -> dict[str, Any]:
    """What a row depends on."""
    settings = run.settings.model_dump(mode="json")
    settings.pop("run")
    return {
        "version": __version__,
        "results_version": RESULTS_VERSION,
        "cif_sha256": case.digest,
        "settings": settings,
    }


def _kept(case: Case, run: Run) -> Row | None:
    """The row of a crystal that is done, if it is of the same settings."""
    try:
        stored = json.loads((case.folder / "row.json").read_bytes())
        same = stored["identity"] == _identity(case, run)
        return Row.from_json(stored["row"]) if same else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _made(case: Case, run: Run, progress: Progress) -> Row:
    """Search, match, relax the observed crystal; keep the row."""
    meter = Meter(case.folder / "usage.json")
    try:
        row = _searched(case, run, meter, meter.watching(progress))
    except StoreError:
        raise
    except CspError as error:
        return with_usage(Row(case.name, "failed", str(error)), meter.note())
    row = with_usage(row, meter.note())
    (values,) = json.loads(json_text([row]))
    content = {"identity": _identity(case, run), "row": values}
    text = json.dumps(content, ensure_ascii=False, indent=1)
    write_atomically(case.folder / "row.json", text + "\n")
    return row


def _searched(case: Case, run: Run, meter: Meter, progress: Progress) -> Row:
    ready = prepare(run, progress)
    meter.prepared()
    observed = ready.observed[case.name]
    molecules = list(ready.unit.molecules.values())
    known = observed_minimum(observed, molecules, run.settings)
    search, landscape = stages.predict(run, progress)
    return row_of(case.name, landscape, known, run.settings, _space(search))


def _space(search: Search) -> Space:
    """Space groups and the Z′ in which a search has looked."""
    occupied = [slot.occupation for slot in search.slots]
    return {
        (symbols()[own.space_group], round(float(own.z_prime), 3)) for own in occupied
    }
