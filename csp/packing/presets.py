"""Named searches: which space groups, how many minima, how many molecules."""

from dataclasses import dataclass
from typing import Literal, get_args

from csp.errors import InputError
from csp.spacegroups import N_SPACE_GROUPS

PresetName = Literal["quick", "standard", "thorough", "efficient-z2", "chiral"]

SPACE_GROUP_FREQUENCIES = {
    14: 34.0, 2: 25.0, 15: 8.3, 19: 7.0, 4: 5.1, 61: 3.3, 33: 1.4, 62: 1.2, 9: 1.1,
    1: 1.0, 60: 0.8, 5: 0.8, 29: 0.7, 148: 0.6, 12: 0.6, 13: 0.6, 88: 0.5, 56: 0.4,
    11: 0.4, 18: 0.4, 7: 0.4, 43: 0.4, 114: 0.3, 82: 0.3, 167: 0.2, 152: 0.2, 76: 0.2,
    92: 0.2, 113: 0.1, 58: 0.1, 198: 0.1, 161: 0.1, 205: 0.1, 20: 0.2, 41: 0.1,
    45: 0.1, 57: 0.1, 64: 0.1, 36: 0.1, 146: 0.2, 144: 0.1, 169: 0.1, 173: 0.1,
    86: 0.1, 136: 0.1, 217: 0.1, 225: 0.1, 147: 0.1, 85: 0.1, 122: 0.1,
}  # fmt: skip
"""Share of the space groups among crystals of molecules, %, rounded: the statistics of
the Cambridge Structural Database (CCDC). They share out the search; no result depends
on their digits. 0.1 stands for less as well."""

COMMON_SPACE_GROUPS = (14, 2, 19, 15, 4, 61, 33, 29, 9, 7, 1)
"""The groups of most organic crystals: P2₁/c, P-1, P2₁2₁2₁, C2/c, P2₁, Pbca, Pna2₁,
Pca2₁, Cc, Pc, P1."""

STANDARD_SPACE_GROUPS = (
    *COMMON_SPACE_GROUPS,
    62, 60, 5, 148, 12, 13, 88, 56, 11, 18, 43, 114, 82, 113, 58, 167, 161, 205, 198,
    217, 76, 92, 152, 144, 36, 41, 45, 64, 146, 86, 85, 122, 169, 173,
)  # fmt: skip
"""Those of nearly all organic crystals. In the rarer ones small symmetric molecules sit
on special positions, as urea in P-42₁m or carbon dioxide in Pa-3."""

ALL_SPACE_GROUPS = tuple(range(1, N_SPACE_GROUPS + 1))

SOHNCKE_SPACE_GROUPS = (19, 4, 1, 5, 18, 20, 76, 92, 96, 144, 145, 146, 152, 154, 169,
                        170, 173, 198)  # fmt: skip
"""Groups without mirror images, in which enantiopure molecules crystallise."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A named search.

    Attributes:
        description: For whom and what, in a sentence.
        space_groups: International numbers.
        n_minima: Valid minima on general positions, all groups together.
        special_share: Part of a general position's that a special one gets.
        independent: Numbers of independent molecules.
        largest_z_prime: Formula units in the asymmetric unit at most.
        rounds: Parts in which the search is made.
        stop_when: When it ends early.
    """

    description: str
    space_groups: tuple[int, ...]
    n_minima: int
    special_share: float = 0.3
    independent: tuple[int, ...] = (1,)
    largest_z_prime: float = 1.0
    rounds: int = 4
    stop_when: str = ""


PRESETS: dict[PresetName, Preset] = {
    "quick": Preset(
        "a first look, minutes on a laptop: the eleven commonest space groups, Z′ ≤ 1",
        COMMON_SPACE_GROUPS,
        1500,
    ),
    "standard": Preset(
        "for results that count: 45 space groups and all special positions, Z′ ≤ 1",
        STANDARD_SPACE_GROUPS,
        4000,
        rounds=8,
        stop_when="95 % of minima within 5 kJ/mol seen",
    ),
    "thorough": Preset(
        "ten times standard, in all 230 space groups, and two independent molecules on "
        "special and general positions, Z′ ≤ 2",
        ALL_SPACE_GROUPS,
        40_000,
        independent=(1, 2),
        largest_z_prime=2.0,
        rounds=20,
        stop_when="99 % of minima within 10 kJ/mol seen",
    ),
    "efficient-z2": Preset(
        "after standard: two independent molecules (Z′ = 2) in the common groups",
        COMMON_SPACE_GROUPS,
        10_000,
        independent=(2,),
        largest_z_prime=2.0,
        rounds=8,
        stop_when="95 % of minima within 5 kJ/mol seen",
    ),
    "chiral": Preset(
        "an enantiopure compound: only groups without mirror images, Z′ ≤ 1",
        SOHNCKE_SPACE_GROUPS,
        4000,
        rounds=8,
        stop_when="95 % of minima within 5 kJ/mol seen",
    ),
}
"""The presets by name."""


def preset_named(name: str) -> PresetName:
    """The name of a preset, checked.

    Raises:
        InputError: If there is none of that name.
    """
    for known in get_args(PresetName):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise InputError(
        f"there is no preset {name!r}: choose one of {', '.join(get_args(PresetName))}"
    )
