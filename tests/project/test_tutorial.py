"""The tutorial and the notebook page, followed word for word."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import csp

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def commands_of(page: str) -> list[str]:
    """Lines of a page's shell blocks, those that are continued joined."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.+?)```", text, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def python_of(page: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```python\n(.+?)```", text, re.DOTALL))


def test_the_tutorial_does_nothing_unheard_of():
    """Only csp, but for the first two, which make and enter the environment."""
    first, second, *rest = commands_of("tutorial.md")
    assert "pip install -c constraints.txt" in first
    assert second == ". .venv/bin/activate"
    assert len(rest) > 5
    assert all(line.startswith("csp ") for line in rest)


@pytest.mark.slow
def test_the_tutorial_works_word_for_word(tmp_path):
    """A reader in a checkout: every command ends well and shows what the page says."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    programs = Path(sys.executable).parent
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    shown = []
    for command in commands_of("tutorial.md")[2:]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (command, done.stderr)
        shown.append(done.stdout)
    text = "".join(shown)
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    promised = re.findall(r"<!-- shown: (.+?) -->", page)
    assert len(promised) > 3
    for words in promised:
        assert words in text, words
    written = re.findall(r"^\| `(paracetamol/[\w./]+)` \|", page, re.MULTILINE)
    assert len(written) > 3
    for name in written:
        assert (tmp_path / name).exists(), name


@pytest.mark.slow
def test_the_notebook_page_works_word_for_word(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(python_of("notebook.md"), "notebook.md", "exec"), names)
    assert "molecules overlay" in capsys.readouterr().out
    urea = names["urea"]
    assert isinstance(urea, csp.Results)
    assert urea.report.exists()
    assert len(urea) > 10
