"""The landscape for other programs: an ASE database and CIF files."""

import os
import tempfile
from pathlib import Path

from ase.db import connect

from csp.files import unwritable, write_atomically
from csp.landscape import Landscape
from csp.report.tables import LandscapeRow


def write_database(path: Path, landscape: Landscape, rows: list[LandscapeRow]) -> None:
    """Write an ASE database (SQLite), one row a structure, in one step.

    Raises:
        InputError: If the folder cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=".db"
        )
    except OSError as error:
        raise unwritable(path.parent, error) from error
    os.close(descriptor)
    temporary = Path(name)
    temporary.unlink()
    try:
        with connect(temporary) as database:
            for minimum, row in zip(landscape.minima, rows, strict=True):
                # ASE keeps no strings that could be numbers, and no empty ones
                database.write(
                    minimum.crystal.to_ase(),
                    rank=row.rank,
                    csp_id=row.id,
                    space_group=row.space_group,
                    z_prime=row.z_prime,
                    lattice_energy_kj_per_mol=row.lattice_energy_kj_per_mol,
                    relative_energy_kj_per_mol=row.relative_energy_kj_per_mol,
                    density_g_per_cm3=row.density_g_per_cm3,
                    times_found=row.times_found,
                    conformer=f"conformer {row.conformer}",
                    observed_form=row.observed_form or "none",
                )
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_cifs(folder: Path, landscape: Landscape) -> None:
    """Write one CIF a structure, named by rank and id; older ones are removed."""
    names = {
        f"{rank:04d}_{minimum.identity}.cif": minimum.cif
        for rank, minimum in enumerate(landscape.minima, start=1)
    }
    for name, text in names.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text)
    for path in folder.glob("*.cif"):
        if path.name not in names:
            path.unlink()
