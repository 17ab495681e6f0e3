"""``csp submit`` and ``csp runs``: predictions on a Prefect server."""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape

from csp.errors import InputError, ProgramError
from csp.terminal import console, explained, hearing, progress_bars, table_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from csp.records import Progress

_SECONDS_A_LOOK = 2.0
_LONGEST_AWAY = 300.0
_NO_SERVER = (
    "csp submit and csp runs need a Prefect server: start one with prefect server "
    "start and say where it is, export PREFECT_API_URL=http://HOST:4200/api; or run "
    "here without one, csp run"
)
_HEADINGS = ("run", "state", "started", "took", "deployment", "output")


def submit(
    settings_file: Annotated[
        Path, typer.Argument(help="Settings file (TOML); csp init writes one.")
    ],
    deployment: Annotated[
        str, typer.Option(help="Deployment of the flow; prefect deployment ls.")
    ] = "predict/local",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Output folder, as the worker sees it."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.KEY=VALUE",
            help="Override one setting, like --set run.runner=dask. May be repeated.",
        ),
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay until it ends, with its progress.")
    ] = False,
) -> None:
    """Hand a prediction to a Prefect server, for a worker to run.

    The worker must see the settings file and the output folder under the same paths.
    The same command goes on with a run that failed or was stopped.
    """
    with explained():
        from csp.runs import open_run
        from flows.asking import tags_of

        changes = tuple(overrides or ())
        run = open_run(settings_file, output, changes)  # refuses before it is queued
        parameters = {
            "settings_file": str(settings_file.absolute()),
            "output": str(run.output.absolute()),
            "overrides": list(changes),
        }
        tags = tags_of(run.settings)
        with _client() as client:
            flow_run = _submitted(client, deployment, parameters, tags)
            console.print(
                f"submitted {escape(flow_run.name)} to {escape(deployment)}: "
                f"{_page_of(flow_run.id)}",
                soft_wrap=True,
            )
            if not watch:
                console.print("next: csp runs, or the same command with --watch")
                return
            with progress_bars() as progress:
                _watched(client, flow_run.id, hearing(progress))
        shown = escape(str(run.output))
        console.print(f"finished\nnext: csp show {shown}", soft_wrap=True)


def runs(
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, max=200, help="How many.")
    ] = 10,
) -> None:
    """The latest runs of csp's flows on the Prefect server."""
    with explained(), _client() as client:
        from prefect.client.schemas.filters import (
            FlowFilter,
            FlowFilterName,
            FlowRunFilter,
            FlowRunFilterExpectedStartTime,
        )
        from prefect.client.schemas.sorting import FlowRunSort

        names = ["predict", "search", "rank", "reference", "correct", "benchmark"]
        # those of coming nights are scheduled long before
        until = FlowRunFilterExpectedStartTime(before_=datetime.now(UTC))
        found = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=names)),
            flow_run_filter=FlowRunFilter(expected_start_time=until),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=number,
        )
        deployments = _deployment_names(client, found)
        rows = [_row(item, deployments) for item in found]
        console.print(table_of(f"{len(rows)} runs, the latest first", _HEADINGS, rows))


def _client() -> "SyncPrefectClient":
    """A client of the server that the environment names.

    Raises:
        InputError: If it names none, or nothing answers there.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise InputError(_NO_SERVER)
    from flows.server import check_given

    check_given(os.environ["PREFECT_API_URL"])
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def _submitted(
    client: "SyncPrefectClient",
    name: str,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
) -> "FlowRun":
    from prefect.exceptions import ObjectNotFound

    try:
        deployment = client.read_deployment_by_name(name)
    except (ObjectNotFound, ValueError) as error:
        raise InputError(
            f"there is no deployment {name!r} on this server: make those of csp with "
            "prefect deploy --all, or choose one of prefect deployment ls"
        ) from error
    return client.create_flow_run_from_deployment(
        deployment.id, parameters=dict(parameters), tags=[*deployment.tags, *tags]
    )


def _watched(client: "SyncPrefectClient", identity: UUID, progress: "Progress") -> None:
    """Follow a run to its end; a server that is away for a while is waited for.

    Raises:
        ProgramError: If the run did not end well, or the server stays away.
    """
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    told: dict[str, float] = {}
    heard = time.monotonic()
    while True:
        try:
            state = client.read_flow_run(identity).state
            stages = _stages(client, identity)
            heard = time.monotonic()
        except (httpx.HTTPError, PrefectHTTPStatusError) as error:
            if time.monotonic() - heard > _LONGEST_AWAY:
                raise ProgramError(
                    f"the Prefect server does not answer any more ({error}): start it "
                    "again; the run may go on without it, csp runs tells"
                ) from error
            state, stages = None, []
        for stage, percent in stages:
            if told.get(stage) != percent:
                progress(stage, round(percent), 100)
            told[stage] = percent
        if state is not None and state.is_final():
            break
        time.sleep(_SECONDS_A_LOOK)
    if not state.is_completed():
        raise ProgramError(
            f"the run ended {state.name}: {state.message or 'without a reason'}; "
            f"{_page_of(identity)} says more, and the same command goes on"
        )


def _stages(client: "SyncPrefectClient", identity: UUID) -> list[tuple[str, float]]:
    """The progress bars of a run's page, in the order of their making."""
    from prefect.client.schemas.filters import (
        ArtifactFilter,
        ArtifactFilterFlowRunId,
        ArtifactFilterType,
    )
    from prefect.client.schemas.sorting import ArtifactSort

    found = client.read_artifacts(
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[identity]),
            type=ArtifactFilterType(any_=["progress"]),
        ),
        sort=ArtifactSort.ID_DESC,
    )
    found.sort(key=lambda item: item.created or datetime.now(UTC))
    return [(str(item.description), float(str(item.data))) for item in found]


def _deployment_names(
    client: "SyncPrefectClient", found: "Sequence[FlowRun]"
) -> dict[UUID, str]:
    wanted = {item.deployment_id for item in found if item.deployment_id is not None}
    return {identity: client.read_deployment(identity).name for identity in wanted}


def _row(item: "FlowRun", deployments: Mapping[UUID, str]) -> tuple[str, ...]:
    started = item.start_time or item.expected_start_time or datetime.now(UTC)
    took = item.total_run_time or timedelta()
    parameters = item.parameters or {}
    return (
        item.name,
        str(item.state.name) if item.state else "",
        f"{started.astimezone():%Y-%m-%d %H:%M}",
        str(timedelta(seconds=round(took.total_seconds()))),
        deployments.get(item.deployment_id, "") if item.deployment_id else "",
        str(parameters.get("output") or parameters.get("folder") or ""),
    )


def _page_of(identity: UUID) -> str:
    from prefect.settings import PREFECT_UI_URL

    address = PREFECT_UI_URL.value() or os.environ["PREFECT_API_URL"].removesuffix(
        "/api"
    )
    return f"{address}/runs/flow-run/{identity}"
