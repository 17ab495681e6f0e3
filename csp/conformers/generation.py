"""Starting geometries for quantum chemistry: embedding, rotor scan, force field."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

from csp.arrays import Positions
from csp.conformers.graph import automorphisms, rdkit_molecule
from csp.conformers.rotors import Rotor, rotors
from csp.conformers.similarity import distinct
from csp.errors import ConvergenceError
from csp.molecule import Molecule
from csp.randomness import generator_of
from csp.units import KJ_PER_KCAL

EMBEDDING_SEED = 20_250_101
MOST_COMBINATIONS = 256
"""Settings of the scanned rotors tried on one geometry."""

CLOSEST_STARTS = 0.2
"""Separation below which two starting geometries are one, Å."""

FORCE_FIELD_NOISE = 2.0
"""Two geometries of one force-field minimum differ by less, kJ/mol."""

HELD_TORSION_WIDTH = 10.0
"""Half-width of the band in which a held torsion is free, degrees."""

LEFT_BASIN = 60.0
"""Change of a torsion by which minimisation has left its basin, degrees."""

_HOLDING_CONSTANT = 100.0
_MOST_ITERATIONS = 5000


def starting_geometries(
    molecule: Molecule, *, n_embeddings: int, window: float
) -> list[Molecule]:
    """Geometries that between them should reach every gas-phase minimum.

    Knowledge-based random embeddings (ETKDG, fixed seed) and the given geometry are
    minimised by MMFF94 (UFF where it lacks parameters). On every distinct one the
    OH, SH and conjugated rotors are set to all combinations of their usual torsions
    and minimised again, because embedding follows crystal statistics: for oxalic
    acid it proposes the dimer-forming conformer alone, and none with an
    intramolecular hydrogen bond. Where the force field leaves the basin of a torsion
    the geometry with the torsion held is kept beside the free one.

    Mirror images count once, see :func:`csp.conformers.similarity.separation`.

    Args:
        molecule: One geometry of the molecule.
        n_embeddings: Number of random embeddings.
        window: Force-field energy above the lowest up to which geometries are kept,
            kJ/mol.

    Returns:
        Geometries in the order of their force-field energy.

    Raises:
        ConvergenceError: If no embedding satisfies the distance bounds.

    References:
        Riniker, Landrum, J. Chem. Inf. Model. 55, 2562 (2015);
        Halgren, J. Comput. Chem. 17, 490 (1996).
    """
    perceived = rdkit_molecule(molecule)
    turning = rotors(perceived)
    given = [np.array(molecule.positions)]
    with rdBase.BlockLogs():
        embedded = [
            minimised(perceived, positions, turning, held=False)
            for positions in given + _embedded(perceived, n_embeddings, molecule.name)
        ]
        bases = _pruned(molecule, embedded, window)
        scanned = [
            relaxed
            for positions, _ in bases
            for start in _scanned(perceived, positions, turning, molecule.name)
            for relaxed in _relaxed_both_ways(perceived, start, turning)
        ]
    return [molecule.at(best) for best, _ in _pruned(molecule, bases + scanned, window)]


def _embedded(perceived: Chem.Mol, n_embeddings: int, name: str) -> list[Positions]:
    if perceived.GetNumAtoms() == 1:
        return []
    working = Chem.Mol(perceived)
    numbers: list[int] = []
    for is_random in (False, True):
        if not numbers:
            parameters = embedding_parameters(starts_random=is_random)
            numbers = list(
                rdDistGeom.EmbedMultipleConfs(working, n_embeddings, parameters)
            )
    if not numbers:
        raise ConvergenceError(
            f"no embedding of {name} satisfies its distance bounds: give a geometry "
            'in a file and set conformers = "as_given"'
        )
    return [np.array(working.GetConformer(i).GetPositions()) for i in numbers]


def embedding_parameters(*, starts_random: bool) -> Any:  # noqa: ANN401
    """ETKDG version 3 with the fixed seed.

    Args:
        starts_random: Whether to start from random coordinates, which embeds crowded
            molecules that the usual start does not.
    """
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = EMBEDDING_SEED
    parameters.useRandomCoords = starts_random
    return parameters


def minimised(
    perceived: Chem.Mol, positions: Positions, turning: Sequence[Rotor], *, held: bool
) -> tuple[Positions, float]:
    """The force-field minimum below ``positions`` and its energy, kJ/mol.

    Args:
        perceived: The molecule with bond orders.
        positions: Where to start.
        turning: Its rotors.
        held: Whether their torsions stay within 10° of where they are.
    """
    working = Chem.Mol(perceived)
    working.GetConformer().SetPositions(np.array(positions))
    if working.GetNumAtoms() == 1:
        return positions, 0.0
    field, add_torsion = _force_field(working)
    if held:
        for rotor in turning:
            angle = rdMolTransforms.GetDihedralDeg(working.GetConformer(), *rotor.atoms)
            low, high = angle - HELD_TORSION_WIDTH, angle + HELD_TORSION_WIDTH
            add_torsion(*rotor.atoms, False, low, high, _HOLDING_CONSTANT)  # noqa: FBT003
    field.Initialize()
    # The line search gives up on a start that is already at a minimum; then it stays.
    with suppress(RuntimeError):
        field.Minimize(maxIts=_MOST_ITERATIONS)
    bare, _ = _force_field(working)
    energy = bare.CalcEnergy() * KJ_PER_KCAL
    return np.array(working.GetConformer().GetPositions()), float(energy)


def _force_field(working: Chem.Mol) -> tuple[Any, Any]:
    """MMFF94, or UFF where it lacks parameters, and how to hold a torsion in it."""
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(working):
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(working)
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(working, properties)
        return field, field.MMFFAddTorsionConstraint
    field = rdForceFieldHelpers.UFFGetMoleculeForceField(working)
    return field, field.UFFAddTorsionConstraint


def _scanned(
    perceived: Chem.Mol, positions: Positions, turning: Sequence[Rotor], name: str
) -> Iterator[Positions]:
    """The geometry with its scanned rotors at every combination of their minima.

    Beyond 256 combinations a seeded draw of as many.
    """
    scanned = [rotor for rotor in turning if rotor.minima]
    combinations = list(
        itertools.islice(
            itertools.product(*(rotor.minima for rotor in scanned)), 100_000
        )
    )
    if len(combinations) > MOST_COMBINATIONS:
        draw = generator_of("rotor combinations", name)
        chosen = draw.choice(len(combinations), MOST_COMBINATIONS, replace=False)
        combinations = [combinations[i] for i in sorted(chosen.tolist())]
    for angles in combinations:
        working = Chem.Mol(perceived)
        geometry = working.GetConformer()
        geometry.SetPositions(np.array(positions))
        for rotor, angle in zip(scanned, angles, strict=True):
            rdMolTransforms.SetDihedralDeg(geometry, *rotor.atoms, angle)
        yield np.array(geometry.GetPositions())


def _relaxed_both_ways(
    perceived: Chem.Mol, start: Positions, turning: Sequence[Rotor]
) -> list[tuple[Positions, float]]:
    """The free minimum, and the held one where the free one left its basin."""
    free = minimised(perceived, start, turning, held=False)
    if not _has_left(perceived, start, free[0], turning):
        return [free]
    return [free, minimised(perceived, start, turning, held=True)]


def _has_left(
    perceived: Chem.Mol, start: Positions, end: Positions, turning: Sequence[Rotor]
) -> bool:
    changes = torsions(perceived, end, turning) - torsions(perceived, start, turning)
    wrapped = (changes + 180.0) % 360.0 - 180.0
    return bool(np.any(np.abs(wrapped) > LEFT_BASIN))


def torsions(
    perceived: Chem.Mol, positions: Positions, turning: Sequence[Rotor]
) -> np.ndarray:
    """The torsion of every rotor, degrees."""
    working = Chem.Mol(perceived)
    geometry = working.GetConformer()
    geometry.SetPositions(np.array(positions))
    return np.array(
        [rdMolTransforms.GetDihedralDeg(geometry, *rotor.atoms) for rotor in turning]
    )


def _pruned(
    molecule: Molecule, candidates: list[tuple[Positions, float]], window: float
) -> list[tuple[Positions, float]]:
    lowest = min(energy for _, energy in candidates)
    within = [pair for pair in candidates if pair[1] - lowest <= window]
    kept = distinct(
        [positions for positions, _ in within],
        [energy for _, energy in within],
        automorphisms(molecule),
        closest=CLOSEST_STARTS,
        energy_difference=FORCE_FIELD_NOISE,
    )
    return [within[index] for index in kept]
