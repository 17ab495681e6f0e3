import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from numpy.testing import assert_allclose
from typer.testing import CliRunner

import csp
from csp import cli, runs, stages
from csp.cli import build_app
from csp.conformers.monomers_file import read_monomers
from csp.conformers.punch import read_punch
from csp.errors import ConvergenceError
from csp.report.tables import read_csv
from csp.settings import Settings, load_settings

ROOT = Path(csp.__file__).parents[1]
SCRIPT = Path(sys.executable).parent / "csp"


@pytest.fixture
def call(monkeypatch) -> Callable:
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *words: CliRunner().invoke(build_app(None), [str(w) for w in words])


@pytest.fixture
def refused(call, case, tmp_path) -> Callable[..., str]:
    """The sentence with which a run is refused; nothing may have been written."""

    def run(*words: object, settings_file: Path = case) -> str:
        output = tmp_path / "output"
        before = sorted(tmp_path.rglob("*"))
        result = call("run", settings_file, "--output", output, *words)
        assert_refused(result)
        assert sorted(tmp_path.rglob("*")) == before
        return result.stderr

    return run


def assert_refused(result) -> None:
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "Traceback" not in line


def overridden(*changes: str) -> list[str]:
    return [word for change in changes for word in ("--set", change)]


def without_hydrogen(path: Path) -> Path:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    bare = path.with_name("bare.cif")
    bare.write_text(
        "".join(line for line in lines if not re.match(r"H\d+ H |_chem.*sum", line)),
        encoding="utf-8",
    )
    return bare


# ------------------------------------------------------------------------- help


@pytest.mark.parametrize("command", [(), ("run",), ("init",), ("show",), ("monomers",)])
def test_every_command_explains_itself(call, command):
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_help_teaches_the_three_steps(call):
    text = call("--help").stdout
    positions = [text.index(step) for step in ("csp init", "csp run", "csp show")]
    assert positions == sorted(positions)
    assert "kJ/mol" in text
    assert "goes on" in call("run", "--help").stdout


def test_no_command_shows_the_help(call):
    assert "csp init" in call().stdout


def test_the_version_is_told(call):
    result = call("--version")
    assert (result.exit_code, result.stdout) == (0, f"csp {csp.__version__}\n")


@pytest.mark.parametrize("words", [("fly",), ("run",), ("run", "a", "--nonsense")])
def test_a_wrong_command_line_ends_with_code_2(call, words):
    result = call(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_the_installed_command_completes_in_bash():
    result = subprocess.run(
        [SCRIPT, "--show-completion", "bash"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "complete -o default -F _csp_completion csp" in result.stdout
    asked = {
        "_CSP_COMPLETE": "complete_bash",
        "COMP_WORDS": "csp mat",
        "COMP_CWORD": "1",
    }
    result = subprocess.run(
        [SCRIPT], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["match"]


def test_help_comes_without_importing_what_is_slow():
    code = "import sys, flows.command; print(*sys.modules, sep='\\n')"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    slow = {"numba", "numpy", "prefect", "pyscf", "rdkit", "scipy", "torch"}
    assert not slow & set(result.stdout.split())


# ------------------------------------------------------------------------- init


def test_init_writes_a_file_that_can_be_run(call, tmp_path):
    path = tmp_path / "f.toml"
    result = call("init", "OC(=O)C(=O)O", "--name", "oxalic acid", "-o", path)
    assert result.exit_code == 0
    assert result.stdout == f"wrote {path}\nnext: csp run {path}\n"
    expected = Settings(molecule={"source": "OC(=O)C(=O)O", "name": "oxalic acid"})
    assert load_settings(path) == expected


def test_init_names_the_file_after_the_molecule(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call("init", "NC(N)=O", "--name", "my urea")
    assert [path.name for path in tmp_path.iterdir()] == ["my_urea.toml"]


def test_init_does_not_overwrite(call, tmp_path):
    path = tmp_path / "f.toml"
    path.write_text("mine", encoding="utf-8")
    result = call("init", "NC(N)=O", "-o", path)
    assert_refused(result)
    assert "File exists): name another file with --output" in result.stderr
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("source", ["C(C)(C)(C)(C)C", "", " ", "no.cif", "[Na+].[Cl-]"])
def test_init_refuses_what_is_no_molecule(call, tmp_path, source):
    assert_refused(call("init", source, "-o", tmp_path / "f.toml"))
    assert list(tmp_path.iterdir()) == []


def test_init_into_a_folder_that_is_not_there(call, tmp_path):
    result = call("init", "NC(N)=O", "-o", tmp_path / "no" / "f.toml")
    assert_refused(result)
    assert "name another file with --output" in result.stderr


def test_init_names_a_file_as_seen_from_the_settings(call, case, tmp_path, monkeypatch):
    monkeypatch.chdir(case.parent)
    path = tmp_path / "f.toml"
    assert call("init", "beta.cif", "-o", path).exit_code == 0
    source = load_settings(path).molecule.source
    assert (path.parent / source).resolve() == (case.parent / "beta.cif").resolve()


# ------------------------------------------------------------------------- show


def test_show_lists_the_best_structures_in_eighty_columns(call, finished):
    result = call("show", finished.output, "-n", "3")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    ranks = re.findall(r"^ *(\d+) [A-Z]", result.stdout, re.MULTILINE)
    rows = read_csv(finished.output / "landscape.csv")
    observed = [str(row.rank) for row in rows[3:] if row.observed_form]
    assert ranks == ["1", "2", "3", *observed]
    assert observed


def test_show_of_an_empty_folder_is_refused(call, tmp_path):
    result = call("show", tmp_path)
    assert_refused(result)
    assert "csp run FILE --output DIR" in result.stderr


def test_show_of_no_structures_is_refused(call, finished):
    assert call("show", finished.output, "-n", "0").exit_code == 2


# -------------------------------------------------------------------------- run


@pytest.fixture
def copied(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished.output, tmp_path / "run"))


def test_run_ends_with_tables_and_the_next_command(call, finished, copied):
    result = call("run", finished.settings_file, "--output", copied)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines()[:-2])) <= 80
    assert "…" not in result.stdout
    for text in ("Conformers of oxalic acid", "Observed forms", "the lowest first"):
        assert text in result.stdout
    assert f"next: csp show {copied}" in result.stdout
    assert re.search(r"conformer \d, \d+\.\d\d kJ/mol above the lowest", result.stdout)


def test_progress_goes_to_the_error_stream(call, finished, copied):
    for path in copied.glob("store/rounds-*/finalists-*"):
        path.unlink()
    for path in copied.glob("store/rounds-*/*/001*"):
        path.unlink()
    result = call("run", finished.settings_file, "--output", copied)
    lines = result.stderr.splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == [
        "packings, round 1",
        "refining, round 1",
        "packings, round 2",
        "comparing first minima",
        "refining, round 2",
        "comparing full minima",
        "settling",
        "comparing settled minima",
        "finding symmetry",
        "comparing for the report",
    ]
    pieces = len(list(copied.glob("store/relaxed/*-00000000-*")))
    assert lines[0] == f"packings, round 1 {pieces}/{pieces}"
    for line in lines:
        done, total = line.rpartition(" ")[2].split("/")
        assert done == total
    assert "packings" not in result.stdout


def test_the_output_folder_is_that_of_the_settings_unless_given(
    call, finished, copied, monkeypatch
):
    monkeypatch.chdir(copied.parent)
    result = call("run", finished.settings_file)
    assert result.exit_code == 0
    assert "next: csp show run" in result.stdout


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["molecule.source=C(C)(C)(C)(C)C"], "possible valences.*correct the source"),
        (["molecule.source=C(C("], "possible valences.*correct the source"),
        (["molecule.source="], "molecule.source.*at least 1 character"),
        (["molecule.source='  '"], "possible valences.*correct the source"),
        (["molecule.source=no.cif"], "no.cif does not exist: correct the source"),
        (["molecule.charge=1"], "charge 0, but the settings say 1: set charge = 0"),
        (["packing.n_minimaz=3"], "packing.n_minimaz: did you mean packing.n_minima"),
        (["packing.preset=fast"], "packing.preset.*'quick', 'standard'.*got .fast"),
        (["pakking.n_minima=3"], "pakking: did you mean packing"),
        (["packing.space_groups=[231]"], "packing.space_groups.*230, got 231"),
        (["packing.n_minima=-5"], "packing.n_minima.*equal to 1, got -5"),
        (["packing.n_minima"], "section.key=value.*write it like"),
        (['landscape.observed={a="no.cif"}'], "no.cif.*give the path of a CIF"),
        (['landscape.observed={a="quick.toml"}'], "quick.toml.*give a CIF file"),
        (
            ["molecule.source=NC(N)=O", "molecule.name=urea"],
            "alpha .*not a crystal of urea alone.*correct landscape.observed",
        ),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(refused, changes, message):
    assert re.search(message, refused(*overridden(*changes)))


def test_observed_forms_without_hydrogen_are_refused(refused, case):
    without_hydrogen(case.parent / "beta.cif")
    sentence = refused(*overridden('landscape.observed={b="bare.cif"}'))
    assert "bare.cif has no hydrogen atoms: add them" in sentence


def test_a_source_without_hydrogen_is_refused(refused, case):
    without_hydrogen(case.parent / "beta.cif")
    assert "hydrogen" in refused(*overridden("molecule.source=bare.cif"))


def test_elements_without_parameters_are_named_before_any_work(refused, monkeypatch):
    monkeypatch.setattr(runs, "gas_phase_conformers", None)
    changes = overridden("molecule.source=C[Si](C)(C)C", "landscape.observed={}")
    sentence = refused(*changes)
    assert re.search(r"no parameters for Si as .*: choose another .*force_f", sentence)


def test_a_missing_settings_file_is_refused(refused, tmp_path):
    sentence = refused(settings_file=tmp_path / "no.toml")
    assert re.search(r"no\.toml cannot be read.*csp init", sentence)


@pytest.mark.parametrize("content", [b"[molecule\nsource=", b"\xff\xfe\x00\x01"])
def test_a_broken_settings_file_is_refused(refused, case, content):
    case.write_bytes(content)
    assert re.search(r"is not valid TOML.*correct it", refused())


@pytest.mark.parametrize("folder", ["", "sub", "sub/sub"])
def test_an_unwritable_folder_is_refused(call, case, tmp_path, folder):
    (tmp_path / "file").touch()
    result = call("run", case, "--output", tmp_path / "file" / folder)
    assert_refused(result)
    assert "cannot be written" in result.stderr
    assert "--output" in result.stderr
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["molecule.monomers=no.json"], "no.json cannot be read.*leave it out"),
        (["molecule.monomers=quick.toml"], "quick.toml is not a monomers.json"),
        (
            ["molecule.source=NC(N)=O", "landscape.observed={}"],
            "InChIKey.*correct the settings, or leave monomers out",
        ),
        (["molecule.functional=hse06"], "level.*correct the settings, or leave"),
        (["molecule.conformer_window_kj_per_mol=80"], "the settings ask for 80 kJ/mol"),
    ],
)
def test_bad_monomers_are_refused_in_one_sentence(refused, changes, message):
    assert re.search(message, refused(*overridden(*changes)))


def tree(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_of_other_settings_is_refused(call, finished, copied):
    before = tree(copied)
    changes = overridden("packing.seed=7")
    result = call("run", finished.settings_file, "--output", copied, *changes)
    assert_refused(result)
    assert "packing.seed was 1 and is now 7: set that back, or choose" in result.stderr
    assert tree(copied) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_manifest_is_refused(call, finished, copied, content):
    (copied / "store" / "manifest.json").write_bytes(content)
    before = tree(copied)
    result = call("run", finished.settings_file, "--output", copied)
    assert_refused(result)
    assert re.search(r"manifest\.json cannot be read: move the folder", result.stderr)
    assert tree(copied) == before


def test_a_damaged_batch_is_refused_and_once_deleted_made_again(call, finished, copied):
    batch = min(copied.glob("store/relaxed/*.jsonl"))
    whole = batch.read_bytes()
    batch.write_bytes(whole[: len(whole) // 2])
    (copied / "landscape.csv").unlink()
    result = call("run", finished.settings_file, "--output", copied)
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if "error" in line]
    assert line.endswith("is damaged: delete it and run the same command again")
    assert not (copied / "landscape.csv").exists()
    batch.unlink()
    assert call("run", finished.settings_file, "--output", copied).exit_code == 0
    assert batch.read_bytes() == whole
    first = (finished.output / "landscape.csv").read_bytes()
    assert (copied / "landscape.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (ConvergenceError("no field"), "1 failed: no field"),
        (OSError(28, "No space left"), "1 failed: .*No space left: remove the cause"),
        (KeyboardInterrupt(), "130 stopped; .* the same command goes on"),
        (KeyboardInterrupt(signal.SIGTERM), "143 stopped; .* the same command goes on"),
    ],
)
def test_foreseen_ends_are_one_sentence(call, case, monkeypatch, error, end):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(stages, "predict", fail)
    result = call("run", case, "--output", case.parent / "run")
    (line,) = result.stderr.splitlines()
    assert re.match(end, f"{result.exit_code} {line}")


def test_a_bug_is_not_hidden(call, case, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(stages, "predict", fail)
    result = call("run", case, "--output", tmp_path / "run")
    assert isinstance(result.exception, ZeroDivisionError)


def test_the_engine_is_the_given_one_unless_refused(case, tmp_path):
    def engine(*_: object) -> None:
        raise ConvergenceError("the engine was asked")

    app = build_app(engine)
    words = ["run", str(case), "--output", str(tmp_path / "run")]
    result = CliRunner().invoke(app, words)
    assert "the engine was asked" in result.stderr


# -------------------------------------------------------------------- monomers


def test_monomers_are_written_with_the_command_that_was_typed(
    call, case, tmp_path, monkeypatch
):
    commands = []

    def compute(*arguments: object) -> None:
        commands.append(arguments[2])
        raise ConvergenceError("enough")

    monkeypatch.setattr(runs, "monomers_of", compute)
    call("monomers", case, *overridden("molecule.n_embeddings=3"))
    assert commands == [f"csp monomers {case} --set molecule.n_embeddings=3"]


def test_monomers_come_with_punch_files_if_asked_for(call, case, tmp_path, monkeypatch):
    monomers = read_monomers(case.parent / "monomers.json")
    monkeypatch.setattr(runs, "monomers_of", lambda *_: [monomers])
    output = tmp_path / "again.json"
    result = call("monomers", case, "-o", output, "--punch", tmp_path / "punches")
    assert result.exit_code == 0
    assert "wrote 4 conformers" in result.stdout
    assert output.read_bytes() == (case.parent / "monomers.json").read_bytes()
    files = sorted(file.name for file in (tmp_path / "punches").iterdir())
    assert files == [f"conformer_{i}.punch" for i in (1, 2, 3, 4)]
    read = read_punch(tmp_path / "punches" / "conformer_3.punch")
    expected = monomers.conformers[2].multipoles.moments
    assert_allclose(read.moments, expected, rtol=0, atol=1e-9)


def test_monomers_of_several_kinds_are_written_one_file_each(
    call, case, tmp_path, monkeypatch
):
    monomers = read_monomers(case.parent / "monomers.json")
    other = replace(monomers, conformers=monomers.conformers[:2])
    monkeypatch.setattr(runs, "monomers_of", lambda *_: [monomers, other])
    result = call(
        "monomers", case, "-o", tmp_path / "m.json", "--punch", tmp_path / "punches"
    )
    assert result.exit_code == 0
    assert "wrote 4 conformers" in result.stdout
    assert "wrote 2 conformers" in result.stdout
    assert not (tmp_path / "m.json").exists()
    assert len(read_monomers(tmp_path / "m_A.json").conformers) == 4
    assert len(read_monomers(tmp_path / "m_B.json").conformers) == 2
    counts = {f.name: len(list(f.iterdir())) for f in (tmp_path / "punches").iterdir()}
    assert counts == {"A": 4, "B": 2}


def test_monomers_of_a_missing_file_are_refused(call, tmp_path):
    assert_refused(call("monomers", tmp_path / "no.toml"))


# --------------------------------------------------------------------- signals


def opened_by_both(pipe: Path, longest: float) -> int:
    """The writing end of a pipe, once another process has opened the reading end."""
    deadline = time.monotonic() + longest
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.05)
    pytest.fail(f"nobody reads {pipe}")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
)
def test_a_signal_while_the_settings_are_read_ends_in_one_sentence(
    tmp_path, number, code
):
    """The settings file is a pipe, so that the moment of the signal is known."""
    pipe = tmp_path / "settings.toml"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [sys.executable, "-m", "csp", "run", pipe, "--output", tmp_path / "run"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    writer = opened_by_both(pipe, 60.0)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60.0)
    os.close(writer)
    assert process.returncode == code
    assert output == ""
    assert errors.splitlines() == [
        "stopped; nothing finished is lost: the same command goes on"
    ]
    assert not (tmp_path / "run").exists()


def test_a_second_signal_ends_at_once(monkeypatch):
    ends = []
    monkeypatch.setattr(cli.os, "_exit", ends.append)
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(KeyboardInterrupt):
            cli._stop(signal.SIGTERM, None)
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ends == [130]
