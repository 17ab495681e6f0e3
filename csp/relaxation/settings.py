"""Settings of the rigid-body relaxation."""

from pydantic import BaseModel, ConfigDict, Field


class RelaxationSettings(BaseModel):
    """The ``[relaxation]`` section: when a minimisation ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    largest_gradient_kj_per_mol_per_angstrom: float = Field(
        1e-3,
        ge=1e-6,
        le=1.0,
        description="a minimum has no gradient component above this, per molecule",
    )
    n_evaluations: int = Field(
        400,
        ge=10,
        le=100_000,
        description="energy evaluations before a relaxation is given up",
    )
    longest_step: float = Field(
        0.3,
        ge=0.01,
        le=1.0,
        description="largest move of any degree of freedom in one step, Å",
    )
    press_gradient: float = Field(
        2.0,
        ge=0.01,
        le=100.0,
        description="gradient at which the press ends, kJ/mol/Å per molecule",
    )
    press_evaluations: int = Field(
        60,
        ge=0,
        le=10_000,
        description="evaluations of the press (0 leaves it out)",
    )
