"""The journal: one line an event, whatever was killed while it was written."""

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from csp.journal import NAME, Journal, follow, read_journal
from csp.search import Batch, Finished, Step

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.lists(st.tuples(texts, st.dictionaries(texts, st.integers()))),
    st.integers(0, 200),
)
def test_a_line_that_was_cut_off_costs_no_other(events, cut):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal(folder)
        for kind, facts in events:
            journal.write(kind, facts=facts)
        before = (folder / NAME).read_bytes() if events else b""
        kept = before[: max(0, len(before) - cut)]
        (folder / NAME).write_bytes(kept)
        journal.write("after")
        found = read_journal(folder)
        n_whole = kept.count(b"\n")
        assert [event["event"] for event in found[:n_whole]] == [
            kind for kind, _ in events[:n_whole]
        ]
        assert [event["facts"] for event in found[:n_whole]] == [
            facts for _, facts in events[:n_whole]
        ]
        assert found[-1]["event"] == "after"
        assert len(found) <= n_whole + 2


def test_a_folder_without_a_journal_has_no_events(tmp_path):
    assert read_journal(tmp_path) == []


def test_a_step_is_told_and_written_with_its_failures(tmp_path):
    pieces = [Batch(0, 10 * i, 10, f"relaxed/014-a-{i}") for i in range(3)]
    step = Step("packings, round 1", pieces, pieces[1:])
    ends = [
        Finished("relaxed/014-a-1", 1.5, "here/1", {"converged": 10}, {}),
        Finished(
            "relaxed/014-a-2",
            2.5,
            "there/2",
            {"converged": 8, "overlap": 2},
            {"overlap": ["sg014-a-000021", "sg014-a-000025"]},
        ),
    ]
    told = []
    sentence = follow(
        step, ends, Journal(tmp_path), lambda *progress: told.append(progress)
    )
    assert told == [("packings, round 1", done, 3) for done in (1, 2, 3)]
    assert sentence == (
        "packings, round 1: 18 converged, 2 overlap, 1 pieces done before"
    )
    first, second, whole = read_journal(tmp_path)
    assert (first["piece"], first["worker"]) == ("relaxed/014-a-1", "here/1")
    assert second["failures"] == {"overlap": ["sg014-a-000021", "sg014-a-000025"]}
    assert whole["endings"] == {"converged": 18, "overlap": 2}
    assert (whole["pieces"], whole["known"], whole["seconds"]) == (2, 1, 4.0)
    assert all(json.dumps(event) for event in (first, second, whole))
