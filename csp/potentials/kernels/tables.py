"""What the compiled sums read and fill: named tuples of arrays."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


class Sites(NamedTuple):
    """Interaction sites of the bodies, one body after the other.

    Attributes:
        offsets: From the centre of mass in the body's frame, Å; shape (n_sites, 3).
        operators: Multipoles in the basis of :mod:`csp.potentials.solid_harmonics`,
            e Å^l; shape (n_sites, 25).
        rank: Highest rank that is used: 0 charges, 1 dipoles, more: all to 4.
        start: Index of each body's first site; last, the number of sites.
        radius: Largest offset of each body, Å.
        axes: Unit vectors in the body's frame that anisotropic repulsion refers to;
            none if there is no such repulsion, else one a site.
    """

    offsets: Array
    operators: Array
    rank: int
    start: Integers
    radius: Array
    axes: Array = np.zeros((0, 3))


class Pairs(NamedTuple):
    """Parameters of ``A e^{−Br} − C r⁻⁶`` for each pair of sites, and of its wall.

    Below ``wall`` exp-6 goes on as ``wall_energy + wall_force x + wall_cubic x³`` with
    ``x = wall − r``, and the multipoles interact at a softened distance.
    Each has the shape (n_sites, n_sites); units kJ/mol and Å.

    Where repulsion depends on directions, r in its exponent is shortened by
    ``dipolar cos θ + quadrupolar P₂(cos θ)`` of both sites, θ being the angle between a
    site's axis and the direction to the other; row i, column j: of site i towards j.
    The last two are empty where no pair is anisotropic.
    """

    repulsion: Array
    exponent: Array
    dispersion: Array
    wall: Array
    wall_energy: Array
    wall_force: Array
    wall_cubic: Array
    dipolar: Array = np.zeros((0, 0))
    quadrupolar: Array = np.zeros((0, 0))


class Images(NamedTuple):
    """The molecules of one cell: image ``m`` is a body moved by an operation.

    Attributes:
        body: Which body image ``m`` is a copy of.
        rotation: Matrix of its operation in fractional coordinates.
        cartesian: The same for Cartesian columns.
        translation: Of its operation, fractional.
        first: The image that is body ``b`` itself.
        copies: Images of body ``b`` in the cell.
        is_general: Whether body ``b`` has no site symmetry.
    """

    body: Integers
    rotation: Array
    cartesian: Array
    translation: Array
    first: Integers
    copies: Integers
    is_general: Array


class Cutoffs(NamedTuple):
    """Where the sums end, and their constant parts for one cell content.

    Attributes:
        switch_on: Where exp-6 begins to be switched off, Å.
        cutoff: Where it ends, Å.
        contact: The largest distance of a wall, Å.
        higher_on: Distance of the centres of mass at which interactions of multipoles
            above the dipole begin to be switched off, Å.
        higher: Where they end, Å.
        spline: 1 if exp-6 and higher multipoles both end as a cubic of the distance of
            two sites; 0 if they end by the rules above.
        alpha: Ewald parameter, 1/Å; 0: no electrostatics.
        ewald: Real-space cutoff of charges and dipoles, Å.
        reciprocal: Largest |G|, 1/Å.
        tail: Minus the dispersion beyond the switch in a uniform fluid, times the
            volume, kJ/mol Å³.
        pressure: kJ/mol/Å³.
        constant: Self and intramolecular terms of charge–charge, charge–dipole and
            dipole–dipole, kJ/mol per cell.
    """

    switch_on: float
    cutoff: float
    contact: float
    higher_on: float
    higher: float
    spline: float
    alpha: float
    ewald: float
    reciprocal: float
    tail: float
    pressure: float
    constant: Array


Tables: TypeAlias = tuple[Sites, Pairs, Cutoffs]


class Gradient(NamedTuple):
    """Derivatives of the cell energy.

    Attributes:
        strain: ``dE/dε`` for ``h' = h (1 + ε)`` at fixed fractional centres and fixed
            orientations, kJ/mol.
        centre: ``dE/d(centre)`` of one copy of each body, kJ/mol/Å.
        rotation: ``dE/d(rotation vector)`` of one copy, kJ/mol/rad.
    """

    strain: Array
    centre: Array
    rotation: Array


class Placed(NamedTuple):
    """A cell with its molecules in place.

    Attributes:
        cell: Lattice vectors as rows, Å.
        inverse: Of the cell.
        volume: Å³.
        centres: Fractional centre of each image.
        offsets: Site offsets of each image in the crystal's frame, Å.
        operators: Multipoles of each image's sites in the crystal's frame.
        start: Index of each image's first site; last, the number of sites in the cell.
        axes: Of each image's sites in the crystal's frame, if there are any.
    """

    cell: Array
    inverse: Array
    volume: float
    centres: Array
    offsets: Array
    operators: Array
    start: Integers
    axes: Array


class Slopes(NamedTuple):
    """Derivatives that the sums over one body's neighbours gather.

    Attributes:
        sites: ``dE/dx`` of each site, kJ/mol/Å.
        centre: ``dE/dX`` that acts on the centre of mass alone (switches), kJ/mol/Å.
        twist: ``dE/dω`` of the multipoles about their sites, kJ/mol/rad.
        virial: ``Σ R ⊗ dE/dR`` over the separations R of centres, kJ/mol.
        terms: Parts of the energy, kJ/mol.
    """

    sites: Array
    centre: Array
    twist: Array
    virial: Array
    terms: Array
