from dataclasses import replace

import pytest

from csp import stages
from csp.landscape import Counts
from csp.records import Status
from csp.report.summary import (
    conformer_rows,
    observed_conformers,
    observed_rows,
    report_markdown,
)
from csp.report.tables import landscape_rows
from csp.spacegroups import space_group


def search_lines(finished, counts: Counts | None = None) -> list[str]:
    """What the report says of the three steps of the search."""
    landscape = replace(finished.landscape, counts=counts or finished.landscape.counts)
    background = stages.background_of(finished.search, finished.course)
    text = report_markdown(landscape, landscape_rows(landscape), background)
    lines = section(text, "The search").splitlines()
    return [line for line in lines if line.startswith("- ")]


@pytest.fixture(scope="module")
def report(finished) -> str:
    return (finished.output / "report.md").read_text(encoding="utf-8")


def section(report: str, title: str) -> str:
    return report.split(f"## {title}\n")[1].split("\n## ")[0]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def found_forms(finished) -> dict[str, str]:
    """Observed forms found, and the one conformer they hold."""
    return {
        minimum.observed_form: "+".join(minimum.conformers)
        for minimum in finished.landscape.minima
        if minimum.observed_form
    }


def test_the_report_has_all_sections_in_the_order_of_interest(report):
    titles = [line for line in report.splitlines() if line.startswith("## ")]
    assert titles == [
        "## The 10 lowest",
        "## Observed forms",
        "## Conformers",
        "## The search",
        "## How complete the search is",
        "## What was not done",
    ]
    assert report.startswith("# Crystal-energy landscape of oxalic acid\n")
    assert "MUBZPKHOEPUJKR-UHFFFAOYSA-N" in report


def test_the_conformer_of_the_crystals_is_shown_not_to_be_the_lowest(finished, report):
    table = [cells(row) for row in section(report, "Conformers").splitlines()[3:7]]
    assert [float(row[1]) for row in table] == sorted(float(row[1]) for row in table)
    assert float(table[0][1]) == 0.0
    assert table[0][6] == ""
    for form, label in found_forms(finished).items():
        (row,) = [row for row in table if row[0] == label]
        assert form in row[6]
        assert float(row[1]) > 10.0
        assert f"{form}: conformer {label}, {row[1]} kJ/mol above the lowest" in report


def test_the_minima_of_all_conformers_are_those_of_the_landscape(finished):
    rows = conformer_rows(finished.landscape, finished.search.unit)
    assert sum(int(row[4]) for row in rows) == len(finished.landscape.minima)
    assert "0.00" in {row[5] for row in rows}


def test_a_conformer_without_minima_is_told_so(finished):
    first = finished.landscape.minima[0]
    landscape = replace(finished.landscape, minima=(first,))
    rows = conformer_rows(landscape, finished.search.unit)
    others = [row for row in rows if row[0] not in first.conformers]
    assert others
    assert all(row[4:6] == ("0", "none in the window") for row in others)


def test_observed_forms_have_rank_energy_and_deviations(finished):
    landscape = finished.landscape
    rows = {row[0]: row for row in observed_rows(landscape)}
    assert set(rows) == {"alpha", "beta"}
    for name in found_forms(finished):
        _, rank, energy, matched, rmsd, lengths, volume = rows[name]
        minimum = landscape.minima[int(rank) - 1]
        assert minimum.observed_form == name
        assert float(energy) == pytest.approx(
            landscape.relative_energy(minimum), abs=0.006
        )
        assert matched == "15 of 15"
        assert 0.0 < float(rmsd) < 1.0
        assert len([float(value) for value in lengths.split(",")]) == 3
        assert abs(float(volume)) < 15.0


def test_a_form_that_was_not_found_is_told_so(finished):
    matches = finished.landscape.observed
    bad = replace(matches[0].packing, n_matched=3)
    landscape = replace(
        finished.landscape, observed=(replace(matches[0], packing=bad), *matches[1:])
    )
    (row,) = [r for r in observed_rows(landscape) if r[0] == matches[0].name]
    assert row[1:4] == ("not found", "", "3 of 15")


def test_what_was_drawn_is_told_by_space_group_and_site(finished, report):
    text = section(report, "The search")
    rows = [cells(line) for line in text.splitlines() if line.startswith("|")]
    course = finished.course
    told = {(row[0], row[1]): row[2:] for row in rows}
    assert len(told) == len(finished.search.slots) + 2
    for slot, tally in zip(finished.search.slots, course.tallies, strict=True):
        occupation = slot.occupation
        group = space_group(occupation.space_group)
        assert told[group.symbol, occupation.sites] == [
            str(occupation.z_prime),
            str(tally.n_drawn),
            str(tally.n_valid),
            str(slot.n_minima),
        ]
    assert f"The search ended after {course.n_rounds} rounds, when" in text


def test_what_became_of_the_packings_is_told_in_three_steps(finished):
    counts = Counts(
        endings={Status.OVERLAP: 11, Status.CONVERGED: 402, Status.FELL_APART: 13},
        n_first_minima=301,
        n_refined=297,
        n_distinct=151,
        n_saddles=17,
        n_unsettled=3,
    )
    first, second, third = search_lines(finished, counts=counts)
    assert "charges" in first
    assert "402 converged, 13 fell apart, 11 overlap; 301 distinct" in first
    assert "within 15 kJ/mol of the lowest" in first
    assert second.startswith("- Of these, 297 relaxed to a minimum of the full force")
    assert "151 distinct ones lie within the energy window" in second
    assert third.startswith("- 17 of those were saddle points")
    assert "downhill" in third
    assert "; 3 came to no minimum and are left out" in third


def test_what_became_of_the_packings_is_what_was_counted(finished, report):
    assert search_lines(finished) == search_lines(finished, finished.landscape.counts)
    for line in search_lines(finished):
        assert line in report.splitlines()


@pytest.mark.parametrize(
    ("electrostatics", "told", "untold"),
    [
        (
            "multipoles",
            (
                "with distributed multipoles to rank 4",
                "distributed multipoles of the density at LEVEL OF MULTIPOLES",
                "potential at LEVEL OF POTENTIAL lead the first relaxations",
            ),
            ("Ewald-summed point charges",),
        ),
        (
            "charges",
            (
                "with Ewald-summed point charges",
                "charges fitted to the electrostatic potential at LEVEL OF POTENTIAL.",
            ),
            ("multipole", "LEVEL OF MULTIPOLES"),
        ),
    ],
)
def test_the_electrostatics_are_told(finished, electrostatics, told, untold):
    background = replace(
        stages.background_of(finished.search, finished.course),
        electrostatics=electrostatics,
        potential_level="LEVEL OF POTENTIAL",
        multipole_level="LEVEL OF MULTIPOLES",
    )
    rows = landscape_rows(finished.landscape)
    text = report_markdown(finished.landscape, rows, background)
    assert "W99" in section(text, "The search")
    for words in told:
        assert words in text
    for words in untold:
        assert words not in text


def test_the_electrostatics_told_are_those_of_the_settings(finished, report):
    assert (
        stages.background_of(finished.search, finished.course).electrostatics
        == "multipoles"
    )
    assert finished.search.conformers[0].multipole_level in section(
        report, "Conformers"
    )
    assert finished.search.conformers[0].potential_level in section(
        report, "Conformers"
    )


def test_what_was_not_done_is_told(report):
    text = section(report, "What was not done")
    for thing in ("quantum chemistry", "temperature", "rigid", "larger cells"):
        assert thing in text


@pytest.mark.parametrize(
    ("ways", "what"),
    [("steepest", "the steepest way down alone"), ("all", "at most 48 ways")],
)
def test_how_saddle_points_were_left_is_told(finished, ways, what):
    background = stages.background_of(finished.search, finished.course)
    assert background.ways_down == "steepest"
    text = report_markdown(
        finished.landscape,
        landscape_rows(finished.landscape),
        replace(background, ways_down=ways),
    )
    assert what in section(text, "What was not done")


def test_a_report_without_observed_forms_has_no_such_section(finished):
    landscape = replace(finished.landscape, observed=())
    rows = landscape_rows(landscape)
    text = report_markdown(
        landscape, rows, stages.background_of(finished.search, finished.course)
    )
    assert "## Observed forms" not in text


def test_starts_that_led_to_no_conformer_are_told(finished):
    background = replace(
        stages.background_of(finished.search, finished.course),
        failures=("start 3 fell apart",),
    )
    rows = landscape_rows(finished.landscape)
    text = report_markdown(finished.landscape, rows, background)
    assert "- No conformer: start 3 fell apart" in section(text, "Conformers")


def test_forms_not_found_hold_no_conformer(finished):
    minima = tuple(replace(m, observed_form="") for m in finished.landscape.minima)
    landscape = replace(finished.landscape, minima=minima)
    assert observed_conformers(landscape, finished.search.unit) == []
