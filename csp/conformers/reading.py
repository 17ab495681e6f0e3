"""The molecule the user names: a SMILES string, or an XYZ, SDF, MOL or CIF file."""

from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

from csp.conformers.completeness import check_complete
from csp.conformers.extraction import molecule_from_cif
from csp.conformers.generation import embedding_parameters
from csp.conformers.graph import bonds_from_distances, fragments_of
from csp.errors import InputError
from csp.molecule import Molecule

FILE_TYPES = (".xyz", ".sdf", ".mol", ".cif")
N_XYZ_FIELDS = 4
N_XYZ_HEADER = 2


def is_file_name(source: str) -> bool:
    """Whether ``source`` names a file rather than being a SMILES string.

    >>> is_file_name("urea.cif"), is_file_name("NC(N)=O")
    (True, False)
    """
    return Path(source).suffix.lower() in FILE_TYPES


def names_hand(source: str) -> bool:
    """Whether a source says which of two mirror images a molecule is.

    >>> names_hand("C[C@H](N)C(=O)O"), names_hand("CC(N)C(=O)O"), names_hand("a.cif")
    (True, False, False)
    """
    if is_file_name(source):
        return False
    with rdBase.BlockLogs():
        drawn: Chem.Mol | None = Chem.MolFromSmiles(source.strip())
    return drawn is not None and bool(Chem.FindMolChiralCenters(drawn))


def read_molecule(source: str, folder: Path, name: str, charge: int | None) -> Molecule:
    """The molecule in the geometry of its file, or in an embedded one for a SMILES.

    Args:
        source: A SMILES string, or the path of an .xyz, .sdf, .mol or .cif file.
        folder: What a relative path is relative to.
        name: What the user calls the molecule.
        charge: Its total charge, e; without it that of the SMILES string or SDF, and
            0 for other files.

    Returns:
        The molecule with its centre of mass at the origin.

    Raises:
        InputError: If the source cannot be read, or is not one complete molecule of
            this charge.
    """
    if is_file_name(source):
        molecule = _read_file(folder / source, name, charge)
    else:
        molecule = _from_smiles(source, name, charge)
    check_complete(molecule, source)
    return molecule.centred()


def _read_file(path: Path, name: str, charge: int | None) -> Molecule:
    if not path.is_file():
        raise InputError(f"the file {path} does not exist: correct the source")
    suffix = path.suffix.lower()
    if suffix == ".cif":
        return molecule_from_cif(path, name, charge or 0)
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} is not a readable text file") from error
    if suffix == ".xyz":
        return _from_xyz(text, path.name, name, charge or 0)
    return _from_sdf(text, path.name, name, charge)


def _from_smiles(smiles: str, name: str, charge: int | None) -> Molecule:
    with rdBase.BlockLogs():
        drawn: Chem.Mol | None = Chem.MolFromSmiles(smiles.strip())
        if drawn is None or drawn.GetNumAtoms() == 0:
            raise InputError(
                f"{smiles!r} is neither a SMILES string with possible valences nor "
                f"the name of a file ({', '.join(FILE_TYPES)}): correct the source"
            )
        fragments = Chem.MolToSmiles(drawn).split(".")
        if len(fragments) > 1:
            raise several_molecules(smiles, fragments)
        charge = _charge(drawn, smiles, charge)
        full = Chem.AddHs(drawn)
        parameters = embedding_parameters(starts_random=True)
        if rdDistGeom.EmbedMolecule(full, parameters) < 0:
            raise InputError(
                f"no geometry of {smiles!r} can be made: give one in an .xyz file"
            )
    return _from_rdkit(full, name, charge)


def _from_rdkit(full: Chem.Mol, name: str, charge: int) -> Molecule:
    pairs = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in full.GetBonds()]
    return Molecule(
        np.array([atom.GetAtomicNum() for atom in full.GetAtoms()], dtype=int),
        np.array(full.GetConformer().GetPositions()),
        np.array(pairs, dtype=int).reshape(-1, 2),
        charge,
        name,
    )


def _charge(drawn: Chem.Mol, source: str, charge: int | None) -> int:
    formal = int(Chem.GetFormalCharge(drawn))
    if charge is not None and formal != charge:
        raise InputError(
            f"{source!r} has charge {formal}, but the settings say {charge}: "
            f"set charge = {formal}"
        )
    return formal


def several_molecules(source: str, fragments: list[str]) -> InputError:
    """The error for a source of more than one molecule."""
    return InputError(
        f"{source!r} holds {len(fragments)} molecules ({', '.join(fragments)}): give "
        "one; the molecules of a co-crystal or salt make a list, each its own source"
    )


def _from_sdf(text: str, file: str, name: str, charge: int | None) -> Molecule:
    records = [record for record in text.split("$$$$") if record.strip()]
    if len(records) != 1:
        raise InputError(f"{file} holds {len(records)} records: keep one molecule")
    with rdBase.BlockLogs():
        drawn: Chem.Mol | None = Chem.MolFromMolBlock(records[0], removeHs=False)
        if drawn is None or drawn.GetNumAtoms() == 0:
            raise InputError(
                f"{file} is not a readable SDF or MOL file: export it again"
            )
        smiles = Chem.MolToSmiles(Chem.RemoveHs(drawn))
    if not drawn.GetConformer().Is3D() or any(
        atom.GetTotalNumHs() > 0 for atom in drawn.GetAtoms()
    ):
        raise InputError(
            f"{file} is a drawing without hydrogen atoms or without depth: export it "
            f"in three dimensions with hydrogens, or set source = {smiles!r}"
        )
    if "." in smiles:
        raise several_molecules(file, smiles.split("."))
    return _from_rdkit(drawn, name, _charge(drawn, file, charge))


def _from_xyz(text: str, file: str, name: str, charge: int) -> Molecule:
    lines = text.rstrip().splitlines()
    try:
        n_atoms = int(lines[0])
    except (IndexError, ValueError) as error:
        raise InputError(
            f"the first line of {file} must be the number of atoms: export it again"
        ) from error
    body = lines[N_XYZ_HEADER:]
    if n_atoms < 1 or len(body) != n_atoms:
        raise InputError(
            f"{file} announces {n_atoms} atoms, but {len(body)} lines of atoms follow: "
            "keep one geometry and correct the number"
        )
    atoms = [_xyz_atom(line, i, file) for i, line in enumerate(body, N_XYZ_HEADER + 1)]
    numbers = np.array([number for number, _ in atoms], dtype=int)
    positions = np.array([position for _, position in atoms])
    bonds = bonds_from_distances(numbers, positions)
    molecule = Molecule(numbers, positions, bonds, charge, name)
    fragments = fragments_of(molecule)
    if len(fragments) > 1:
        raise several_molecules(file, fragments)
    return molecule


def _xyz_atom(line: str, number: int, file: str) -> tuple[int, list[float]]:
    fields = line.split()
    try:
        position = [float(field) for field in fields[1:N_XYZ_FIELDS]]
        element = atomic_numbers[fields[0].capitalize()]
    except (IndexError, KeyError, ValueError) as error:
        raise _bad_xyz_line(line, number, file) from error
    if len(position) != N_XYZ_FIELDS - 1 or not np.isfinite(position).all():
        raise _bad_xyz_line(line, number, file)
    return int(element), position


def _bad_xyz_line(line: str, number: int, file: str) -> InputError:
    return InputError(
        f"line {number} of {file} must be an element and three coordinates in Å, "
        f"got {line.strip()!r}"
    )
