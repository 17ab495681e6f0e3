"""The molecules of a DMACRYS case as rigid bodies."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from csp.arrays import AtomicNumbers, Cell, FractionalPositions, Moments
from csp.geometry import centre_of
from csp.lattice.anisotropy import axes_of
from csp.lattice.case_file import CaseFile, CaseSite
from csp.lattice.case_symmetry import Part
from csp.lattice.crystal_input import BodyAtoms
from csp.lattice.frames import frame_of
from csp.potentials.bodies import Body
from csp.potentials.rigid_crystal import inverted
from csp.potentials.solid_harmonics import N_MOMENTS, powers_of
from csp.units import ANGSTROM_PER_BOHR


class PlacedBody(NamedTuple):
    """A body of the asymmetric unit, and how it came about.

    Attributes:
        part: The body in its place.
        sites: Of the file.
        scale: Of the file's positions; not 1 if they are not in bohr.
        wrong: Sites whose axes of anisotropic repulsion are wrong in the file.
    """

    part: Part
    sites: tuple[CaseSite, ...]
    scale: float
    wrong: tuple[str, ...]

    @property
    def local_moments(self) -> Moments:
        """Moments as the file has them, e Å^l; ranks that are not given are zero."""
        return _moments(self.sites)


def placed_bodies(
    case: CaseFile,
    members: Sequence[np.ndarray],
    atoms: tuple[AtomicNumbers, FractionalPositions],
    cell: Cell,
    turning: frozenset[str],
) -> list[PlacedBody]:
    """The bodies of the asymmetric unit.

    Args:
        case: The file.
        members: Atoms of each molecule.
        atoms: Atomic numbers and fractional positions of whole molecules.
        cell: Lattice vectors as rows, Å.
        turning: Types of sites that need axes.

    Raises:
        InputError: If sites do not fit their atoms, or lack axes.
    """
    numbers, fractional = atoms
    placed, start = [], 0
    for k, own in enumerate(members):
        sites = case.molecule.sites[start : start + len(own)]
        start += len(own)
        place = fractional[own] @ cell
        about = f"molecule {k + 1}", turning
        body = _placed(sites, numbers[own], place, about)
        inner, inside, centre, turn = body.part
        part = inner, inside, centre @ np.linalg.inv(cell), turn
        placed.append(body._replace(part=part))
    return placed


def _placed(
    sites: tuple[CaseSite, ...],
    numbers: AtomicNumbers,
    atoms: np.ndarray,
    about: tuple[str, frozenset[str]],
) -> PlacedBody:
    """One body with its Cartesian centre.

    Args:
        sites: Its sites in the file.
        numbers: Of its atoms.
        atoms: Where they are in the crystal, Å.
        about: Its name, and the types of sites that need axes.
    """
    name, turning = about
    points = np.array([site.position_bohr for site in sites]) * ANGSTROM_PER_BOHR
    frame = frame_of(points, atoms, numbers, name)
    own = BodyAtoms(numbers, atoms)
    centre = centre_of(atoms, own.masses)
    turn = frame.orthogonal
    body = Body(
        tuple(site.type_name for site in sites),
        frame.scale * points + (frame.translation - centre) @ turn,
        _moments(sites),
    )
    wrong: tuple[str, ...] = ()
    if turning & set(body.types):
        axes, off = axes_of(sites, numbers, body.sites, turning, name)
        wrong = tuple(f"{site} of {name}" for site in off)
        body = replace(body, axes=axes)
    if np.linalg.det(turn) < 0.0:
        body, turn = inverted(body), -turn
    inside = BodyAtoms(numbers, (atoms - centre) @ turn)
    return PlacedBody((body, inside, centre, turn), sites, frame.scale, wrong)


def _moments(sites: Sequence[CaseSite]) -> Moments:
    """Moments in e Å^l; ranks that are not given are zero."""
    moments = np.zeros((len(sites), N_MOMENTS))
    for row, site in zip(moments, sites, strict=True):
        row[: len(site.multipoles.components)] = site.multipoles.components
    return np.asarray(moments * powers_of(ANGSTROM_PER_BOHR))
