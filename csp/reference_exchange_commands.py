"""``csp reference import``, ``export``, ``check``: energies from and for elsewhere."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.markup import escape

from csp.errors import InputError
from csp.terminal import console, explained, hearing, progress_bars

if TYPE_CHECKING:
    from csp.reference.calculation import Calculation
    from csp.reference.campaign import Campaign
    from csp.reference.levels import Level
    from csp.reference.subjects import Subject
    from csp.reference_source import Source

    Levels = Mapping[str, Level]

Sources = Annotated[
    list[Path],
    typer.Argument(metavar="DIR|CIF...", help="Folder of a run, or CIF files."),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")]
LevelName = Annotated[str, typer.Option("--level", "-l", help="Level of theory.")]
LevelsFile = Annotated[
    Path | None, typer.Option("--levels", help="TOML file with levels of your own.")
]
RECORDS = "records"


def import_energies(
    folder: Folder,
    file: Annotated[
        Path,
        typer.Argument(
            help="An .extxyz file, or a .jsonl file of csp reference export."
        ),
    ],
    level: Annotated[
        str | None,
        typer.Option("--level", "-l", help="Level of the energies of an .extxyz file."),
    ] = None,
    levels_file: LevelsFile = None,
    key: Annotated[
        str, typer.Option(help="Name of the energy (eV for all atoms) in an .extxyz.")
    ] = "energy",
    *,
    add_dispersion: Annotated[
        bool,
        typer.Option(
            help="The energies are electronic: add the level's own dispersion, and its "
            "counterpoise correction (minutes a crystal) where it has one."
        ),
    ] = False,
) -> None:
    """Take over energies that were computed elsewhere.

    Frames of an .extxyz file name their structure by id=...; composition, cell and
    every atom are checked. Records of csp reference export are found again by their
    geometry, whatever the names here.
    """
    with explained():
        from csp.reference.levels import read_levels
        from csp.reference_source import open_source

        known = read_levels(levels_file)
        source = open_source([folder], None, [])
        if file.suffix == ".jsonl":
            counts, notes = _adopted(file, source, known)
        elif level is None:
            raise InputError(
                "an .extxyz file does not say at which level its energies are: name "
                "it with --level"
            )
        else:
            counts, notes = _imported(
                file, source, (level, known), key, add_dispersion=add_dispersion
            )
        for note in notes:
            console.print(escape(note), soft_wrap=True)
        for name, count in counts.items():
            console.print(f"{count} energies at {escape(name)} taken over")
        if not counts:
            raise InputError(f"no energy of {file} belongs to a structure in {folder}")
        console.print(f"next: csp reference status {escape(str(folder))}")


def _adopted(
    file: Path, source: "Source", levels: "Levels"
) -> tuple[Mapping[str, int], Sequence[str]]:
    from csp.reference.campaign import Campaign
    from csp.reference.sharing import read_records, take_over

    results = {
        name: Campaign(source.folder, level, levels).results
        for name, level in levels.items()
    }
    subjects = [*source.molecules, *(item.subject for item in source.candidates)]
    found = take_over(read_records(file), results, subjects, file.name)
    return found.counts, found.notes


def _imported(
    file: Path,
    source: "Source",
    level: "tuple[str, Levels]",
    key: str,
    *,
    add_dispersion: bool,
) -> tuple[Mapping[str, int], Sequence[str]]:
    from csp.reference.calculation import Calculation, origin
    from csp.reference.campaign import Campaign
    from csp.reference.exchange import read_energies
    from csp.reference.levels import level_named

    name, levels = level
    wanted = level_named(name, levels)
    campaign = Campaign(source.folder, wanted, levels)
    subjects = {item.subject.id: item.subject for item in source.candidates}
    subjects |= {item.id: item for item in source.molecules}
    systems = {identity: subject.system for identity, subject in subjects.items()}
    found = read_energies(file, systems, key, wanted if add_dispersion else None)
    for identity, energy in found.energies.items():
        campaign.results.write(
            Calculation(
                subjects[identity],
                wanted.name,
                campaign.digest,
                energy,
                (),
                None,
                origin() | {"taken_from": file.name},
            )
        )
    count = len(found.energies)
    return ({wanted.name: count} if count else {}), list(found.refusals)


def export_energies(  # noqa: PLR0913 - every option is an argument
    sources: Sources,
    to: Annotated[Path, typer.Option("--to", help="Folder or file to write.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="records (energies so far), or inputs for quantum-espresso, cp2k, "
            "vasp, fhi-aims or extxyz.",
        ),
    ] = RECORDS,
    level: LevelName = "pbe0-d4",
    levels_file: LevelsFile = None,
    lowest: Annotated[
        int, typer.Option(min=0, help="Inputs of this many of the lowest structures.")
    ] = 20,
    spread: Annotated[
        int, typer.Option(min=0, help="And of this many over the window.")
    ] = 0,
    window: Annotated[float, typer.Option(min=0.0, help="kJ/mol.")] = 25.0,
) -> None:
    """Write energies for others, or inputs to compute them on a cluster.

    Inputs come with a list of jobs and a README that says how energies come back.
    """
    with explained():
        from csp.reference.levels import level_named, read_levels
        from csp.reference_source import open_source

        known = read_levels(levels_file)
        source = open_source(sources, None, [])
        wanted = level_named(level, known)
        if form == RECORDS:
            count = _write_records(to, source, wanted, known)
            console.print(f"wrote {count} energies to {escape(str(to))}")
        else:
            amount = (lowest, spread, window)
            count = _write_inputs(to, source, wanted, form, amount)
            console.print(
                f"wrote inputs of {count} structures and molecules to "
                f"{escape(str(to))}\nnext: {escape(str(to / 'README.md'))}"
            )


def _write_records(
    path: Path, source: "Source", level: "Level", levels: "Levels"
) -> int:
    from csp.reference.campaign import Campaign
    from csp.reference.levels import EmbeddingLevel, level_named
    from csp.reference.sharing import write_records

    wanted = [level]
    if isinstance(level, EmbeddingLevel):
        wanted.insert(0, level_named(level.base, levels))
    calculations: list[Calculation] = []
    for item in wanted:
        calculations += Campaign(source.folder, item, levels).results.all()
    if not calculations:
        raise InputError(
            f"there is no energy at {level.name} in {source.folder}: compute some with "
            "csp reference run"
        )
    write_records(path, calculations)
    return len(calculations)


def _write_inputs(
    folder: Path,
    source: "Source",
    level: "Level",
    program: str,
    amount: tuple[int, int, float],
) -> int:
    from csp.files import write_atomically
    from csp.reference.export import Program, exported
    from csp.reference.selection import Selection, selected

    if program not in get_args(Program):
        raise InputError(
            f"--format {program!r} is none of {RECORDS}, {', '.join(get_args(Program))}"
        )
    chosen = selected(source.candidates, Selection(*amount))
    systems = {item.subject.id: item.subject.system for item in chosen}
    systems |= {item.id: item.system for item in source.molecules}
    for name, content in exported(systems, level, program).items():  # type: ignore[arg-type]
        write_atomically(folder / name, content)
    return len(systems)


def check(  # noqa: PLR0913 - every option is an argument
    sources: Sources,
    level: LevelName = "pbe0-d4",
    levels_file: LevelsFile = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the results of CIF files."),
    ] = None,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, help="How many structures.")
    ] = 3,
    cores: Annotated[int, typer.Option("--cores", min=1, help="Threads.")] = 1,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Whether a level's energies depend on the cell: every one with its double.

    Energies per formula unit of a cell and of the cell doubled along its shortest
    vector must agree to 0.2 kJ/mol, or nothing may be learned from the level. The
    structures with the smallest cells are taken. Exit code 1 if one fails.
    """
    with explained():
        from csp.reference.campaign import Campaign, Limits, machine_memory
        from csp.reference.convergence import LARGEST_DIFFERENCE, doubled_subject
        from csp.reference.levels import level_named, read_levels
        from csp.reference_source import open_source

        known = read_levels(levels_file)
        source = open_source(sources, output, [])
        campaign = Campaign(source.folder, level_named(level, known), known)
        smallest = sorted(
            (item.subject for item in source.candidates),
            key=lambda subject: (subject.n_atoms, subject.id),
        )[:number]
        pairs = [(subject, doubled_subject(subject)) for subject in smallest]
        limits = Limits(cores, cores, machine_memory())
        with progress_bars() as progress:
            campaign.run(
                [subject for pair in pairs for subject in pair],
                limits,
                hearing(progress),
            )
        found = differences(campaign, pairs)
        is_good = bool(found) and all(
            abs(value) <= LARGEST_DIFFERENCE for _, value in found
        )
        if as_json:
            content = {
                "level": campaign.level.name,
                "differences_kj_per_mol": dict(found),
                "largest_allowed_kj_per_mol": LARGEST_DIFFERENCE,
                "converged": is_good and len(found) == len(pairs),
            }
            console.print_json(json.dumps(content))
        else:
            for name, value in found:
                console.print(
                    f"{escape(name)}: cell − doubled cell {value:+.3f} kJ/mol"
                )
            verdict = "may be learned from" if is_good else "may NOT be learned from"
            console.print(f"{campaign.level.name} {verdict}")
        if not is_good or len(found) < len(pairs):
            raise typer.Exit(1)


def differences(
    campaign: "Campaign", pairs: "Sequence[tuple[Subject, Subject]]"
) -> list[tuple[str, float]]:
    """Energy of each cell minus its double, kJ/mol per formula unit, where known."""
    from csp.reference.lattice_energies import energy_per_formula_unit

    found = []
    for single, double in pairs:
        energies = []
        for subject in (single, double):
            known = campaign.results.find(subject)
            energies.append(None if known is None else energy_per_formula_unit(known))
        if energies[0] is not None and energies[1] is not None:
            found.append((single.id, energies[0] - energies[1]))
    return found
