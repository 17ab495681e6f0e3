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
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from csp.conformers.settings import Dispersion
from csp.errors import InputError

Positive = Annotated[float, Field(gt=0.0)]
GridLevel = Annotated[int, Field(ge=0, le=9)]
"""Of PySCF's atom-centred grids."""
PRODUCTION = "production"


def _is_none(value: object) -> bool:
    """A field that says nothing is not among what decides a number."""
    return value is None


Radius = Annotated[float | None, Field(gt=0.0, exclude_if=_is_none)]
BasisName = Annotated[str | None, Field(exclude_if=_is_none)]


class Gaussians(NamedTuple):
    """Names of a basis and of the pseudopotential that belongs to it."""

    basis: str
    pseudopotential: str


class _Level(BaseModel):
    """What every level says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    functional: str = "pbe"


class _PairwiseLevel(_Level):
    """Dispersion by a model that needs the atoms' places alone."""

    dispersion: Dispersion = "d4"


class PySCFLevel(_PairwiseLevel):
    """Periodic and molecular DFT in Gaussian bases, with pip alone.

    Crystals are computed with Goedecker–Teter–Hutter pseudopotentials and several
    uniform grids, molecules with the same pseudopotentials and atom-centred grids.
    """

    engine: Literal["pyscf"]
    basis: str
    pseudopotential: str = "gth-pbe"
    k_spacing: Positive
    """Largest distance of k-points, Å⁻¹ with the factor 2π."""
    cutoff_hartree: Positive = 140.0
    """Kinetic energy that the finest uniform grid represents, for the density."""
    precision: Positive = 1e-6
    """Of integrals between cells; decides how far lattice sums go."""
    molecular_grid: Annotated[int, Field(ge=0, le=9)] = 4
    """Level of the atom-centred grids of molecules."""
    exchange: Literal["ewald"] = "ewald"
    """Correction of exact exchange for the finite mesh of k-points."""
    auxiliary_basis: str | None = None
    """For exact exchange in crystals; None for an even-tempered one of the basis."""
    energy_tolerance_hartree: Positive = 1e-7
    """Of the self-consistent field, per cell or molecule."""
    counterpoise_angstrom: Radius = None
    """If given, crystals are corrected for what their molecules gain by functions of
    atoms closer than this (:mod:`csp.reference.counterpoise`)."""

    @property
    def gaussians(self) -> Gaussians:
        """What molecules are expanded in."""
        return Gaussians(self.basis, self.pseudopotential)


class EspressoLevel(_PairwiseLevel):
    """Plane waves and projector-augmented waves by Quantum ESPRESSO's pw.x."""

    engine: Literal["quantum-espresso"]
    cutoff_rydberg: Positive
    density_cutoff_rydberg: Positive
    k_spacing: Positive
    vacuum_angstrom: Positive = 12.0
    """Distance of an isolated molecule from its images."""
    energy_tolerance_rydberg: Positive = 1e-8
    pseudopotentials: dict[str, str]
    """File of each element: in Debian's folder or the one that CSP_PSEUDO_DIR names, or
    made from a recipe (:mod:`csp.reference.pseudopotentials`)."""


class Cp2kLevel(_PairwiseLevel):
    """Gaussians and plane waves by CP2K, with the pseudopotentials of GTH."""

    engine: Literal["cp2k"]
    basis: str
    potential: str
    cutoff_rydberg: Positive
    relative_cutoff_rydberg: Positive
    """Of the grid that a Gaussian of exponent 1 bohr⁻² is mapped to."""
    n_grids: Annotated[int, Field(ge=1)] = 4
    k_spacing: Positive
    vacuum_angstrom: Positive = 8.0
    """Width of the box of an isolated molecule beyond its atoms."""
    screening: Positive = 1e-12
    """What integrals and densities may be neglected (EPS_DEFAULT)."""
    scf_tolerance: Positive = 1e-6
    """Largest change of an element of the density matrix, or of the orbitals'
    gradient; the energy is off by its square."""
    counterpoise_angstrom: Radius = None
    """As for PySCF, which computes it."""

    @property
    def gaussians(self) -> Gaussians:
        """What molecules are expanded in, under PySCF's names."""
        return Gaussians(self.basis, self.potential.lower())


class XtbLevel(_Level):
    """Tight binding by tblite, on supercells."""

    engine: Literal["tblite"]
    method: Literal["GFN1-xTB", "GFN2-xTB"]
    functional: Literal["none"] = "none"
    dispersion: Literal["none"] = "none"
    """The method has its own."""
    width_angstrom: Positive
    """Least width of the supercell: its k-point is Γ."""
    accuracy: Positive = 0.1


class AseLevel(_PairwiseLevel):
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
    """Better molecules, and better close pairs, inside a periodic calculation.

    E = E(periodic, base) + Σ monomers (E_high − E_low) + Σ dimers closer than the
    cutoff (ΔE_high − ΔE_low), counterpoise-corrected; dispersion of the high functional
    for the periodic whole. With the functional of the base and without dimers, only the
    molecules are exchanged.
    """

    engine: Literal["embedding"]
    base: str
    """Name of the periodic level; its functional is the low one."""
    functional: str = "pbe0"
    dispersion: Dispersion | Literal["mbd"] = "d4"
    """``mbd`` is many-body dispersion, by the Hirshfeld volumes of the molecules'
    densities (:mod:`csp.reference.level_dispersion`)."""
    monomer_basis: str
    low_monomers: Literal["fragments", "base"] = Field(
        default="fragments", exclude_if=lambda value: value == "fragments"
    )
    """What computes E_low of a molecule: the program and basis of E_high, so that their
    errors cancel; or the base's own, so that those of the base do: its pseudopotentials
    and its basis no longer decide what a molecule's geometry costs."""
    dimer_basis: BasisName = None
    dimer_cutoff_angstrom: Radius = None
    """Largest distance between the closest atoms of the two molecules; None for no
    pairs."""
    distant_pairs: Literal["none", "multipoles"] = Field(
        default="none", exclude_if=lambda value: value == "none"
    )
    """What stands for E_high − E_low of other pairs: nothing, or the difference of the
    electrostatic energies of the molecules' multipoles at the two functionals."""
    monomer_grid: GridLevel = 3
    dimer_grid: GridLevel = 1
    energy_tolerance_hartree: Positive = 1e-8

    @model_validator(mode="after")
    def _pairs_are_whole(self) -> "EmbeddingLevel":
        if (self.dimer_basis is None) != (self.dimer_cutoff_angstrom is None):
            raise ValueError(
                "dimer_basis and dimer_cutoff_angstrom belong together: give both, or "
                "neither for no pairs"
            )
        if self.dimer_basis is None and self.distant_pairs != "none":
            raise ValueError(
                "distant_pairs is for those beyond dimer_cutoff_angstrom: give that too"
            )
        return self


class FragmentLevel(_PairwiseLevel):
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


def digest_of(level: Level, levels: Mapping[str, Level]) -> str:
    """Of everything that decides a number at a level; 16 hexadecimal digits.

    Raises:
        InputError: If the level builds on one that does not exist.
    """
    content = level.model_dump(mode="json", exclude={"name", "base"})
    if isinstance(level, EmbeddingLevel):
        content["base"] = digest_of(level_named(level.base, levels), levels)
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def levels_from(documents: Mapping[str, Any]) -> Mapping[str, Level]:
    """Levels from JSON values, as ``model_dump`` writes them."""
    return {name: _ADAPTER.validate_python(item) for name, item in documents.items()}


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
