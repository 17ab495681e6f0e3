"""Levels of theory are data: named, with everything that decides a number.

A level has a name, like ``pbe0-d4``, and two presets: ``production``, whose numbers may
be published, and ``fast``. ``pbe0-d4`` means ``pbe0-d4/production``. Two energies may
be compared, or learned from together, when the digests of their levels are equal.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from csp.conformers.settings import Dispersion
from csp.errors import InputError

Positive = Annotated[float, Field(gt=0.0)]
GridLevel = Annotated[int, Field(ge=0, le=9)]
"""Of PySCF's atom-centred grids."""
PRODUCTION = "production"


class _Level(BaseModel):
    """What every level says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    functional: str = "pbe"
    dispersion: Dispersion = "d4"

    @property
    def digest(self) -> str:
        """Of everything that decides a number; 16 hexadecimal digits."""
        text = json.dumps(
            self.model_dump(mode="json", exclude={"name"}), sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class PySCFLevel(_Level):
    """Periodic and molecular DFT in Gaussian bases, with pip alone."""

    engine: Literal["pyscf"]
    basis: str
    k_spacing: Positive
    """Largest distance of k-points, Å⁻¹ with the factor 2π."""
    energy_tolerance_hartree: Positive = 1e-8


class EspressoLevel(_Level):
    """Plane waves and projector-augmented waves by Quantum ESPRESSO's pw.x."""

    engine: Literal["quantum-espresso"]
    cutoff_rydberg: Positive
    density_cutoff_rydberg: Positive
    k_spacing: Positive
    vacuum_angstrom: Positive = 12.0
    """Distance of an isolated molecule from its images."""
    energy_tolerance_rydberg: Positive = 1e-8
    pseudopotentials: dict[str, str]
    """File of each element, in the folder that pw.x or CSP_PSEUDO_DIR names."""


class Cp2kLevel(_Level):
    """Gaussians and plane waves by CP2K."""

    engine: Literal["cp2k"]
    basis: str
    potential: str
    cutoff_rydberg: Positive
    relative_cutoff_rydberg: Positive
    k_spacing: Positive
    vacuum_angstrom: Positive = 12.0
    energy_tolerance_hartree: Positive = 1e-8


class XtbLevel(_Level):
    """Tight binding by tblite, on supercells."""

    engine: Literal["tblite"]
    method: Literal["GFN1-xTB", "GFN2-xTB"]
    dispersion: Dispersion = "none"
    """The method has its own."""
    width_angstrom: Positive
    """Least width of the supercell: its k-point is Γ."""
    accuracy: Positive = 0.1


class AseLevel(_Level):
    """Any ASE calculator, named by its import path."""

    engine: Literal["ase"]
    calculator: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    k_spacing: Positive | None = None
    """If given, the calculator receives ``kpts`` of this density."""
    vacuum_angstrom: Positive | None = None
    """If given, molecules sit in a periodic box this far from their images."""
    width_angstrom: Positive | None = None
    """If given, crystals are repeated to this width."""
    dispersion: Dispersion = "none"


class EmbeddingLevel(_Level):
    """A hybrid functional by fragments inside a periodic calculation.

    E = E(periodic, base) + Σ monomers (E_high − E_low) + Σ dimers closer than the
    cutoff (ΔE_high − ΔE_low), counterpoise-corrected; dispersion of the high functional
    for the periodic whole.
    """

    engine: Literal["embedding"]
    base: str
    """Name of the periodic level; its functional is the low one."""
    functional: str = "pbe0"
    monomer_basis: str
    dimer_basis: str
    dimer_cutoff_angstrom: Positive
    """Largest distance between the closest atoms of the two molecules."""
    distant_pairs: Literal["none", "multipoles"] = Field(
        default="none", exclude_if=lambda value: value == "none"
    )
    """What stands for E_high − E_low of other pairs: nothing, or the difference of the
    electrostatic energies of the molecules' multipoles at the two functionals."""
    monomer_grid: GridLevel = 3
    dimer_grid: GridLevel = 1
    energy_tolerance_hartree: Positive = 1e-8


class FragmentLevel(_Level):
    """Hybrid-functional monomers and dimers in place of the force field's.

    E = E(force field) + Σ monomers E_high + Σ dimers closer than the cutoff
    (ΔE_high − ΔE_ff). No many-body polarisation but the force field's (none).
    """

    engine: Literal["fragments"]
    functional: str = "pbe0"
    force_field: str
    monomer_basis: str
    dimer_basis: str
    dimer_cutoff_angstrom: Positive
    monomer_grid: GridLevel = 3
    dimer_grid: GridLevel = 2
    energy_tolerance_hartree: Positive = 1e-8


Level = Annotated[
    PySCFLevel
    | EspressoLevel
    | Cp2kLevel
    | XtbLevel
    | AseLevel
    | EmbeddingLevel
    | FragmentLevel,
    Field(discriminator="engine"),
]
_ADAPTER: TypeAdapter[Level] = TypeAdapter(Level)


def level_named(name: str, levels: Mapping[str, Level]) -> Level:
    """The level of a name, its production preset unless the name says another.

    Raises:
        InputError: If there is none.
    """
    full = name if "/" in name else f"{name}/{PRODUCTION}"
    if full not in levels:
        raise InputError(
            f"there is no level {name!r}: choose one of {', '.join(sorted(levels))}"
        )
    return levels[full]


@lru_cache(maxsize=1)
def built_in_levels() -> Mapping[str, Level]:
    """The levels that csp ships, by name and preset."""
    text = (resources.files("csp.reference") / "levels.toml").read_text("utf-8")
    return _levels(tomllib.loads(text), "csp/reference/levels.toml")


def read_levels(path: Path | None) -> Mapping[str, Level]:
    """The built-in levels and those of a file, which may replace them.

    Raises:
        InputError: If the file is missing or a level in it is wrong.
    """
    if path is None:
        return built_in_levels()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"the file of levels {path} cannot be read ({error}): give a TOML file "
            "with one table a preset, like [my-level.production]"
        ) from error
    return {**built_in_levels(), **_levels(content, str(path))}


def _levels(content: Mapping[str, Any], source: str) -> dict[str, Level]:
    levels = {}
    for name, presets in content.items():
        for preset, values in dict(presets).items():
            full = f"{name}/{preset}"
            try:
                levels[full] = _ADAPTER.validate_python({"name": full, **values})
            except (ValidationError, TypeError) as error:
                raise InputError(
                    f"the level {full} in {source} is wrong: {_first(error)}"
                ) from error
    return levels


def _first(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return str(error)
    detail = error.errors()[0]
    place = ".".join(str(part) for part in detail["loc"][1:]) or "engine"
    return f"{place}: {detail['msg']}"
