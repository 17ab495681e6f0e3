"""Settings of the trial packings."""

from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from csp.packing.occupation import Extent
from csp.packing.presets import PRESETS, PresetName
from csp.packing.stop_rule import StopRule, parse_stop_rule
from csp.spacegroups import N_SPACE_GROUPS

SpaceGroupNumber = Annotated[int, Field(ge=1, le=N_SPACE_GROUPS)]
STANDARD_PRESET: PresetName = "standard"
_STANDARD = PRESETS[STANDARD_PRESET]


class PackingSettings(BaseModel):
    """The ``[packing]`` section: which trial packings, and how many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: PresetName = Field(
        STANDARD_PRESET,
        description="a named search whose values the keys below take unless they are "
        "given: "
        + "; ".join(f"{name}: {own.description}" for name, own in PRESETS.items()),
    )
    seed: int = Field(
        1,
        ge=0,
        description="seed of the quasi-random points; another one gives other packings",
    )
    space_groups: tuple[SpaceGroupNumber, ...] = Field(
        _STANDARD.space_groups,
        min_length=1,
        description="international numbers of the space groups to search",
    )
    n_minima: int = Field(
        _STANDARD.n_minima,
        ge=1,
        le=100_000_000,
        description="packings on general positions that must relax to a valid minimum, "
        "all space groups together; common groups get more of them (by the square root "
        "of their frequency)",
    )
    special_share: float = Field(
        _STANDARD.special_share,
        ge=0.0,
        le=10.0,
        description="valid minima on each special position that the molecule's own "
        "symmetry allows, as part of those on its group's general position",
    )
    independent: tuple[Annotated[int, Field(ge=1, le=8)], ...] = Field(
        _STANDARD.independent,
        min_length=1,
        description="numbers of independent molecules for each molecule of the formula "
        "unit; 2 adds two molecules on general positions (Z′ = 2) or special ones",
    )
    largest_z_prime: float = Field(
        _STANDARD.largest_z_prime,
        gt=0.0,
        le=16.0,
        description="formula units in the asymmetric unit at most, Z′",
    )
    most_units_in_cell: int = Field(
        18,
        ge=1,
        le=192,
        description="formula units in the conventional cell at most; leaves general "
        "positions of highly symmetric groups out",
    )
    most_draws_per_minimum: float = Field(
        3.0,
        ge=1.0,
        le=1000.0,
        description="a space group is given up when it took so many draws for each "
        "valid minimum wanted",
    )
    stop_when: str = Field(
        _STANDARD.stop_when,
        description='end the search early, like "95 % of minima within 10 kJ/mol '
        'seen", once its own estimate says so after a round; empty: never',
    )
    rounds: int = Field(
        _STANDARD.rounds,
        ge=1,
        le=1000,
        description="parts in which the search is made; after each the completeness is "
        "estimated",
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

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:  # noqa: ANN401
        """The keys that are not given have the values of the preset."""
        name = given.get("preset") if isinstance(given, Mapping) else None
        if not isinstance(name, str) or name not in PRESETS:
            return given
        values = asdict(PRESETS[name])
        values.pop("description")
        return {**values, **given}

    @property
    def stop_rule(self) -> StopRule | None:
        """When the search ends early; None for never."""
        return parse_stop_rule(self.stop_when) if self.stop_when else None

    @property
    def extent(self) -> Extent:
        """Which asymmetric units are searched."""
        return Extent(
            self.independent,
            Fraction(self.largest_z_prime).limit_denominator(1000),
            self.most_units_in_cell,
        )

    @field_validator("space_groups", "independent")
    @classmethod
    def _nothing_twice(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(values)) < len(values):
            raise ValueError("names a number twice: leave each in once")
        return values

    @field_validator("stop_when")
    @classmethod
    def _a_rule(cls, text: str) -> str:
        return str(parse_stop_rule(text)) if text else text

    @field_validator("volume_factors")
    @classmethod
    def _ordered(cls, factors: tuple[float, float]) -> tuple[float, float]:
        low, high = factors
        if not 0.5 <= low <= high <= 10.0:  # noqa: PLR2004
            raise ValueError(
                "must be two rising factors between 0.5 and 10, like [1.0, 1.5]"
            )
        return factors
