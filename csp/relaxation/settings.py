"""Settings of the rigid-body relaxation."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from csp.potentials.settings import PotentialSettings

WaysDown = Literal["steepest", "all"]
STEEPEST: WaysDown = "steepest"


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
    first_cutoff: float = Field(
        9.0,
        ge=5.0,
        le=30.0,
        description="where exp-6 and the real-space Ewald sum end in the first "
        "relaxation, with point charges, Å",
    )
    first_gradient: float = Field(
        0.02,
        ge=1e-6,
        le=10.0,
        description="gradient at which the first relaxation ends, kJ/mol/Å per "
        "molecule",
    )
    first_window_kj_per_mol: float = Field(
        50.0,
        gt=0.0,
        le=1000.0,
        description="minima of the first relaxation within this energy of the lowest "
        "are relaxed with the full model",
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

    ways_down: WaysDown = Field(
        STEEPEST,
        description="how a saddle point is left: along the steepest way down, or along "
        "all of them and sums of two, which finds minima of more independent molecules "
        "(Z′ = 2, 3, 4, 8 …) below the symmetric packings of small ones",
    )

    def shortened(self, potential: PotentialSettings) -> PotentialSettings:
        """The sums of the first relaxation, which end early."""
        reach = min(self.first_cutoff, potential.cutoff)
        return potential.model_copy(
            update={
                "cutoff": reach,
                "ewald_cutoff": min(reach, potential.ewald_cutoff),
                "electrostatics": "charges",
            }
        )
