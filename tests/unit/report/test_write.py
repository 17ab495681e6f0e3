import pytest

from csp import stages
from csp.errors import InputError
from csp.report.tables import landscape_rows
from csp.report.write import write_outputs

FILES = [
    "completeness.csv",
    "completeness.png",
    "landscape.csv",
    "landscape.db",
    "landscape.png",
    "report.md",
    "structures",
]


def test_all_files_are_there_and_no_other(finished):
    names = sorted(path.name for path in finished.output.iterdir())
    assert names == sorted(
        [
            *FILES,
            "conformers.json",
            "journal.jsonl",
            "observed",
            "report.html",
            "store",
        ]
    )


def test_the_rows_written_are_returned(finished, tmp_path):
    background = stages.background_of(finished.search, finished.course)
    rows = write_outputs(tmp_path / "new", finished.landscape, background)
    assert rows == landscape_rows(finished.landscape)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == FILES


def test_a_folder_that_is_a_file_is_told_with_the_remedy(finished, tmp_path):
    (tmp_path / "file").touch()
    background = stages.background_of(finished.search, finished.course)
    with pytest.raises(InputError, match=r"cannot be written.*--output"):
        write_outputs(tmp_path / "file" / "run", finished.landscape, background)
