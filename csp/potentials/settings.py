"""Settings of the force field."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from csp.potentials.exp6 import ForceFieldName


class PotentialSettings(BaseModel):
    """The ``[potential]`` section: which force field, summed how far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    force_field: ForceFieldName = Field(
        ForceFieldName.REVISED_W99,
        description="exp-6 parameters: revised-w99, w99 or fit",
    )
    cutoff: float = Field(
        12.0,
        ge=6.0,
        le=40.0,
        description="distance of two sites at which exp-6 ends, Å",
    )
    switch_width: float = Field(
        2.0,
        ge=0.5,
        le=5.0,
        description="width over which exp-6 is switched off before the cutoff, Å",
    )
    tail_correction: bool = Field(
        default=True,
        description="add the dispersion beyond the cutoff as in a uniform fluid",
    )
    electrostatics: Literal["multipoles", "charges"] = Field(
        "multipoles",
        description="distributed multipoles to rank 4, or fitted point charges",
    )
    multipole_cutoff: float = Field(
        16.0,
        ge=8.0,
        le=40.0,
        description="distance of centres of mass at which interactions above "
        "dipole–dipole end, Å",
    )
    multipole_switch_width: float = Field(
        4.0,
        ge=0.001,
        le=5.0,
        description="width over which they are switched off before it, Å",
    )
    pressure_gpa: float = Field(
        0.0,
        ge=-1.0,
        le=100.0,
        description="external pressure, GPa; energies then contain its work",
    )
    ewald_cutoff: float = Field(
        10.0,
        ge=5.0,
        le=30.0,
        description="real-space cutoff of the Ewald sum, Å",
    )
    ewald_accuracy: float = Field(
        1e-7,
        ge=1e-14,
        le=1e-4,
        description="size of the first neglected term of the Ewald sums, relative",
    )

    @property
    def is_splined(self) -> bool:
        """Whether all direct sums end as one cubic of the distance of two sites."""
        return False


class SplinedSettings(PotentialSettings):
    """Sums whose ends are those of DMACRYS's splines.

    Higher multipoles end as exp-6 does, whatever ``multipole_cutoff`` says of
    molecules: site by site, as a cubic from ``cutoff − switch_width`` to ``cutoff``.
    """

    @property
    def is_splined(self) -> bool:
        """Whether all direct sums end as one cubic of the distance of two sites."""
        return True
