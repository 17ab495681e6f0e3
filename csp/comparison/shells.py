"""A molecule of a crystal and the molecules around it, ready for overlays."""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from csp.arrays import (
    AtomicNumbers,
    Bonds,
    Indices,
    Mask,
    Positions,
    Scalars,
    Vectors,
    read_only,
)
from csp.comparison.graphs import MolecularGraph, isomorphisms, molecular_graph
from csp.comparison.kernels.distances import closest_contacts
from csp.comparison.molecules import HYDROGEN, images, molecular_bonds
from csp.comparison.reduction import niggli_cell
from csp.crystal import Crystal
from csp.errors import InputError
from csp.geometry import volume

CARBON = 6
SAME_CONTACT = 0.02
"""Neighbours whose contacts differ by less are equally near, Å."""
SAME_SURROUNDINGS = 1e-3
"""Molecules whose contacts differ by less are images of one another, Å."""
WIDER_BY = 1.25
"""Partners are sought up to this multiple of the last molecule's contact."""
WIDER_PLUS = 0.5
"""And this much more, Å."""
THIN = 0.25
"""Atoms whose spread off a line is smaller, Å, lie on it."""


class Hydrogens(Enum):
    """Which hydrogens count when molecules are compared.

    ``NEEDED``: only those of molecules whose other atoms lie on a line, so that the
    orientation would be open; ``POLAR``: those not bonded to carbon, too; ``ALL``.
    """

    NEEDED = "needed"
    POLAR = "polar"
    ALL = "all"


@dataclass(frozen=True, eq=False, slots=True)
class Shell:
    """One molecule, the first, and its neighbours in order of their closest contact.

    The first ``n_core`` molecules and any ``n_molecules - n_core`` of those up to
    ``n_reference``, which are equally near, make the cluster to be found in another
    crystal; all of them are where such a cluster is sought.

    Attributes:
        kinds: Which graph each molecule has.
        coordinates: (molecules, atoms, 3), Å, from the centroid of the first molecule;
            zero beyond the atoms of the molecule's kind.
        centroids: Of the molecules, Å.
        sizes: Atoms of each molecule.
        n_core: Molecules nearer than the last one of the cluster.
        n_reference: Molecules as near as it, or nearer.
        n_open: Neighbours needed to fix the orientation of the first molecule: one if
            it is linear, two if it is a single atom.
    """

    kinds: Indices
    coordinates: np.ndarray
    centroids: Vectors
    sizes: Indices
    n_core: int
    n_reference: int
    n_open: int


@dataclass(frozen=True, eq=False, slots=True)
class PackingShells:
    """The surroundings of all distinct molecules of a crystal.

    Attributes:
        graphs: Of each kind of molecule, by the atoms that are compared.
        shells: One for each distinct molecule.
        n_molecules: Size of the clusters to be compared.
    """

    graphs: tuple[MolecularGraph, ...]
    shells: tuple[Shell, ...]
    n_molecules: int


@dataclass(frozen=True, eq=False, slots=True)
class _Molecules:
    """The molecules of a cell in the atom order of their kind."""

    graphs: tuple[MolecularGraph, ...]
    kinds: Indices
    coordinates: np.ndarray  # (molecules, atoms, 3), Å, zero beyond a molecule's atoms
    sizes: Indices

    @property
    def centroids(self) -> np.ndarray:
        return np.asarray(self.coordinates.sum(axis=1) / self.sizes[:, None])


def packing_shells(
    crystal: Crystal,
    n_molecules: int = 15,
    hydrogens: Hydrogens = Hydrogens.NEEDED,
) -> PackingShells:
    """What :func:`csp.comparison.overlay.compare_packings` needs to know of a crystal.

    Single atoms are centres only where there is nothing else.

    Args:
        crystal: Any cell of it.
        n_molecules: Molecules in a cluster, the central one included.
        hydrogens: Which hydrogens count.

    Raises:
        InputError: If ``n_molecules`` is less than 2.
    """
    if n_molecules < 2:  # noqa: PLR2004
        raise InputError(f"n_molecules must be at least 2, got {n_molecules}")
    molecules = _molecules(crystal, hydrogens)
    shells: list[Shell] = []
    seen: list[tuple[int, Scalars]] = []
    cell = niggli_cell(crystal.cell)
    has_orientation = molecules.sizes > 1
    centres = np.flatnonzero(has_orientation | ~has_orientation.any())
    for centre in centres.tolist():
        shell, contacts = _shell(molecules, cell, centre, n_molecules)
        kind = int(molecules.kinds[centre])
        if not any(k == kind and _is_same(contacts, c) for k, c in seen):
            seen.append((kind, contacts))
            shells.append(shell)
    return PackingShells(molecules.graphs, tuple(shells), n_molecules)


def kinds_of_molecules(
    crystal: Crystal, hydrogens: Hydrogens = Hydrogens.NEEDED
) -> tuple[MolecularGraph, ...]:
    """The graphs of the molecules of a crystal, each once, by the atoms that count."""
    return _molecules(crystal, hydrogens).graphs


def _is_same(first: np.ndarray, second: np.ndarray) -> bool:
    n = min(len(first), len(second))
    return bool(np.abs(first[:n] - second[:n]).max() < SAME_SURROUNDINGS)


def _molecules(crystal: Crystal, hydrogens: Hydrogens) -> _Molecules:
    graphs: list[MolecularGraph] = []
    kinds, parts = [], []
    for molecule in range(crystal.n_molecules):
        atoms = crystal.molecule_of_atom == molecule
        numbers, positions = crystal.atomic_numbers[atoms], crystal.positions[atoms]
        bonds = molecular_bonds(numbers, positions)
        kept = _compared_atoms(numbers, positions, bonds, hydrogens)
        new_index = np.cumsum(kept) - 1
        inner = new_index[bonds[kept[bonds].all(axis=1)]]
        graph = molecular_graph(numbers[kept], inner)
        kind, order = _kind(graph, graphs)
        kinds.append(kind)
        parts.append(positions[kept][order])
    sizes = np.array([len(part) for part in parts])
    coordinates = np.zeros((len(parts), sizes.max(), 3))
    for row, part in zip(coordinates, parts, strict=True):
        row[: len(part)] = part
    return _Molecules(tuple(graphs), np.array(kinds), coordinates, sizes)


def _kind(graph: MolecularGraph, graphs: list[MolecularGraph]) -> tuple[int, Indices]:
    """Index of the graph among those known, and the atoms in its order; may add it."""
    if graph in graphs:
        return graphs.index(graph), np.arange(len(graph.atomic_numbers))
    for kind, known in enumerate(graphs):
        mappings = isomorphisms(known, graph)
        if len(mappings):
            return kind, mappings[0]
    graphs.append(graph)
    return len(graphs) - 1, np.arange(len(graph.atomic_numbers))


def _compared_atoms(
    numbers: AtomicNumbers, positions: Positions, bonds: Bonds, hydrogens: Hydrogens
) -> Mask:
    kept = np.asarray(numbers != HYDROGEN)
    if hydrogens is Hydrogens.ALL:
        return np.full_like(kept, 1)
    if hydrogens is Hydrogens.POLAR:
        carbon_bound = np.zeros(len(numbers), dtype=bool)
        for first, second in (bonds.T, bonds.T[::-1]):
            carbon_bound[first[numbers[second] == CARBON]] = True
        kept = kept | ~carbon_bound
    return (
        kept if kept.any() and not is_linear(positions[kept]) else np.full_like(kept, 1)
    )


def is_linear(positions: Positions) -> bool:
    """Whether points lie on a line, so that their orientation about it is open."""
    spread = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)
    return (
        bool(spread[1] < THIN * math.sqrt(len(positions))) if len(spread) > 1 else True
    )


def _shell(
    molecules: _Molecules, cell: np.ndarray, centre: int, n_molecules: int
) -> tuple[Shell, Scalars]:
    """The shell around one molecule, and all its contacts (Å) in ascending order."""
    centroids = molecules.centroids
    atom_exists = np.arange(molecules.coordinates.shape[1]) < molecules.sizes[:, None]
    from_centroid = np.linalg.norm(molecules.coordinates - centroids[:, None], axis=2)
    size = float(from_centroid[atom_exists].max())
    central = molecules.coordinates[centre, : molecules.sizes[centre]]
    spacing = (volume(cell) / len(centroids)) ** (1.0 / 3.0)
    reach = spacing * n_molecules ** (1.0 / 3.0)
    while True:
        found, shifts = _within(centroids - centroids[centre], cell, reach + 2.0 * size)
        contacts = closest_contacts(
            molecules.coordinates, molecules.sizes, found, shifts, central
        )
        contacts[(found == centre) & (np.abs(shifts).max(axis=1) == 0.0)] = 0.0
        order = np.argsort(contacts, kind="stable")
        contacts = contacts[order]
        if len(contacts) >= n_molecules:
            last = contacts[n_molecules - 1]
            widest = last * WIDER_BY + WIDER_PLUS
            if widest <= reach:
                break
        reach *= 1.25
    inside = order[contacts <= widest]
    moved = molecules.coordinates[found[inside]] + shifts[inside, None, :]
    coordinates = np.where(
        atom_exists[found[inside], :, None], moved - centroids[centre], 0.0
    )
    sizes = molecules.sizes[found[inside]]
    shell = Shell(
        read_only(molecules.kinds[found[inside]], int),
        read_only(coordinates),
        read_only(coordinates.sum(axis=1) / sizes[:, None]),
        read_only(sizes, int),
        int((contacts < last - SAME_CONTACT).sum()),
        int((contacts <= last + SAME_CONTACT).sum()),
        2 if len(central) == 1 else int(is_linear(central)),
    )
    return shell, contacts[contacts <= widest]


def _within(
    offsets: np.ndarray, cell: np.ndarray, radius: float
) -> tuple[Indices, np.ndarray]:
    """Points and lattice vectors (Å) that bring them within a radius of the origin."""
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    fractional = offsets @ inverse
    wrapped = fractional - np.floor(fractional)
    shifts, found = images(wrapped, radius / heights)
    vectors = (shifts - np.floor(fractional)[found]) @ cell
    near = np.linalg.norm(offsets[found] + vectors, axis=1) <= radius
    return found[near], vectors[near]
