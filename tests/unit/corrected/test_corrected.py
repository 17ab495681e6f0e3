"""Landscapes corrected by energies of a known law."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from csp import runs, stages
from csp.cli import build_app
from csp.corrected.isolated import isolated_change, molecule_counts
from csp.corrected.knowledge import chain_of, knowledge_of, known_level
from csp.corrected.landscape import corrected, crystal_of, described
from csp.corrected.loop import improved, known_levels
from csp.corrected.outputs import write_no_ranking, write_ranking
from csp.corrected.report import FEWEST_FOR_CURVE, curve_of
from csp.corrected.tables import ranking_rows, read_ranking
from csp.correction.domain import near_duplicates
from csp.errors import InputError
from csp.reference.calculation import Calculation, Cost
from csp.reference.campaign import Campaign, Limits, Tally
from csp.reference.convergence import doubled_subject
from csp.reference.engine import Energy, Failure, Reason
from csp.reference.levels import built_in_levels, level_named
from csp.reference.sharing import write_records
from csp.reference_source import open_source

LEVELS = built_in_levels()
PBE = level_named("pbe-d4-qe", LEVELS)
NOTHING = Limits(1, 1, 1.0, budget_seconds=0.0)


def quiet(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def folder(finished, tmp_path):
    for name in ("landscape.csv", "landscape.db", "conformers.json"):
        shutil.copy(finished.output / name, tmp_path / name)
    shutil.copytree(finished.output / "structures", tmp_path / "structures")
    return tmp_path


@pytest.fixture
def source(folder):
    return open_source([folder], None, [])


def truth(candidate) -> float:
    """kJ/mol per formula unit: the force field and a law linear in the density."""
    return candidate.relative_energy + 20.0 * (crystal_of(candidate).density - 1.8)


def calculation(subject, energy: float, level: Campaign) -> Calculation:
    outcome = Energy((energy - 1000.0) * subject.n_formula_units)
    cost = Cost(100.0, 100.0, 1, 1.0)
    return Calculation(
        subject, level.level.name, level.digest, outcome, (), cost, {"host": "here"}
    )


def record(source, campaign: Campaign, rows) -> None:
    for row in rows:
        item = source.candidates[row]
        campaign.results.write(calculation(item.subject, truth(item), campaign))


def campaign_of(source) -> Campaign:
    return Campaign(source.folder, PBE, LEVELS)


def test_the_known_level_is_the_one_that_builds_on_most(source):
    assert known_level(source, LEVELS) is None
    hybrid = level_named("pbe0-d4-qe", LEVELS)
    record(source, Campaign(source.folder, level_named("pbe-d4", LEVELS), LEVELS), [0])
    record(source, campaign_of(source), [0, 1, 2])
    assert known_level(source, LEVELS) == PBE
    record(source, Campaign(source.folder, hybrid, LEVELS), [0])
    assert known_level(source, LEVELS) == hybrid


def test_structures_may_be_computed_by_others_than_threads(source, folder):
    """The loop asks for batches; who computes them is the caller's choice."""
    batches = []

    def compute(campaign, subjects, limits, progress):
        batches.append([subject.id for subject in subjects])
        rows = [
            row
            for row, item in enumerate(source.candidates)
            if item.subject in subjects
        ]
        record(source, campaign, rows)
        tally = Tally()
        tally.computed.extend(campaign.results.find(item) for item in subjects)
        return tally

    limits = Limits(2, 1, 1.0)
    found = improved(source, [campaign_of(source)], limits, quiet, compute)
    chosen = [name for batch in batches for name in batch]
    assert len(batches) > 1
    assert len(chosen) == len(set(chosen))
    assert set(chosen) == {item.subject.id for item in source.candidates}
    assert found.ending == "ended: nothing is left to compute"


def test_the_lower_level_is_computed_of_more_structures(source):
    """An embedding's base is computed with it; of others the base alone is."""
    chain = [
        Campaign(source.folder, level, LEVELS)
        for level in chain_of(level_named("pbe0-d4-qe", LEVELS), LEVELS)
    ]
    asked = []
    rows = {item.subject.id: row for row, item in enumerate(source.candidates)}

    def compute(campaign, subjects, limits, progress):
        tally = Tally()
        if len(asked) > 14:  # the time is over
            tally.n_left = len(subjects)
            return tally
        for subject in subjects:
            asked.append((subject.id, campaign.level.name))
            for item in chain[: chain.index(campaign) + 1]:
                if not item.is_done(subject):
                    record(source, item, [rows[subject.id]])
            tally.computed.append(campaign.results.find(subject))
        return tally

    found = improved(source, chain, Limits(2, 1, 1.0), quiet, compute)
    assert len(asked) == len(set(asked))
    low, high = (item.level.name for item in chain)
    first = {level for _, level in asked[:8]}
    assert first == {low, high}
    at_high = [name for name, level in asked if level == high]
    assert 4 <= len(at_high) < len({name for name, _ in asked})
    assert len(found.landscape.knowledge) == 2
    assert [len(item.data.rows) for item in found.landscape.knowledge] == [
        len({name for name, _ in asked}),
        len(at_high),
    ]


def test_what_was_not_computed_is_predicted(source):
    campaign = campaign_of(source)
    n = len(source.candidates)
    known = np.arange(0, n, 2)
    record(source, campaign, known)
    landscape = corrected(
        described(source.candidates, None, quiet), [knowledge_of(campaign, source)]
    )
    wanted = np.array([truth(item) for item in source.candidates])
    other = np.setdiff1d(np.arange(n), known)
    errors = landscape.energies - wanted
    errors -= errors[known].mean()
    cheap = landscape.described.baseline - wanted
    cheap -= cheap[known].mean()
    assert np.abs(errors[other]).mean() < 0.3 * np.abs(cheap[other]).mean()
    assert np.all(landscape.errors[known] <= 0.11)
    assert landscape.ranking.global_minimum.sum() == pytest.approx(1.0)
    assert [bool(level) for level in landscape.computed_at] == [
        row % 2 == 0 for row in range(n)
    ]


def test_what_conformers_differ_by_is_not_learned_but_taken(source):
    """Conformers are apart by another amount at the level, and that was computed."""
    campaign = campaign_of(source)
    counts = molecule_counts(source)
    assert counts.sum(axis=1) == pytest.approx(1.0)
    assert counts.shape[1] == len(source.molecules) > 1
    apart = 7.0 * np.arange(len(source.molecules))
    for molecule, cheap, more in zip(
        source.molecules, source.molecule_energies, apart, strict=True
    ):
        campaign.results.write(calculation(molecule, cheap + more, campaign))
    wanted = np.array([truth(item) for item in source.candidates]) + counts @ apart
    assert np.ptp(counts @ apart) > 5.0  # several conformers are in the landscape
    known = np.arange(0, len(wanted), 4)
    for row in known:
        subject = source.candidates[row].subject
        campaign.results.write(calculation(subject, wanted[row], campaign))
    landscape = described(source.candidates, None, quiet)

    def error(levels) -> float:
        found = corrected(landscape, levels).energies - wanted
        return float(np.abs(found - found[known].mean()).mean())

    taken = known_levels(source, [campaign])
    learned = [knowledge_of(campaign, source)]
    assert error(taken) < 0.5 * error(learned)
    change = taken[0].data.known_change
    expected = counts @ apart
    assert change == pytest.approx(expected - expected.mean(), abs=1e-6)


def test_without_energies_of_all_conformers_nothing_is_taken(source):
    campaign = campaign_of(source)
    record(source, campaign, range(6))
    (item,) = known_levels(source, [campaign])
    assert item.data.known_change is None
    counts = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    below, here = np.zeros(3), np.array([1.0, 3.0, np.nan])
    assert isolated_change(counts, below, here) == pytest.approx([-1.0, 1.0])
    here[1] = np.nan
    assert isolated_change(counts, below, here) is None


def test_a_landscape_is_ranked_by_corrected_energies(source, tmp_path):
    record(source, campaign_of(source), range(6))
    found = improved(source, [campaign_of(source)], NOTHING, quiet)
    rows = write_ranking(tmp_path, found, quiet)
    energies = [row.relative_energy_kj_per_mol for row in rows]
    assert energies[0] == 0.0
    assert energies == sorted(energies)
    assert {row.id for row in rows} == {item.subject.id for item in source.candidates}
    assert rows == read_ranking(tmp_path / "ranking.csv")
    with (tmp_path / "ranking.csv").open() as stream:
        assert next(csv.reader(stream))[:2] == ["rank", "id"]
    text = (tmp_path / "ranking.md").read_text()
    assert "6 of" in text
    assert "each left out and predicted" in text
    assert "csp reference check" in text  # nobody looked at cells
    assert (tmp_path / "ranking.png").read_bytes().startswith(b"\x89PNG")
    diagnostics = json.loads((tmp_path / "ranking.json").read_text(encoding="utf-8"))
    (level,) = diagnostics["levels"]
    assert level["n_computed"] == len(level["ids"]) == len(level["energies"]) == 6
    left_out = found.landscape.correction.steps[0].left_out
    assert level["left_out"]["predicted"] == pytest.approx(left_out.means, abs=1e-4)
    write_no_ranking(tmp_path, "no energies")
    assert not (tmp_path / "ranking.csv").exists()
    assert not (tmp_path / "ranking.json").exists()
    with pytest.raises(InputError, match="csp correct DIR"):
        read_ranking(tmp_path / "ranking.csv")


def test_the_learning_curve_counts_near_duplicates_once(source):
    """A third of the crystals are there twice: no copy alone is left for the test."""
    campaign = campaign_of(source)
    n = len(source.candidates)
    record(source, campaign, range(n))
    landscape = corrected(
        described(source.candidates, None, quiet), [knowledge_of(campaign, source)]
    )
    features = landscape.described.features[np.arange(n) % (2 * n // 3)]
    twice = replace(landscape.described, features=features)
    n_distinct = len(np.unique(near_duplicates(features)))
    assert FEWEST_FOR_CURVE <= n_distinct <= 2 * n // 3
    curve = curve_of(replace(landscape, described=twice), quiet)
    assert curve
    assert max(point.n_train for point in curve) < n_distinct
    assert all(point.n_test > 0 for point in curve)
    few = replace(twice, features=np.repeat(features[:1], n, axis=0))
    assert curve_of(replace(landscape, described=few), quiet) == ()


def test_computed_energies_are_kept_as_they_are(source):
    record(source, campaign_of(source), range(0, 12, 2))
    found = improved(source, [campaign_of(source)], NOTHING, quiet).landscape
    rows = {row.id: row for row in ranking_rows(found)}
    first, second = (source.candidates[row] for row in (0, 2))
    gap = (
        rows[first.subject.id].relative_energy_kj_per_mol
        - rows[second.subject.id].relative_energy_kj_per_mol
    )
    assert gap == pytest.approx(truth(first) - truth(second), abs=0.15)


def test_too_few_energies_are_refused(source):
    record(source, campaign_of(source), range(2))
    with pytest.raises(InputError, match="2 reference energies are too few"):
        improved(source, [campaign_of(source)], NOTHING, quiet)


def test_energies_that_depend_on_the_cell_are_refused(source):
    campaign = campaign_of(source)
    record(source, campaign, range(5))
    item = source.candidates[0]
    double = doubled_subject(item.subject)
    campaign.results.write(calculation(double, truth(item) + 0.1, campaign))
    knowledge = knowledge_of(campaign, source)
    assert knowledge.doubts == ()
    campaign.results.write(calculation(double, truth(item) + 0.5, campaign))
    with pytest.raises(InputError, match=r"differ by 0\.50 kJ/mol"):
        knowledge_of(campaign, source)


def test_failures_are_no_labels(source):
    campaign = campaign_of(source)
    record(source, campaign, range(4))
    failed = replace(
        calculation(source.candidates[5].subject, 0.0, campaign),
        outcome=Failure(Reason.NOT_CONVERGED, "no"),
    )
    campaign.results.write(failed)
    assert knowledge_of(campaign, source).data.rows.tolist() == [0, 1, 2, 3]


def test_the_chain_begins_at_the_bottom():
    names = [level.name for level in chain_of(LEVELS["pbe0-d4-qe/production"], LEVELS)]
    assert names == ["pbe-d4-qe/production", "pbe0-d4-qe/production"]


def test_csp_correct_tells_the_ranking(source, folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    record(source, campaign_of(source), range(8))
    words = ["correct", str(folder), "--level", "pbe-d4-qe"]
    shown = CliRunner().invoke(build_app(None), words)
    assert shown.exit_code == 0, shown.output
    assert "8 of" in shown.stdout
    assert max(map(len, shown.stdout.splitlines()[:12])) <= 80
    content = json.loads(CliRunner().invoke(build_app(None), [*words, "--json"]).stdout)
    assert content["levels"][0]["n_computed"] == 8
    assert len(content["structures"]) == len(source.candidates)
    known = CliRunner().invoke(build_app(None), ["correct", str(folder)])
    assert "Corrected landscape: pbe-d4-qe/production" in known.stdout
    words = ["correct", str(folder), "--level", "pbe-d4-cp2k"]
    missing = CliRunner().invoke(build_app(None), words)
    assert missing.exit_code == 2
    assert "too few to learn from" in missing.stderr.replace("\n", " ")


def test_a_run_ends_with_the_energies_it_is_given(finished, source, folder):
    campaign = campaign_of(source)
    record(source, campaign, range(10))
    write_records(folder / "energies.jsonl", campaign.results.all())
    shutil.rmtree(campaign.results.folder)
    shutil.copytree(finished.output / "store", folder / "store")
    case = finished.settings_file.parent
    for name in ("monomers.json", "alpha.cif", "beta.cif"):
        shutil.copy(case / name, folder / name)
    settings = folder / "corrected.toml"
    settings.write_text(
        finished.settings_file.read_text()
        + '\n[correction]\nenergies = "energies.jsonl"\nlevel = "pbe-d4-qe"\n'
    )
    run = runs.open_run(settings, folder, ("run.workers=2",))
    stages.correct(run, quiet)
    rows = read_ranking(folder / "ranking.csv")
    assert sum(bool(row.computed_at) for row in rows) == 10
    (folder / "energies.jsonl").write_text("none")
    with pytest.raises(InputError, match="no file of reference energies"):
        runs.open_run(settings, folder, ("run.workers=2",))
