"""Occupations of Wyckoff positions, against enumeration by hand and by brute force."""

from fractions import Fraction
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from csp.packing.occupation import Extent, Occupation, occupations, weights
from csp.packing.placement import molecules_for_site, occupations_of
from csp.packing.presets import STANDARD_SPACE_GROUPS
from csp.packing.settings import PackingSettings
from csp.potentials.bodies import Component, FormulaUnit
from csp.spacegroups import space_group


def everywhere(kind, site):
    return True


def on(*letters):
    """Each kind fits the sites that its letters name."""
    return lambda kind, site: site.letter in letters[kind]


def names(found):
    return [own.sites for own in found]


@pytest.mark.parametrize(
    ("number", "letters"),
    [
        (1, "a"),
        (2, "ai"),  # eight inversion centres, one by choice of origin
        (4, "a"),
        (9, "a"),
        (14, "ae"),
        (15, "acef"),  # (0,0,0), (1/4,1/4,0), the axis, general
        (19, "a"),
        (33, "a"),
        (61, "ac"),
        (62, "acd"),
        (225, "acdefghjkl"),  # b as a, i as h,
    ],
)
def test_sites_that_differ_by_the_choice_of_origin_count_once(number, letters):
    """International Tables A, chapter 3.5: orbits of the Euclidean normaliser."""
    extent = Extent(most_units=192)
    found = occupations(space_group(number), [1], everywhere, extent)
    assert names(found) == list(letters)
    assert [own.is_general for own in found] == [False] * (len(found) - 1) + [True]


ONE, TWO = Extent(), Extent((2,), Fraction(2))
BOTH = Extent((1, 2), Fraction(2))
BY_HAND = [
    # P-1: one centre, or a pair by its difference, one of seven
    (2, [1], ["abcdefghi"], ONE, "a i"),
    (2, [1], ["abcdefghi"], TWO, "ab ac ad ae af ag ah ai ii"),
    (2, [1], ["i"], TWO, "ii"),
    # P2₁/c: centres (0,0,0), (½,0,0), (0,0,½), (½,0,½), which shifts exchange
    (14, [1], ["abcde"], ONE, "a e"),
    (14, [1], ["abcde"], TWO, "ab ac ad ae ee"),
    (14, [1], ["abcde"], BOTH, "a ab ac ad ae e ee"),
    (14, [1], ["e"], Extent((3,), Fraction(3)), "eee"),
    # Z′ of one centre is 1/2, of two 1, of centre and general position 3/2
    (14, [1], ["abcde"], Extent((1, 2), Fraction(1)), "a ab ac ad e"),
    (14, [1], ["abcde"], Extent((1, 2), Fraction(1, 2)), "a"),
    (14, [1], ["abcde"], Extent((1, 2), Fraction(3, 2)), "a ab ac ad ae e"),
    # formula units in the cell: 2, 4, 6, 8
    (14, [1], ["abcde"], Extent((1, 2), Fraction(2), 3), "a"),
    (14, [1], ["abcde"], Extent((1, 2), Fraction(2), 6), "a ab ac ad ae e"),
    # C2/c and Pnma: two classes of centres, an axis or a mirror
    (15, [1], ["abcdef"], ONE, "a c e f"),
    (15, [1], ["ef"], TWO, "ee ef ff"),
    (62, [1], ["abcd"], ONE, "a c d"),
    (62, [1], ["cd"], TWO, "cc cd dd"),
    # P-42₁m: 4-fold inversions a and b, 2mm, 2, m, general
    (113, [1], ["abcdef"], ONE, "a c d e f"),
    (113, [1], ["cdef"], ONE, "c d e f"),
    # host and two guests on general positions only
    (14, [1, 2], ["abcde", "e"], ONE, "a.e e.ee"),
    (2, [1, 2], ["abcdefghi", "i"], ONE, "a.i i.ii"),
    # guests on the axis or on general positions
    (15, [1, 2], ["abcdef", "ef"], ONE, "a.ee a.f c.ee c.f e.ee e.f f.ff"),
    (62, [1, 2], ["abcd", "cd"], ONE, "a.cc a.d c.cc c.d d.dd"),
    # two kinds, one of each: their Z′ agree, and no point is taken twice
    (14, [1, 1], ["abcde", "abcde"], ONE, "a.b a.c a.d e.e"),
    (14, [1, 1], ["e", "abcde"], ONE, "e.e"),
    (113, [1, 1], ["ab", "ab"], ONE, "a.b"),
    # two guests on b and c or on two points of the line c; b holds one at most
    (113, [1, 2], ["a", "bc"], ONE, "a.bc a.cc"),
    (19, [1, 1, 1], ["a", "a", "a"], ONE, "a.a.a"),
]


@pytest.mark.parametrize(("number", "counts", "sites", "extent", "expected"), BY_HAND)
def test_occupations_are_those_counted_by_hand(number, counts, sites, extent, expected):
    found = occupations(space_group(number), counts, on(*sites), extent)
    assert sorted(names(found)) == sorted(expected.split())


def test_three_centres_for_three_molecules_are_told_apart_in_p_minus_1():
    """Host on one centre, two guests on two of the seven others: 21, besides a.i."""
    everything = "abcdefghi"
    found = names(occupations(space_group(2), [1, 2], on(everything, everything), ONE))
    pairs = [f"a.{x}{y}" for x, y in product("bcdefgh", repeat=2) if x < y]
    assert sorted(found) == sorted(["a.i", "i.ii", *pairs])


def by_brute_force(group, counts, fits, extent):
    """All names, the same set of crystals once, as sets of names."""
    most = max(extent.independent)
    options = [
        [
            chosen
            for n in range(1, most * count + 1)
            for chosen in combinations_with_replacement(group.sites, n)
            if all(fits(kind, site) for site in chosen)
        ]
        for kind, count in enumerate(counts)
    ]
    found = set()
    for chosen in product(*options):
        units = {
            Fraction(sum(site.multiplicity for site in own), count)
            for own, count in zip(chosen, counts, strict=True)
        }
        points = [site.letter for own in chosen for site in own if site.is_fixed]
        share = max(
            Fraction(len(own), count) for own, count in zip(chosen, counts, strict=True)
        )
        n_units = min(units)
        if (
            len(units) == 1
            and len(set(points)) == len(points)
            and n_units <= extent.most_units
            and n_units / group.order <= extent.largest_z_prime
            and any(k - 1 < share <= k for k in extent.independent)
        ):
            found.add(
                frozenset(
                    tuple(
                        "".join(sorted(mapping[s.letter] for s in own))
                        for own in chosen
                    )
                    for mapping in group.relabellings
                )
            )
    return found


@given(
    number=st.sampled_from([2, 4, 10, 14, 15, 62, 113, 147, 198]),
    counts=st.sampled_from([[1], [2], [1, 1], [1, 2], [2, 1]]),
    independent=st.sampled_from([(1,), (2,), (1, 2)]),
    largest=st.sampled_from([Fraction(1, 2), Fraction(1), Fraction(2)]),
    most_units=st.sampled_from([4, 18]),
    data=st.data(),
)
def test_occupations_are_those_of_brute_force(
    number, counts, independent, largest, most_units, data
):
    group = space_group(number)
    letters = [site.letter for site in group.sites]
    few = st.sets(st.sampled_from(letters), max_size=4).map(
        lambda own: own | {letters[-1]}
    )
    allowed = [data.draw(few) for _ in counts]
    extent = Extent(independent, largest, most_units)
    found = occupations(group, counts, on(*allowed), extent)
    orbits = by_brute_force(group, counts, on(*allowed), extent)
    assert len(found) == len(orbits)
    for own in found:
        assert sum(own.letters in orbit for orbit in orbits) == 1
    assert len({own.sites for own in found}) == len(found)


@pytest.mark.parametrize(
    ("number", "counts"),
    [(225, [1]), *product([2, 14, 15, 61, 62, 113, 148], [[1], [1, 1], [1, 2]])],
)
def test_facts_of_every_occupation(number, counts):
    group = space_group(number)
    extent = Extent((1, 2) if counts == [1] else (1,), Fraction(2), 18)
    found = occupations(group, counts, everywhere, extent)
    assert found
    for own in found:
        assert own.space_group == number
        assert own.n_bodies == sum(map(len, own.letters))
        assert own.sites.split(".") == list(own.letters)
        for letters, count in zip(own.letters, counts, strict=True):
            points = sum(group.site(letter).multiplicity for letter in letters)
            assert Fraction(points, group.order * count) == own.z_prime
            assert "".join(sorted(letters)) == letters
        together = "".join(own.letters)
        fixed = [x for x in together if group.site(x).is_fixed]
        assert len(set(fixed)) == len(fixed)
        assert own.z_prime <= extent.largest_z_prime
        assert own.z_prime * group.order <= extent.most_units
        assert own.is_general == (set(together) == {group.sites[-1].letter})
    assert [own.is_general for own in found] == sorted(own.is_general for own in found)


def test_no_two_names_stand_for_one_set_of_crystals():
    for number in STANDARD_SPACE_GROUPS:
        group = space_group(number)
        found = occupations(group, [1], everywhere, Extent((1, 2), Fraction(2), 192))
        seen = set()
        for own in found:
            orbit = {
                "".join(sorted(mapping[letter] for letter in own.sites))
                for mapping in group.relabellings
            }
            assert not orbit & seen
            seen |= orbit


# ------------------------------------------------------------ of real molecules


def unit_of(*kinds, both_hands=True):
    """A formula unit of (count, conformers)."""
    return FormulaUnit(
        tuple(Component(count, tuple(own), both_hands) for count, *own in kinds)
    )


def test_molecules_sit_where_their_own_symmetry_allows(molecules):
    """Urea-like water in P-42₁m, SF6 on the 4-fold inversion, CHFClBr nowhere."""
    settings = PackingSettings(space_groups=(113,), special_share=1.0)
    for name, expected in (
        ("water", ["c", "d", "e", "f"]),
        ("CHFClBr", ["f"]),
        ("SF6", ["a", "c", "d", "e", "f"]),
    ):
        unit = unit_of((1, molecules[name]))
        assert names(occupations_of(unit, settings)) == expected


def test_a_kind_may_sit_where_one_of_its_conformers_fits(molecules):
    settings = PackingSettings(space_groups=(14,))
    both = unit_of((1, molecules["CHFClBr"], molecules["oxalic acid"]))
    assert names(occupations_of(both, settings)) == ["a", "e"]
    alone = unit_of((1, molecules["CHFClBr"]))
    assert names(occupations_of(alone, settings)) == ["e"]


def test_a_dihydrate_of_a_centrosymmetric_molecule(molecules):
    settings = PackingSettings(space_groups=(14, 2, 15))
    unit = unit_of((1, molecules["oxalic acid"]), (2, molecules["water"]))
    found = occupations_of(unit, settings)
    assert [(own.space_group, own.sites) for own in found] == [
        *[(14, "a.e"), (14, "e.ee"), (2, "a.i"), (2, "i.ii")],
        *[(15, name) for name in ("a.ee", "a.f", "c.ee", "c.f", "e.ee", "e.f", "f.ff")],
    ]
    assert found[0].z_prime == Fraction(1, 2)


def test_one_hand_alone_leaves_groups_with_mirror_images_out(molecules):
    settings = PackingSettings(space_groups=(14, 19, 2, 4, 33, 1, 198))
    enantiopure = unit_of((1, molecules["CHFClBr"]), both_hands=False)
    found = {own.space_group for own in occupations_of(enantiopure, settings)}
    assert found == {19, 4, 1, 198}
    racemic = unit_of((1, molecules["CHFClBr"]))
    found = {own.space_group for own in occupations_of(racemic, settings)}
    assert found == set(settings.space_groups)
    # one kind of one hand among others is enough
    mixed = FormulaUnit(
        (
            Component(1, (molecules["water"],), both_hands=True),
            Component(1, (molecules["CHFClBr"],), both_hands=False),
        )
    )
    found = {own.space_group for own in occupations_of(mixed, settings)}
    assert found == {19, 4, 1, 198}


@given(
    st.lists(st.tuples(st.integers(1, 230), st.booleans()), min_size=1, max_size=8),
    st.floats(0.0, 3.0),
)
def test_weights_are_the_roots_of_the_frequencies(groups, share):
    frequencies = {14: 36.0, 2: 25.0, 19: 9.0, 7: 0.25}
    occupied = [
        Occupation(number, ("x",), Fraction(1), general) for number, general in groups
    ]
    expected = [
        {14: 6.0, 2: 5.0, 19: 3.0}.get(number, 0.5) * (1.0 if general else share)
        for number, general in groups
    ]
    assert_allclose(weights(occupied, frequencies, share), expected, rtol=1e-15)


def test_sites_of_real_molecules_are_those_of_the_point_groups(molecules):
    """By geometry: turned by the site's operations, the molecule is itself."""
    settings = PackingSettings(space_groups=(62,))
    found = names(occupations_of(unit_of((1, molecules["water"])), settings))
    assert found == ["c", "d"]  # a mirror, no centre
    group = space_group(62)
    assert molecules_for_site(group, group.site("c"), [molecules["CHFClBr"]]) == []
    assert np.linalg.det(molecules["water"].symmetry.rotations).min() < 0.0
