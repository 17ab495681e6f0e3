"""The search for known crystals as a Prefect flow, for a nightly run."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger

from csp.benchmark.cases import Wishes, cases_of
from csp.benchmark.rows import csv_text, json_text
from csp.benchmark.work import planned, worked
from csp.files import write_atomically
from csp.packing.presets import PresetName
from flows.run_page import Page, has_page


@flow(name="benchmark", flow_run_name="{folder}, {preset}")
def benchmark(
    folder: str,
    output: str = "",
    preset: PresetName = "standard",
    overrides: list[str] = [],  # noqa: B006 - never changed; a list in the form
) -> None:
    """Search for the known crystals in a folder, and see which are found.

    Args:
        folder: With CIF files, on the machine of the worker.
        output: Output folder; what is finished in it is not done again. If empty,
            one for each day in runs/benchmark.
        preset: How thorough the searches are.
        overrides: Single settings of all searches, like packing.seed=2.
    """
    wishes = Wishes((f"packing.preset={preset}", *overrides), is_blind=False)
    today = datetime.now(UTC).date().isoformat()
    place = Path(output) if output else Path("runs/benchmark") / today
    rows = list(worked(planned(cases_of(Path(folder), place, wishes, [])), Page()))
    write_atomically(place / "benchmark.json", json_text(rows))
    write_atomically(place / "benchmark.csv", csv_text(rows))
    n_found = sum(row.outcome == "found" for row in rows)
    get_run_logger().info("%d of %d crystals found", n_found, len(rows))
    if has_page():
        create_table_artifact(
            [asdict(row) for row in rows],
            key="benchmark",
            description=f"{n_found} of {len(rows)} crystals found",
        )
