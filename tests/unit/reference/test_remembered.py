import threading
import time
from dataclasses import dataclass, field

from csp.crystal import Crystal
from csp.molecule import Molecule
from csp.reference.claims import claimed
from csp.reference.engine import Energy, Failure, Outcome, Reason, Resources
from csp.reference.records import Results
from csp.reference.remembered import Remembered
from csp.reference.subjects import Subject
from tests.unit.reference.crystals import body_centred


@dataclass
class Counting:
    """Counts how often it is asked."""

    outcomes: list[Outcome]
    asked: list[str] = field(default_factory=list)

    def of_crystal(self, crystal: Crystal, resources: Resources) -> Outcome:
        self.asked.append("crystal")
        return self.outcomes.pop(0)

    def of_molecule(self, molecule: Molecule, resources: Resources) -> Outcome:
        self.asked.append("molecule")
        return self.outcomes.pop(0)


def remembered(engine: Counting, tmp_path) -> Remembered:
    return Remembered(engine, Results(tmp_path, "base/production", "0" * 16), "x", 4)


def test_what_was_computed_is_not_computed_again(tmp_path):
    engine = Counting([Energy(-3.0, {"electronic": -3.0})])
    for _ in range(2):
        found = remembered(engine, tmp_path).of_crystal(
            body_centred(), Resources(1, 1.0, tmp_path)
        )
        assert found.energy == -3.0
    assert engine.asked == ["crystal"]
    record = remembered(engine, tmp_path).results.find(Subject("x", body_centred(), 4))
    assert record.level == "base/production"
    assert record.cost.cores == 1


def test_a_failure_is_not_remembered(tmp_path):
    failure = Failure(Reason.NOT_CONVERGED, "no")
    engine = Counting([failure, Energy(-3.0)])
    ask = remembered(engine, tmp_path).of_crystal
    assert ask(body_centred(), Resources(1, 1.0, tmp_path)) == failure
    assert ask(body_centred(), Resources(1, 1.0, tmp_path, 1)) == Energy(-3.0)


def test_it_waits_for_who_computes_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("csp.reference.remembered.SECONDS_A_LOOK", 0.01)
    engine = Counting([Energy(-3.0)])
    ours = remembered(engine, tmp_path)
    claim = ours.results.claim(Subject("x", body_centred(), 4))
    found = []

    def ask() -> None:
        found.append(ours.of_crystal(body_centred(), Resources(1, 1.0, tmp_path)))

    with claimed(claim):
        waiting = threading.Thread(target=ask)
        waiting.start()
        time.sleep(0.1)
        assert not found
    waiting.join(10.0)
    assert found == [Energy(-3.0)]
