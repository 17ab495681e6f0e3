"""A report's data, read from the folder of a run."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ase.io import write as write_atoms

from csp import __version__
from csp.comparison.overlay import are_same_molecules
from csp.comparison.reading import read_crystal
from csp.corrected.outputs import DIAGNOSTICS, NAMES
from csp.corrected.tables import RankingRow, read_ranking
from csp.crystal import Crystal
from csp.errors import InputError
from csp.page.data import ObservedForm, ReportData, Section, Structure
from csp.page.overlays import Comparisons, compare
from csp.page.sections import name_of, sections_of, version_of
from csp.page.words import not_done
from csp.records import Progress
from csp.report.completeness_table import read_completeness
from csp.report.tables import LandscapeRow, read_csv
from csp.store import Store

OBSERVED = "observed"
"""Folder of the observed forms beside the landscape."""
_PACKAGES = ("numpy", "scipy", "ase", "spglib", "pymatgen", "rdkit", "gpytorch")
_CORRECTION = "Corrected landscape"


def read_report(
    folder: Path, observed: Sequence[Path], progress: Progress
) -> ReportData:
    """Everything that the report of a folder shows.

    Args:
        folder: Output folder of ``csp run``.
        observed: CIF files of observed forms; those of the folder if there are none.
        progress: Told how far the comparisons are.

    Raises:
        InputError: If there is no landscape, its files do not belong together, or an
            observed crystal is made of other molecules.
    """
    rows = read_csv(folder / "landscape.csv")
    if not rows:
        raise InputError(
            f"the landscape in {folder} has no structures: make another with csp run"
        )
    ranking = _ranking(folder, rows)
    files = {row.id: _cif_path(folder, row) for row in rows}
    forms = list(observed) or sorted((folder / OBSERVED).glob("*.cif"))
    crystals = _observed_crystals(forms, files[rows[0].id])
    orders = [[row.id for row in rows], list(ranking)]
    comparisons = compare(files, orders, crystals, progress)
    structures = [
        Structure(row, ranking.get(row.id), _text(files[row.id])) for row in rows
    ]
    report, correction = (_optional(folder / name) for name in ("report.md", NAMES[2]))
    sections, level = _sections(report, correction)
    diagnostics = _json(folder / DIAGNOSTICS) if ranking else None
    return ReportData(
        name=name_of(report, folder),
        structures=structures,
        observed=_forms(crystals, comparisons),
        overlays=comparisons.overlays,
        level=level if ranking else "",
        diagnostics=diagnostics,
        completeness=read_completeness(folder / "completeness.csv"),
        sections=sections,
        settings=Store(folder / "store").manifest() or {},
        versions=_versions(folder, report),
        not_done=not_done(
            n_structures=len(rows),
            has_ranking=bool(ranking),
            has_diagnostics=diagnostics is not None,
            has_completeness=(folder / "completeness.csv").exists(),
            n_observed=len(crystals),
        ),
    )


def _ranking(folder: Path, rows: Sequence[LandscapeRow]) -> dict[str, RankingRow]:
    """Rows of the ranking by id, the lowest first; empty if there is none."""
    if not (folder / NAMES[0]).exists():
        return {}
    ranking = {row.id: row for row in read_ranking(folder / NAMES[0])}
    if set(ranking) != {row.id for row in rows}:
        raise InputError(
            f"{folder / NAMES[0]} ranks other structures than landscape.csv holds: "
            f"make it again with csp correct {folder}"
        )
    return ranking


def _cif_path(folder: Path, row: LandscapeRow) -> Path:
    return folder / "structures" / f"{row.rank:04d}_{row.id}.cif"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): the same csp run command "
            "makes it again"
        ) from error


def _optional(path: Path) -> str:
    return _text(path) if path.exists() else ""


def _json(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file that csp wrote; None if there is none."""
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(
            f"{path} is no JSON ({error}): delete it; csp run and csp correct make it "
            "again"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object: delete it and make it again")
    return content


def _observed_crystals(files: Sequence[Path], structure: Path) -> dict[str, Crystal]:
    """Observed crystals by the names of their files."""
    found: dict[str, Crystal] = {}
    for path in files:
        crystal = read_crystal(path)
        if path.stem in found:
            raise InputError(
                f"two observed forms are called {path.stem}: rename one of the files"
            )
        if not are_same_molecules(
            crystal, read_crystal(structure, needs_hydrogens=False)
        ):
            raise InputError(
                f"the observed form {path} is no crystal of the molecules of this "
                "landscape: leave it out of --observed"
            )
        found[path.stem] = crystal
    return found


def _forms(
    crystals: Mapping[str, Crystal], comparisons: Comparisons
) -> list[ObservedForm]:
    return [
        ObservedForm(
            name,
            _full_cell(crystal),
            comparisons.found_as[name],
            comparisons.n_compared,
        )
        for name, crystal in crystals.items()
    ]


def _full_cell(crystal: Crystal) -> str:
    """All atoms of a crystal's cell as CIF, in the orientation that was compared."""
    stream = io.BytesIO()
    write_atoms(stream, crystal.to_ase(), format="cif")
    return stream.getvalue().decode()


def _sections(report: str, correction: str) -> tuple[tuple[Section, ...], str]:
    """The sections of both reports, and the level of the corrected one."""
    _, sections = sections_of(report)
    head, further = sections_of(correction)
    title, _, body = head.removeprefix("# ").partition("\n")
    if not title:
        return sections, ""
    level = title.partition(": ")[2] if title.startswith(_CORRECTION) else ""
    words = re.sub(r"^\|.*$", "", body, flags=re.MULTILINE).strip()
    return (*sections, Section(_CORRECTION, words), *further), level


def _versions(folder: Path, report: str) -> dict[str, str]:
    """Of the programs that made the landscape, its molecules, and this page."""
    versions = {"csp, this page": __version__}
    if made_by := version_of(report):
        versions["csp, landscape"] = made_by
    for path in sorted(folder.glob("conformers*.json")):
        programs = (_json(path) or {}).get("programs", {})
        versions |= {f"{name}, conformers": str(programs[name]) for name in programs}
    for package in _PACKAGES:
        try:
            versions[f"{package}, this page"] = version(package)
        except PackageNotFoundError:
            continue
    return versions
