"""What is said and drawn of completeness."""

import struct

import numpy as np
import pytest

from csp.packing.accumulation import accumulate
from csp.packing.completeness import Completeness, Interval, estimate_completeness
from csp.report.completeness_figure import completeness_png
from csp.report.completeness_text import (
    LIMITS,
    completeness_markdown,
    completeness_sentences,
)


@pytest.fixture(scope="module")
def draws():
    rng = np.random.default_rng(4)
    return rng.integers(-1, 40, size=300)


ENERGIES = np.linspace(0.0, 12.0, 40)


def test_a_window_is_told_in_one_sentence():
    estimate = Completeness(
        window=5.0,
        n_draws=900,
        n_hits=400,
        n_seen=37,
        coverage=Interval(0.9812, 0.9701, 0.99),
        unseen=Interval(2.1, 0.0, 5.8),
        least_unseen=1.3,
    )
    assert completeness_sentences([estimate]) == [
        "within 5 kJ/mol: 37 minima seen, an estimated 2 (0–6; Chao's lower bound 1) "
        "not, so 94.6 % (86.4–100.0) seen; coverage 98.1 % (97.0–99.0)"
    ]


def test_what_is_not_quite_complete_is_not_told_as_such():
    almost = Interval(0.99999, 0.9996, 1.0)
    estimate = Completeness(2.0, 9000, 9000, 1, almost, Interval(0.0, 0.0, 0.0), 0.0)
    (text,) = completeness_sentences([estimate])
    assert text.endswith("coverage 99.9 % (99.9–100.0)")
    assert "1 minimum seen" in text


def test_a_search_that_found_nothing_is_told_so():
    sentences = completeness_sentences(
        estimate_completeness(np.full(1200, -1), np.zeros(0), (2.0,))
    )
    assert sentences == ["within 2 kJ/mol: no minimum seen in 1,200 draws"]


def test_the_report_names_what_no_estimate_knows(draws):
    estimates = estimate_completeness(draws, ENERGIES)
    text = completeness_markdown(estimates)
    items = [line for line in text.splitlines() if line.startswith("- Within")]
    assert [item.split(":")[0] for item in items] == [
        "- Within 2 kJ/mol",
        "- Within 5 kJ/mol",
        "- Within 10 kJ/mol",
    ]
    assert text.endswith(LIMITS + "\n")
    for unknown in ("not searched", "asymmetric unit", "rarer still"):
        assert unknown in LIMITS


def test_the_picture_is_a_png_and_the_same_each_time(draws):
    curves = accumulate(draws, ENERGIES)
    png = completeness_png(curves, "title")
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    assert (width, height) == (1125, 825)
    assert png == completeness_png(accumulate(draws, ENERGIES), "title")


def test_every_window_and_the_title_are_drawn(draws):
    curves = accumulate(draws, ENERGIES)
    pictures = {completeness_png(curves[:n], "title") for n in range(4)}
    assert len(pictures | {completeness_png(curves, "other")}) == 5


def test_a_search_without_minima_can_be_drawn():
    nothing = accumulate(np.full(20, -1), np.zeros(0))
    assert completeness_png(nothing, "title").startswith(b"\x89PNG")
