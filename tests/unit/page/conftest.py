"""Folders of finished runs to report on: without a correction, and with one."""

import json
import shutil
from pathlib import Path

import pytest

from csp.corrected.tables import RankingRow
from csp.corrected.tables import csv_text as ranking_csv
from csp.report.tables import read_csv

LEVEL = "pbe0-d4-qe/production"
N_COMPUTED = 6


def ranking_of(folder: Path) -> list[RankingRow]:
    """A ranking that puts the observed forms lowest; every other is computed."""
    rows = read_csv(folder / "landscape.csv")
    order = sorted(rows, key=lambda row: (not row.observed_form, row.rank))
    return [
        RankingRow(
            rank=place,
            id=row.id,
            energy_kj_per_mol=-90.0 + place,
            relative_energy_kj_per_mol=place - 1.0,
            sigma_kj_per_mol=0.1 if place % 2 else 0.8,
            p_global_minimum=0.9 if place == 1 else 0.1 / (len(rows) - 1),
            p_within_2_kj_per_mol=1.0 if place < 3 else 0.1,
            expected_rank=float(place),
            rank_5_percent=max(1, place - 1),
            rank_95_percent=place + 1,
            forcefield_rank=row.rank,
            forcefield_relative_energy_kj_per_mol=row.relative_energy_kj_per_mol,
            computed_at=LEVEL if place % 2 else "",
            unlike_all_computed=place == 4,
            observed_form=row.observed_form,
        )
        for place, row in enumerate(order, start=1)
    ]


def diagnostics_of(ranking: list[RankingRow]) -> dict[str, object]:
    computed = [row for row in ranking if row.computed_at][:N_COMPUTED]
    labels = [0.5 * index for index in range(len(computed))]
    return {
        "level": LEVEL,
        "ending": "the budget was spent",
        "levels": [
            {
                "level": LEVEL,
                "n_computed": len(computed),
                "are_lattice_energies": True,
                "cpu_hours": 1.5,
                "ids": [row.id for row in computed],
                "energies": [row.energy_kj_per_mol for row in computed],
                "left_out": {
                    "labels": labels,
                    "predicted": [value + 0.2 for value in labels],
                    "sigma": [0.3] * len(labels),
                },
            }
        ],
        "learning_curve": [
            {
                "n_train": n,
                "mae": 2.0 / n,
                "mae_error": 0.1,
                "mae_constant": 2.0,
                "mae_density": 1.5,
                "coverage": {"50": 0.5, "68": 0.7, "95": 0.9},
            }
            for n in (5, 10)
        ],
    }


@pytest.fixture
def plain_folder(finished, tmp_path) -> Path:
    """A landscape of the force field alone."""
    folder = tmp_path / "run"
    shutil.copytree(finished.output, folder)
    return folder


@pytest.fixture
def corrected_folder(plain_folder) -> Path:
    """The same with a ranking."""
    ranking = ranking_of(plain_folder)
    (plain_folder / "ranking.csv").write_text(ranking_csv(ranking), encoding="utf-8")
    (plain_folder / "ranking.md").write_text(
        f"# Corrected landscape: {LEVEL}\n\n![picture](ranking.png)\n\nLattice "
        "energies, kJ/mol.\n\n- 6 structures computed\n\n| rank | id |\n| --- | --- |\n"
        "| 1 | a |\n\n## Learning curve\n\nErrors.\n",
        encoding="utf-8",
    )
    (plain_folder / "ranking.json").write_text(
        json.dumps(diagnostics_of(ranking)), encoding="utf-8"
    )
    return plain_folder
