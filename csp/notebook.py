"""csp from Python: a prediction in a few lines, and what a run's folder holds.

>>> import csp
>>> landscape = csp.load("runs/oxalic_acid")  # doctest: +SKIP
>>> landscape.crystal(1)  # doctest: +SKIP
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from csp.comparison.reading import read_crystal
from csp.crystal import Crystal
from csp.errors import InputError
from csp.exports.figure import drawn
from csp.exports.formats import columns
from csp.exports.selection import Choice, EnergyLevel, Exported, chosen
from csp.page.write import PAGE
from csp.runs import open_run
from csp.settings import checked
from csp.settings_copy import kept
from csp.stages import predict as predict_in_process
from csp.terminal import progress_bars
from csp.viewing.tables import html_table

_SHOWN = 10
"""Structures of a landscape in a notebook, besides the observed forms."""


@dataclass(frozen=True, eq=False, slots=True)
class Results:
    """What a finished run found, the lowest first.

    Shown in a notebook as the landscape's picture and its ten lowest structures.

    Attributes:
        folder: Output folder of the run.
        level: Whose energies order the structures.
        items: The structures.
    """

    folder: Path
    level: EnergyLevel
    items: tuple[Exported, ...]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def report(self) -> Path:
        """The page that shows all of the run, to be opened in a browser."""
        return self.folder / PAGE

    @property
    def table(self) -> pd.DataFrame:
        """One row a structure, the columns of ``csp export``; names hold the units."""
        return pd.DataFrame(map(columns, self.items), index=self._ranks)

    def crystal(self, which: int | str) -> Crystal:
        """One structure, by its rank (1 is the lowest) or its id.

        Raises:
            InputError: If there is none.
        """
        for rank, item in enumerate(self.items, start=1):
            if which in (rank, item.stored.row.id):
                return read_crystal(item.cif)
        raise InputError(
            f"the landscape in {self.folder} has no structure {which!r}: give a rank "
            f"from 1 to {len(self.items)}, or an id of its table"
        )

    def _repr_html_(self) -> str:
        levels = (
            list(EnergyLevel)
            if self.level is EnergyLevel.CORRECTED
            else [EnergyLevel.FORCE_FIELD]
        )
        picture = base64.b64encode(drawn(self.items, levels, "png")).decode()
        shown = [
            (rank, item)
            for rank, item in zip(self._ranks, self.items, strict=True)
            if rank <= _SHOWN or item.stored.row.observed_form
        ]
        return (
            f'<img alt="energy above the lowest against density" '
            f'style="max-width:{420 * len(levels)}px" '
            f'src="data:image/png;base64,{picture}">'
        ) + html_table(
            f"{len(self)} structures in {self.folder}, {self.level} energies",
            self._headings(),
            (self._cells(rank, item) for rank, item in shown),
        )

    @property
    def _ranks(self) -> pd.Index:
        return pd.RangeIndex(1, len(self.items) + 1)

    def _headings(self) -> tuple[str, ...]:
        corrected = ("corrected", "± σ", "P(lowest)")
        return (
            "rank",
            "id",
            "space group",
            "Z′",
            "density, g/cm³",
            "above the lowest, kJ/mol: force field",
            *(corrected if self.level is EnergyLevel.CORRECTED else ()),
            "observed form",
        )

    def _cells(self, rank: int, item: Exported) -> tuple[str, ...]:
        row, better = item.stored.row, item.ranking
        corrected = (
            (
                f"{better.relative_energy_kj_per_mol:.2f}",
                f"{better.sigma_kj_per_mol:.2f}",
                f"{100 * better.p_global_minimum:.0f} %",
            )
            if better is not None and self.level is EnergyLevel.CORRECTED
            else ()
        )
        return (
            str(rank),
            row.id,
            row.space_group,
            f"{row.z_prime:g}",
            f"{row.density_g_per_cm3:.3f}",
            f"{row.relative_energy_kj_per_mol:.2f}",
            *corrected,
            row.observed_form,
        )


def load(folder: str | Path) -> Results:
    """What a finished run found, by corrected energies where there are any.

    Args:
        folder: Output folder of ``csp run`` or :func:`predict`.

    Raises:
        InputError: If there is no landscape.
    """
    level, items = chosen(Path(folder), Choice())
    return Results(Path(folder), level, tuple(items))


def predict(
    source: str | list[str],
    output: str | Path,
    *,
    name: str = "molecule",
    preset: str = "standard",
    **sections: Mapping[str, object],
) -> Results:
    """Predict the crystals of a molecule in this process, on all cores.

    The same stages as ``csp run``, and the same landscape. It may be stopped at any
    moment: the same call goes on where it was.

    Args:
        source: A SMILES string or the path of a geometry; a list with every molecule
            of the formula unit for a co-crystal, hydrate or salt.
        output: Folder for the results.
        name: Of the compound.
        preset: Named search: quick, standard, thorough, efficient-z2 or chiral.
        sections: Sections of a settings file with the keys that differ, like
            ``packing={"n_minima": 300}`` or ``landscape={"observed": {"beta":
            "beta.cif"}}``.

    Raises:
        CspError: If the settings are wrong, or the folder holds other results.

    Example:
        >>> landscape = predict("OC(=O)C(=O)O", "oxalic")  # doctest: +SKIP
    """
    given: dict[str, Mapping[str, object]] = {
        **sections,
        "molecule": {"source": source, "name": name, **sections.get("molecule", {})},
        "packing": {"preset": preset, **sections.get("packing", {})},
    }
    folder = Path(output).absolute()
    run = open_run(kept(checked(given), folder), folder)
    with progress_bars() as progress:
        predict_in_process(run, progress)
    return load(folder)
