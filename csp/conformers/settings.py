"""The ``[molecule]`` section of the settings: which molecule, at which level."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Dispersion = Literal["d4", "d3bj", "none"]


@dataclass(frozen=True, slots=True)
class Level:
    """A level of theory: density functional, dispersion correction and basis.

    >>> str(Level("pbe0", "d4", "def2-svp"))
    'PBE0-D4/def2-SVP'
    >>> str(Level("pbe0", "none", "def2-tzvp"))
    'PBE0/def2-TZVP'
    """

    functional: str
    dispersion: Dispersion
    basis: str

    def __str__(self) -> str:
        suffix = {"d4": "-D4", "d3bj": "-D3(BJ)", "none": ""}[self.dispersion]
        basis = self.basis.upper().replace("DEF2-", "def2-")
        return f"{self.functional.upper()}{suffix}/{basis}"


class MoleculeSettings(BaseModel):
    """The molecule, and how its gas-phase conformers are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(
        min_length=1,
        description=(
            "A SMILES string, or the path of an .xyz, .sdf, .mol or .cif file "
            "relative to the settings file"
        ),
    )
    name: str = Field(min_length=1, description="What the molecule is called")
    charge: int = Field(
        default=0, ge=-10, le=10, description="Total charge of the molecule, e"
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
    monomers: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "Path of a monomers.json with conformers computed earlier, relative to "
            "the settings file"
        ),
    )

    @property
    def level(self) -> Level:
        """Level of geometries and energies."""
        return Level(self.functional, self.dispersion, self.basis)

    @property
    def potential_level(self) -> Level:
        """Level of the density that gives the electrostatic potential."""
        return Level(self.functional, "none", self.potential_basis)
