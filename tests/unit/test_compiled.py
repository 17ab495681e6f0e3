"""Machine code is kept, and only as long as nothing that it was made from changes."""

import ast
import shutil
from pathlib import Path

import numpy as np
import pytest

from csp import compiled as module
from csp.compiled import PACKAGE, SOURCES, code_folder, digest
from csp.potentials.kernels.placing import inverse3

MODULES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in PACKAGE.rglob("*.py")
}
HASHED = {
    path.relative_to(PACKAGE).as_posix()
    for name in SOURCES
    for path in PACKAGE.glob(name)
}


def imported_by(name: str) -> set[str]:
    """Files of csp that a module imports."""
    found = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("csp"):
            inside = str(node.module).removeprefix("csp").replace(".", "/").strip("/")
            found |= {f"{inside}.py", f"{inside}/__init__.py"} & set(MODULES)
    return found


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of all that is hashed, and one module that is not."""
    for name in (*HASHED, "records.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / name, tmp_path / name)
    return tmp_path


def test_what_compiled_modules_are_made_from_is_hashed():
    users = {name for name in MODULES if "compiled.py" in imported_by(name)}
    assert len(users) > 15
    assert users <= HASHED
    for name in users:
        assert imported_by(name) <= HASHED, name


def test_any_change_of_a_source_and_none_of_another_gives_another_folder(package):
    before = digest(package)
    assert before == digest(PACKAGE)
    (package / "records.py").write_text("", encoding="utf-8")
    assert digest(package) == before
    seen = {before}
    for name in sorted(HASHED):
        path = package / name
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}#\n", encoding="utf-8")
        seen.add(digest(package))
        path.write_text(text, encoding="utf-8")
    assert len(seen) == 1 + len(HASHED)
    (package / "units.py").rename(package / "potentials" / "kernels" / "units.py")
    assert digest(package) not in seen


def test_code_is_kept_in_its_folder():
    inverse3(np.eye(3))
    assert inverse3.stats.cache_path.startswith(str(code_folder()))
    assert code_folder().name == f"compiled-{digest(PACKAGE)}"
    assert list(code_folder().rglob("placing.inverse3*.nbi"))


def test_code_of_older_sources_is_removed_when_there_is_none_of_these(
    package, monkeypatch
):
    monkeypatch.setattr(module, "PACKAGE", package)
    kept = package / "__pycache__"
    for name in ("compiled-0", "other"):
        (kept / name).mkdir(parents=True)
    folder = code_folder.__wrapped__()
    assert folder.parent == kept
    assert [path.name for path in kept.iterdir()] == ["other"]
    folder.mkdir()
    (kept / "compiled-0").mkdir()
    assert code_folder.__wrapped__() == folder
    assert (kept / "compiled-0").exists()


def test_nothing_is_removed_from_a_folder_that_others_share(tmp_path, monkeypatch):
    monkeypatch.setattr(module._config, "CACHE_DIR", str(tmp_path))
    (tmp_path / "compiled-0").mkdir()
    assert code_folder.__wrapped__() == tmp_path / f"compiled-{digest(PACKAGE)}"
    assert (tmp_path / "compiled-0").exists()
