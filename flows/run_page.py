"""What a flow run shows on its page, and what it is called there."""

import base64
import contextlib
import os
import time
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID

from prefect import runtime
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client

from csp.records import Progress
from csp.report.tables import read_csv
from csp.settings import Settings
from flows.asking import settings_of, tags_of
from flows.server import IS_PRIVATE

_SECONDS_A_LOOK = 5.0
N_BEST = 10

terminal: ContextVar[Progress | None] = ContextVar("terminal", default=None)
"""Where progress is told in the process that started the flow, if it has a terminal."""


def has_page() -> bool:
    """Whether somebody can look at the run: not on the private server of csp run."""
    return IS_PRIVATE not in os.environ


@dataclass
class _Bar:
    artifact: UUID
    told: float
    fraction: float = 0.0


@dataclass
class Page:
    """Progress bars on the page of the run, and on the terminal if there is one."""

    bars: dict[str, _Bar] = field(default_factory=dict)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Progress: a stage and how much of it is done."""
        tell = terminal.get()
        if tell is not None:
            tell(stage, done, total)
        if has_page():
            self._draw(stage, 100.0 * done / total if total else 100.0)

    def _draw(self, stage: str, percent: float) -> None:
        now = time.monotonic()
        bar = self.bars.get(stage)
        if bar is None:
            made = create_progress_artifact(percent, description=stage)
            self.bars[stage] = _Bar(_id(made), now, percent)
        elif percent != bar.fraction and (
            percent == 100.0 or now - bar.told > _SECONDS_A_LOOK  # noqa: PLR2004
        ):
            update_progress_artifact(bar.artifact, percent)
            bar.told, bar.fraction = now, percent


def _id(made: object) -> UUID:
    assert isinstance(made, UUID)
    return made


def show_results(folder: Path) -> None:
    """Put the landscape, its ten best structures and what was not done on the page."""
    if not has_page():
        return
    for name in ("landscape", "ranking"):
        picture = folder / f"{name}.png"
        if picture.exists():
            content = base64.b64encode(picture.read_bytes()).decode()
            create_image_artifact(
                f"data:image/png;base64,{content}",
                key=f"{name}-picture",
                description=f"{name} of {folder}",
            )
    rows = read_csv(folder / "landscape.csv")[:N_BEST]
    create_table_artifact(
        [asdict(row) for row in rows],
        key="best-structures",
        description=f"The {len(rows)} best structures by the force field",
    )
    for name in ("report", "ranking"):
        text = folder / f"{name}.md"
        if text.exists():
            create_markdown_artifact(text.read_text(encoding="utf-8"), key=name)
    for path in (folder, folder / "report.html"):
        create_link_artifact(
            path.absolute().as_uri(),
            key=path.suffix.lstrip(".") or "folder",
            link_text=str(path),
        )


def run_name() -> str:
    """What a flow run is called: its flow, the molecule and the search."""
    with contextlib.suppress(Exception):
        settings = settings_of(runtime.flow_run.parameters)
        return f"{settings.molecule.name}, {settings.packing.preset}"
    return str(runtime.flow_run.name)


def tag_run(settings: Settings) -> None:
    """Tag the run with its molecule and preset."""
    if not has_page():
        return
    with get_client(sync_client=True) as client:
        flow_run = UUID(str(runtime.flow_run.id))
        tags = {*runtime.flow_run.tags, *tags_of(settings)}
        client.update_flow_run(flow_run, tags=sorted(tags))
