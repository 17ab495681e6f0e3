"""The ``[molecule]`` section of the settings: which molecule, at which level."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Dispersion = Literal["d4", "d3bj", "none"]
Text = Annotated[str, Field(min_length=1)]
Charge = Annotated[int, Field(ge=-10, le=10)]


@dataclass(frozen=True, slots=True)
class Level:
    """A level of theory: density functional, dispersion correction and basis.

    >>> str(Level("pbe0", "d4", "def2-svp"))
    'PBE0-D4/def2-SVP'
    >>> str(Level("pbe0", "none", "def2-tzvp"))
    'PBE0/def2-TZVP'
    >>> str(Level("pbe0", "none", "6-311g(d,p)"))
    'PBE0/6-311G(d,p)'
    """

    functional: str
    dispersion: Dispersion
    basis: str

    def __str__(self) -> str:
        suffix = {"d4": "-D4", "d3bj": "-D3(BJ)", "none": ""}[self.dispersion]
        return f"{self.functional.upper()}{suffix}/{_basis_text(self.basis)}"


def _basis_text(basis: str) -> str:
    """A basis as it is printed; Pople's polarisation functions in small letters."""
    name, bracket, polarisation = basis.upper().partition("(")
    if name[:1].isdigit():
        polarisation = polarisation.lower()
    return name.replace("DEF2-", "def2-") + bracket + polarisation


SWITCH_EXPONENT = 4.0
"""GDMA's default ``SWITCH``, bohr⁻²."""

HYDROGEN_RADIUS = 0.325
"""GDMA's default radius of hydrogen, Å; that of every other element is 0.65 Å."""


@dataclass(frozen=True, slots=True)
class MultipoleLevel:
    """A density, and how it is divided into multipoles on the nuclei.

    >>> density = Level("pbe0", "none", "6-311g(d,p)")
    >>> str(MultipoleLevel(density))
    'PBE0/6-311G(d,p)'
    >>> str(MultipoleLevel(density, switch_exponent=0.0, hydrogen_radius=0.65))
    'PBE0/6-311G(d,p), DMA switch 0, DMA hydrogen radius 0.65 Å'

    Attributes:
        density: Level of the density.
        switch_exponent: Sum of two Gaussian exponents above which their product goes
            to the nearest atom analytically; softer ones are divided in space, bohr⁻².
        hydrogen_radius: Of hydrogen in that division, Å.
    """

    density: Level
    switch_exponent: float = SWITCH_EXPONENT
    hydrogen_radius: float = HYDROGEN_RADIUS

    def __str__(self) -> str:
        text = str(self.density)
        if self.switch_exponent != SWITCH_EXPONENT:
            text += f", DMA switch {self.switch_exponent:g}"
        if self.hydrogen_radius != HYDROGEN_RADIUS:
            text += f", DMA hydrogen radius {self.hydrogen_radius:g} Å"
        return text


class MoleculeSettings(BaseModel):
    """The molecule, and how its gas-phase conformers are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Text | Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        description=(
            "A SMILES string, or the path of an .xyz, .sdf, .mol or .cif file "
            "relative to the settings file; for a co-crystal, hydrate or salt a list "
            'with every molecule of the formula unit, like ["OC(=O)C(=O)O", "O", "O"]'
        ),
    )
    name: str = Field(min_length=1, description="What the compound is called")
    charge: Charge | tuple[Charge, ...] | None = Field(
        default=None,
        description=(
            "Total charge of the molecule, or of each molecule in the list, e; "
            "without it that of the SMILES string, and 0 for files"
        ),
    )
    hands: Literal["auto", "both", "one"] = Field(
        default="auto",
        description=(
            "Mirror images of chiral molecules in one crystal: both, as in a racemate; "
            "one, as in an enantiopure compound, which leaves groups with inversions, "
            "mirrors and glides out; auto: one if a SMILES string names the hand (@)"
        ),
    )
    conformers: Literal["generate", "as_given"] = Field(
        default="generate",
        description=(
            "generate: search the gas-phase minima; as_given: keep the geometry of "
            "the file, without optimisation"
        ),
    )
    n_embeddings: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Random geometries from which the conformer search starts",
    )
    start_window_kj_per_mol: float = Field(
        default=60.0,
        gt=0.0,
        le=500.0,
        description=(
            "Force-field energy above the lowest up to which a geometry is optimised "
            "by quantum chemistry, kJ/mol"
        ),
    )
    conformer_window_kj_per_mol: float = Field(
        default=25.0,
        gt=0.0,
        le=500.0,
        description="Energy above the lowest up to which conformers are kept, kJ/mol",
    )
    functional: str = Field(
        default="pbe0", min_length=1, description="Density functional, PySCF's name"
    )
    dispersion: Dispersion = Field(
        default="d4", description="Dispersion correction to the functional"
    )
    basis: str = Field(
        default="def2-svp",
        min_length=1,
        description="Basis of geometries and energies, PySCF's name",
    )
    potential_basis: str = Field(
        default="def2-tzvp",
        min_length=1,
        description="Basis of the density that gives the electrostatic potential",
    )
    multipole_basis: str = Field(
        default="6-311g(d,p)",
        min_length=1,
        description="Basis of the density that gives the distributed multipoles",
    )
    dma_switch_exponent: float = Field(
        default=SWITCH_EXPONENT,
        ge=0.0,
        le=1000.0,
        description=(
            "GDMA's SWITCH: products of Gaussians of a larger total exponent go to "
            "the nearest atom, softer ones are divided in space, bohr^-2"
        ),
    )
    dma_hydrogen_radius_angstrom: float = Field(
        default=HYDROGEN_RADIUS,
        gt=0.0,
        le=2.0,
        description=(
            "Radius of hydrogen when space is divided between the atoms, Å; that of "
            "every other element is 0.65 Å"
        ),
    )
    multipoles: tuple[str, ...] = Field(
        default=(),
        description=(
            "Path of a GDMA punch file for each kind of molecule, relative to the "
            "settings file, with the multipoles of a geometry as_given; they are "
            "computed without it"
        ),
    )
    monomers: Text | tuple[Text, ...] | None = Field(
        default=None,
        description=(
            "Path of a monomers.json with conformers computed earlier, relative to "
            "the settings file; a list with one for each kind of molecule"
        ),
    )

    @property
    def kinds(self) -> list[tuple["MoleculeSettings", int]]:
        """The settings of each kind of molecule, and how many a formula unit holds.

        Sources that are written alike are one kind.
        """
        sources = (self.source,) if isinstance(self.source, str) else self.source
        charges = self.charge if isinstance(self.charge, tuple) else [self.charge]
        if len(charges) == 1:
            charges = [charges[0]] * len(sources)
        pairs = list(zip(sources, charges, strict=True))
        kinds = list(dict.fromkeys(pairs))
        files = (self.monomers,) if isinstance(self.monomers, str) else self.monomers
        return [
            (
                self.model_copy(
                    update={
                        "source": source,
                        "charge": charge,
                        "monomers": files[index] if files else None,
                        "multipoles": self.multipoles[index : index + 1],
                    }
                ),
                pairs.count((source, charge)),
            )
            for index, (source, charge) in enumerate(kinds)
        ]

    @property
    def level(self) -> Level:
        """Level of geometries and energies."""
        return Level(self.functional, self.dispersion, self.basis)

    @property
    def potential_level(self) -> Level:
        """Level of the density that gives the electrostatic potential."""
        return Level(self.functional, "none", self.potential_basis)

    @property
    def multipole_level(self) -> MultipoleLevel:
        """Level of the distributed multipoles."""
        return MultipoleLevel(
            Level(self.functional, "none", self.multipole_basis),
            self.dma_switch_exponent,
            self.dma_hydrogen_radius_angstrom,
        )

    @model_validator(mode="after")
    def _one_for_each(self) -> "MoleculeSettings":
        sources = (self.source,) if isinstance(self.source, str) else self.source
        charges = self.charge if isinstance(self.charge, tuple) else ()
        if charges and len(charges) != len(sources):
            raise ValueError(
                f"charge has {len(charges)} values for {len(sources)} molecules: give "
                "one for each source"
            )
        given = charges or (self.charge,) * len(sources)
        n_kinds = len(set(zip(sources, given, strict=True)))
        for name, files in (
            ("monomers", () if self.monomers is None else self.monomers),
            ("multipoles", self.multipoles),
        ):
            n_files = 1 if isinstance(files, str) else len(files)
            if n_files not in (0, n_kinds):
                raise ValueError(
                    f"{name} names {n_files} files for {n_kinds} kinds of molecules: "
                    "give one for each kind, in their order, or leave it out"
                )
        return self

    @model_validator(mode="after")
    def _multipoles_belong_to_a_geometry(self) -> "MoleculeSettings":
        if self.multipoles and self.conformers != "as_given":
            raise ValueError(
                "multipoles names a punch file of one geometry: set "
                'conformers = "as_given" and that geometry as source, or leave it out'
            )
        return self
