"""Published exp-6 parameter sets and the parameters of a pair of atom types."""

import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

from csp.units import KJ_PER_MOL_PER_EV


class ForceFieldName(StrEnum):
    """The exp-6 sets at hand."""

    REVISED_W99 = "revised-w99"
    W99 = "w99"
    FIT = "fit"


class Exp6(NamedTuple):
    """``repulsion · e^{−exponent r} − dispersion · r⁻⁶`` in kJ/mol and Å."""

    repulsion: float
    exponent: float
    dispersion: float

    @classmethod
    def from_published(cls, a_ev: float, rho: float, c_ev: float) -> "Exp6":
        """From A (eV), ρ (Å) and C (eV Å⁶)."""
        return cls(a_ev * KJ_PER_MOL_PER_EV, 1.0 / rho, c_ev * KJ_PER_MOL_PER_EV)

    def combined_with(self, other: "Exp6") -> "Exp6":
        """Of an unlike pair: geometric mean of A and C, arithmetic mean of 1/ρ.

        >>> Exp6(4.0, 3.0, 1.0).combined_with(Exp6(9.0, 5.0, 16.0))
        Exp6(repulsion=6.0, exponent=4.0, dispersion=4.0)
        """
        return Exp6(
            float(np.sqrt(self.repulsion * other.repulsion)),
            0.5 * (self.exponent + other.exponent),
            float(np.sqrt(self.dispersion * other.dispersion)),
        )


class Anisotropy(NamedTuple):
    """How a site's directions shorten the distance in its repulsion, Å.

    ``A e^{−B (r − ρ)}`` with ``ρ = dipolar cos θ + quadrupolar P₂(cos θ)``, where θ
    lies between the site's axis and the direction to the other site.
    """

    dipolar: float
    quadrupolar: float


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """One published set.

    Attributes:
        title: Name in print.
        reference: Where the numbers come from.
        foreshortening: Distance that hydrogen sites move towards their neighbour, Å.
        types: Parameters between two atoms of one type.
        pairs: Parameters of unlike pairs that do not follow the combining rules.
        anisotropy: Of the first type's site towards one of the second type.
    """

    title: str
    reference: str
    foreshortening: float
    types: dict[str, Exp6]
    pairs: dict[frozenset[str], Exp6]
    anisotropy: dict[tuple[str, str], Anisotropy] = field(default_factory=dict)

    def pair(self, first: str, second: str) -> Exp6:
        """The parameters between two atom types."""
        special = self.pairs.get(frozenset((first, second)))
        return special or self.types[first].combined_with(self.types[second])


@cache
def parameter_set(name: ForceFieldName) -> ParameterSet:
    """Read one of the sets that come with the package."""
    text = resources.files("csp.potentials").joinpath("tables/exp6.toml").read_text()
    tables = tomllib.loads(text)
    table = tables[name]
    types = table.get("types") or tables[table["base"]]["types"]
    return ParameterSet(
        title=table["title"],
        reference=table["reference"],
        foreshortening=table["foreshortening"],
        types={key: Exp6.from_published(*row) for key, row in types.items()},
        pairs={
            frozenset(key.split()): Exp6.from_published(*row)
            for key, row in table.get("pairs", {}).items()
        },
    )
