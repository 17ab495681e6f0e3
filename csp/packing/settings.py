"""Settings of the trial packings."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from csp.spacegroups import N_SPACE_GROUPS

SpaceGroupNumber = Annotated[int, Field(ge=1, le=N_SPACE_GROUPS)]

COMMON_SPACE_GROUPS = (14, 2, 19, 15, 4, 61, 33, 29, 9, 7, 1)
"""The groups of most organic crystals, most frequent first: P2₁/c, P-1, P2₁2₁2₁, C2/c,
P2₁, Pbca, Pna2₁, Pca2₁, Cc, Pc, P1."""


class PackingSettings(BaseModel):
    """The ``[packing]`` section: which trial packings, and how many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(
        1,
        ge=0,
        description="seed of the quasi-random points; another one gives other packings",
    )
    space_groups: tuple[SpaceGroupNumber, ...] = Field(
        COMMON_SPACE_GROUPS,
        min_length=1,
        description="international numbers of the space groups to search",
    )
    n_draws: int = Field(
        1000,
        ge=1,
        le=100_000_000,
        description="trial packings with the molecule on the general position "
        "(Z′ = 1), in each space group",
    )
    n_draws_special: int = Field(
        200,
        ge=0,
        le=100_000_000,
        description="trial packings on each distinct special position that the "
        "molecule's own symmetry allows (Z′ < 1)",
    )
    volume_factors: tuple[float, float] = Field(
        (1.0, 1.5),
        description="range of the starting volume, in units of the sum of the average "
        "atomic volumes in organic crystals",
    )
    largest_aspect: float = Field(
        2.5,
        ge=1.0,
        le=10.0,
        description="each free cell length lies within this factor of their geometric "
        "mean, either way",
    )

    @field_validator("space_groups")
    @classmethod
    def _no_group_twice(cls, groups: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(groups)) < len(groups):
            raise ValueError("names a space group twice: leave each in once")
        return groups

    @field_validator("volume_factors")
    @classmethod
    def _ordered(cls, factors: tuple[float, float]) -> tuple[float, float]:
        low, high = factors
        if not 0.5 <= low <= high <= 10.0:  # noqa: PLR2004
            raise ValueError(
                "must be two rising factors between 0.5 and 10, like [1.0, 1.5]"
            )
        return factors
