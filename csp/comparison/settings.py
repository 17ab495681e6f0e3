"""When two crystals are one: the thresholds of all comparisons."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from csp.comparison.overlay import Tolerances


class ComparisonSettings(BaseModel):
    """The ``[comparison]`` section of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symmetry_tolerance_angstrom: float = Field(
        default=0.05,
        ge=1e-4,
        le=0.5,
        description="Atoms this close to their symmetric places are symmetric, Å.",
    )
    energy_window_kj_per_mol: float = Field(
        default=0.1,
        gt=0.0,
        le=10.0,
        description="Duplicates differ by less in energy per formula unit, kJ/mol.",
    )
    density_window_percent: float = Field(
        default=0.5,
        gt=0.0,
        le=20.0,
        description="Duplicates differ by less in density, %.",
    )
    surely_same_angstrom: float = Field(
        default=0.02,
        ge=0.0,
        le=1.0,
        description=(
            "Crystals whose average minimum distances differ by less are duplicates "
            "without further question, Å."
        ),
    )
    surely_different_angstrom: float = Field(
        default=0.10,
        gt=0.0,
        le=2.0,
        description=(
            "Crystals whose average minimum distances differ by more are never "
            "duplicates, Å; those between are overlaid."
        ),
    )
    duplicate_rmsd_angstrom: float = Field(
        default=0.15,
        gt=0.0,
        le=2.0,
        description="Overlaid duplicates deviate by less (RMSD_n), Å.",
    )
    first_surely_same_angstrom: float = Field(
        default=0.003,
        ge=0.0,
        le=1.0,
        description=(
            "The same for minima of the first relaxation, Å: two that are nearly one "
            "there may be two minima of the full force field."
        ),
    )
    first_duplicate_rmsd_angstrom: float = Field(
        default=0.05,
        gt=0.0,
        le=2.0,
        description="The same for overlaid minima of the first relaxation, Å.",
    )
    n_molecules: int = Field(
        default=15,
        ge=2,
        le=100,
        description="Molecules in the clusters that are overlaid.",
    )
    distance_tolerance_percent: float = Field(
        default=20.0,
        gt=0.0,
        lt=100.0,
        description="Largest difference of a distance in an overlay of duplicates, %.",
    )
    angle_tolerance_degrees: float = Field(
        default=20.0,
        gt=0.0,
        le=90.0,
        description="Largest difference of a direction in an overlay of duplicates, °.",
    )
    observed_distance_tolerance_percent: float = Field(
        default=25.0,
        gt=0.0,
        lt=100.0,
        description="The same for the overlay with an observed crystal, %.",
    )
    observed_angle_tolerance_degrees: float = Field(
        default=25.0,
        gt=0.0,
        le=90.0,
        description="The same for the overlay with an observed crystal, °.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> "ComparisonSettings":
        if self.surely_same_angstrom > self.surely_different_angstrom:
            raise ValueError(
                f"surely_same_angstrom = {self.surely_same_angstrom} must not exceed "
                f"surely_different_angstrom = {self.surely_different_angstrom}"
            )
        return self

    @property
    def of_first(self) -> "ComparisonSettings":
        """The thresholds for minima of the first relaxation, never looser."""
        sure, near = self.first_surely_same_angstrom, self.first_duplicate_rmsd_angstrom
        return self.model_copy(
            update={
                "surely_same_angstrom": min(sure, self.surely_same_angstrom),
                "duplicate_rmsd_angstrom": min(near, self.duplicate_rmsd_angstrom),
            }
        )

    @property
    def tolerances(self) -> Tolerances:
        """For overlays of crystals of the landscape."""
        return Tolerances(
            self.distance_tolerance_percent / 100.0, self.angle_tolerance_degrees
        )

    @property
    def observed_tolerances(self) -> Tolerances:
        """For overlays with observed crystals."""
        return Tolerances(
            self.observed_distance_tolerance_percent / 100.0,
            self.observed_angle_tolerance_degrees,
        )
