"""``csp reference``: the expensive level, estimated, computed, shown."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from csp.reference_exchange_commands import check, export_energies, import_energies
from csp.reference_options import (
    DEFAULT_LEVEL,
    FEW,
    AsJson,
    Cores,
    CoresEach,
    Gas,
    Identities,
    LevelName,
    LevelsFile,
    Lowest,
    Output,
    Sources,
    Spread,
    Window,
    duration,
    opened,
    seconds_of,
)
from csp.terminal import console, explained, hearing, progress_bars, table_of

if TYPE_CHECKING:
    from csp.reference.campaign import Campaign, Tally
    from csp.reference.levels import Level
    from csp.reference.selection import Candidate
    from csp.reference_source import Source

app = typer.Typer(
    help="""Reference energies: hybrid DFT with dispersion for chosen crystals.

  csp reference levels                       what can be computed, and by which program

  csp reference estimate DIR --lowest 20     how long it will take

  csp reference run DIR --lowest 20          compute; run it again to go on after a stop

  csp reference status DIR                   energies so far, failures with reasons

DIR is the output folder of csp run; CIF files may be given in its place. Results are
kept in DIR/reference. Energies are in kJ/mol per formula unit.
""",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

app.command("check")(check)
app.command("import")(import_energies)
app.command("export")(export_energies)


@app.command("levels")
def levels(levels_file: LevelsFile = None, *, as_json: AsJson = False) -> None:
    """The levels of theory: name, engine, and what decides the numbers."""
    with explained():
        from csp.reference.levels import digest_of, read_levels

        known = read_levels(levels_file)
        if as_json:
            content = {
                name: item.model_dump(mode="json") | {"digest": digest_of(item, known)}
                for name, item in known.items()
            }
            console.print_json(json.dumps(content))
            return
        rows: list[tuple[str, ...]] = [
            (name, item.engine, _settings_text(item))
            for name, item in sorted(known.items())
        ]
        console.print(
            table_of("Levels of theory", ("level", "engine", "settings"), rows)
        )


def _settings_text(level: "Level") -> str:
    hidden = {"name", "engine", "pseudopotentials"}
    values = level.model_dump(mode="json", exclude=hidden, exclude_none=True)
    return escape(", ".join(f"{key} {value}" for key, value in values.items()))


@app.command("estimate")
def estimate(  # noqa: PLR0913 - every option is an argument
    sources: Sources,
    level: LevelName = DEFAULT_LEVEL,
    levels_file: LevelsFile = None,
    output: Output = None,
    gas: Gas = None,
    lowest: Lowest = None,
    spread: Spread = 0,
    window: Window = 25.0,
    identities: Identities = None,
    cores: Cores = None,
    *,
    as_json: AsJson = False,
) -> None:
    """How long the chosen structures will take, before anything is computed.

    The estimate is fitted to what was computed at this level in this folder so far;
    before that, to the time of oxalic acid.
    """
    with explained():
        source, campaign, chosen = opened(
            (sources, output, gas),
            (level, levels_file),
            (lowest, spread, window),
            identities,
        )
        model = campaign.cost_model()
        rows = []
        for item in chosen:
            seconds = 0.0
            if not campaign.is_done(item.subject):
                seconds = campaign.expected_cpu_seconds(item.subject, model)
            rows.append((item, seconds))
        total = sum((seconds for _, seconds in rows), 0.0)
        n_cores = cores or os.cpu_count() or 1
        if as_json:
            console.print_json(
                json.dumps(
                    {
                        "level": campaign.level.name,
                        "n_structures": len(rows),
                        "n_known": sum(seconds == 0.0 for _, seconds in rows),
                        "learned_from": model.n_calculations,
                        "cpu_seconds": round(total, 1),
                        "wall_seconds": round(total / n_cores, 1),
                        "structures": [
                            {
                                "id": item.subject.id,
                                "n_atoms": item.subject.n_atoms,
                                "cpu_seconds": round(seconds, 1),
                            }
                            for item, seconds in rows
                        ],
                    }
                )
            )
            return
        _tell_estimate(rows, total, n_cores, campaign, model.n_calculations)
        console.print(escape(source.gas_note))


def _tell_estimate(
    rows: "Sequence[tuple[Candidate, float]]",
    total: float,
    n_cores: int,
    campaign: "Campaign",
    n_learned: int,
) -> None:
    sizes: dict[int, list[float]] = {}
    for item, seconds in rows:
        sizes.setdefault(item.subject.n_atoms, []).append(seconds)
    console.print(
        table_of(
            f"{len(rows)} structures at {campaign.level.name}",
            ("atoms", "structures", "computed", "CPU time"),
            [
                (
                    str(size),
                    str(len(times)),
                    str(sum(time == 0.0 for time in times)),
                    duration(sum(times)),
                )
                for size, times in sorted(sizes.items())
            ],
        )
    )
    origin = (
        f"learned from {n_learned} calculations here"
        if n_learned
        else "a guess from oxalic acid: nothing was computed here yet"
    )
    console.print(
        f"{duration(total)} of CPU time, {duration(total / n_cores)} on {n_cores} "
        f"cores ({origin})"
    )


@app.command("run")
def run(  # noqa: PLR0913 - every option is an argument
    sources: Sources,
    level: LevelName = DEFAULT_LEVEL,
    levels_file: LevelsFile = None,
    output: Output = None,
    gas: Gas = None,
    lowest: Lowest = None,
    spread: Spread = 0,
    window: Window = 25.0,
    identities: Identities = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Wall time, like 90m, 6h or 2d; no limit if left out."),
    ] = None,
    cores: Cores = None,
    cores_each: CoresEach = 1,
    memory: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Gigabytes in all; three quarters of the machine's."
        ),
    ] = None,
    *,
    retry_failed: Annotated[
        bool, typer.Option(help="Try again what was set aside.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute reference energies of the chosen structures and of their molecules.

    May be stopped or killed at any time and started again, here or on other machines
    that share the folder: what is finished stays, and nothing is computed twice.
    """
    with explained():
        from csp.reference.campaign import Limits, machine_memory

        n_cores = cores or os.cpu_count() or 1
        limits = Limits(
            cores=n_cores,
            cores_each=min(cores_each, n_cores),
            memory=memory or machine_memory(),
            budget_seconds=None if budget is None else seconds_of(budget),
            retry_failed=retry_failed,
        )
        source, campaign, chosen = opened(
            (sources, output, gas),
            (level, levels_file),
            (lowest, spread, window),
            identities,
        )
        subjects = [*(item.subject for item in chosen), *source.molecules]
        with progress_bars() as progress:
            tally = campaign.run(subjects, limits, hearing(progress))
        _tell_tally(tally, source, campaign, as_json=as_json)


@app.command("status")
def status(
    sources: Sources,
    levels_file: LevelsFile = None,
    output: Output = None,
    gas: Gas = None,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, help="How many structures.")
    ] = FEW,
    *,
    as_json: AsJson = False,
) -> None:
    """What was computed, what it gave, what failed and why."""
    with explained():
        from csp.reference_source import open_source
        from csp.reference_table import level_report

        source = open_source(sources, output, gas or [])
        reports = [
            report
            for report in (
                level_report(campaign, source)
                for campaign in _campaigns(source, levels_file)
            )
            if report.n_computed or report.failures or report.running
        ]
        if as_json:
            console.print_json(json.dumps([report.to_document() for report in reports]))
            return
        if not reports:
            console.print(
                "nothing is computed yet\nnext: csp reference run "
                f"{escape(str(sources[0]))} --lowest 10"
            )
        for report in reports:
            console.print(report.table(number), "")
            for line in report.sentences():
                console.print(escape(line), soft_wrap=True)


def _campaigns(source: "Source", levels_file: Path | None) -> "list[Campaign]":
    from csp.reference.campaign import Campaign
    from csp.reference.levels import read_levels

    known = read_levels(levels_file)
    return [
        Campaign(source.folder, item, known, source.conformers)
        for _, item in sorted(known.items())
    ]


def _tell_tally(
    tally: "Tally", source: "Source", campaign: "Campaign", *, as_json: bool
) -> None:
    spent = sum((item.cost.cpu_seconds for item in tally.computed if item.cost), 0.0)
    failures = [
        {"id": subject.id, "reason": failure.reason.value, "message": failure.message}
        for subject, failure in tally.failures
    ]
    if as_json:
        console.print_json(
            json.dumps(
                {
                    "level": campaign.level.name,
                    "computed": len(tally.computed) - len(failures),
                    "known": tally.n_known,
                    "left": tally.n_left,
                    "cpu_seconds": round(spent, 1),
                    "failures": failures,
                }
            )
        )
        return
    console.print(
        f"{len(tally.computed) - len(failures)} computed, {tally.n_known} known "
        f"before, {len(failures)} failed, {tally.n_left} left (budget, or computed by "
        f"another worker); {duration(spent)} of CPU time"
    )
    for item in failures:
        console.print(
            f"set aside: {escape(item['id'])}: {item['reason']}: "
            f"{escape(item['message'])}",
            soft_wrap=True,
        )
    console.print(f"next: csp reference status {escape(str(source.folder))}")
