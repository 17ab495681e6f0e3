"""What the README tells a newcomer to type works, and what it names exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from csp.cli import build_app
from flows.submit_commands import runs, submit

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def command_after(marker: str) -> str:
    block = re.search(rf"<!-- {marker} -->\n```sh\n(.+?)\n```", README, re.DOTALL)
    assert block is not None
    return block[1]


def typed(program: str) -> list[list[str]]:
    """Arguments of every command of ``program`` in the README's code blocks."""
    blocks = re.findall(r"```sh\n(.+?)```", README, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    calls = [part.strip() for line in lines for part in line.split("&&")]
    words = [shlex.split(call, comments=True) for call in calls if call]
    return [call[1:] for call in words if Path(call[0]).name == program]


def test_the_first_screen_holds_the_two_commands():
    first_screen = README.splitlines()[:24]
    for marker in ("main command", "test command"):
        command = command_after(marker)
        assert command in "\n".join(first_screen)
        assert "pip install -c constraints.txt" in command
    assert "csp run data/oxalic_acid/landscape.toml" in command_after("main command")


def test_ci_runs_the_very_test_command_of_the_readme(tmp_path: Path):
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    extraction = re.search(r"(sed -n '/<!-- test command.+?) \|\n", ci, re.DOTALL)
    assert extraction is not None
    found = subprocess.run(
        ["bash", "-c", extraction[1]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == command_after("test command")


def test_every_csp_command_of_the_readme_exists_with_its_options():
    calls = typed("csp")
    assert len(calls) >= 3
    for call in calls:
        names = call[:2] if call[0] == "reference" else call[:1]
        app = build_app(None, (submit, runs))
        shown = CliRunner().invoke(app, [*names, "--help"])
        assert shown.exit_code == 0, call
        for option in (word for word in call if word.startswith("--")):
            assert option in shown.output, (call, option)


def test_the_settings_that_the_readme_writes_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    from csp.settings import load_settings

    calls = [call for call in typed("csp") if call[0] == "init"]
    assert len(calls) == 2
    for call in calls:
        done = CliRunner().invoke(build_app(None), call)
        assert done.exit_code == 0, done.output
        (file,) = tmp_path.glob("*.toml")
        source = load_settings(file).molecule.source
        sources = call[1 : call.index("--name")]
        assert source == (sources[0] if len(sources) == 1 else tuple(sources))
        file.unlink()


def test_every_file_that_the_documents_link_to_exists():
    for name in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        linked = re.findall(r"\]\(([^)#:]+)\)", text)
        named = re.findall(
            r"`((?:docs|data|benchmarks|csp|flows|\.ci)/[\w./-]*)`", text
        )
        for path in linked + named:
            assert (ROOT / path).exists(), (name, path)


def test_every_required_package_is_in_the_readmes_table():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"\ndependencies = \[(.+?)\n\]", project, re.DOTALL)
    assert block is not None
    packages = re.findall(r'^\s*"([\w-]+)', block[1], re.MULTILINE)
    assert len(packages) > 10
    table = README[README.index("| package | for |") :]
    for package in packages:
        assert re.search(rf"\b{package}\b", table), package


def test_every_package_of_the_tests_is_pinned():
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.findall(r'^\s*"([\w-]+)[><=]', project, re.MULTILINE)
    assert sys.version_info >= (3, 11)
    for package in wanted:
        assert package.lower() in pinned, package
