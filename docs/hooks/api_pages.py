"""The API reference: a page for each package and each module beside the packages."""

import ast
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GROUPS = {
    "__main__": "Commands",
    "benchmark": "A run",
    "correction": "Sciences",
    "records": "Crystals and molecules",
    "store": "The ground",
}
"""The layer of the import contract at which each group of pages begins."""

FLOWS = "Flows"


def layers(root: Path) -> list[list[str]]:
    """The layers of the import contract, the highest first; modules and packages."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (contract,) = (item for item in contracts if item["type"] == "layers")
    return [
        [f"csp.{name.strip()}" for name in layer.split("|")]
        for layer in contract["layers"]
    ]


def modules_of(root: Path, name: str) -> list[str]:
    """A module alone, or a package and its modules; packages in it come after."""
    place = root.joinpath(*name.split("."))
    if not place.is_dir():
        return [name]
    files = sorted(place.rglob("*.py"), key=lambda file: (len(file.parts), file))
    return [
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for file in files
    ]


def grouped(root: Path) -> dict[str, list[str]]:
    """Names of packages and modules by the title of their group, the highest first."""
    groups: dict[str, list[str]] = {FLOWS: ["flows"]}
    rows = layers(root)
    unknown = set(GROUPS) - {row[0].removeprefix("csp.") for row in rows}
    if unknown:
        raise ValueError(f"no layer of the import contract begins with {unknown}")
    title = FLOWS
    for row in rows:
        title = GROUPS.get(row[0].removeprefix("csp."), title)
        public = [name for name in row if "._" not in name]
        groups.setdefault(title, []).extend(public)
    groups[title].append("csp")
    return groups


def api_nav(root: Path) -> list[Any]:
    """The API's part of the navigation."""
    return [
        "api/index.md",
        *(
            {title: [{name: f"api/{name}.md"} for name in names]}
            for title, names in grouped(root).items()
        ),
    ]


def api_pages(root: Path) -> dict[str, str]:
    """Markdown of all pages of the API by their file names."""
    groups = grouped(root)
    pages = {
        f"api/{name}.md": _page(root, name)
        for names in groups.values()
        for name in names
    }
    return {"api/index.md": _index(root, groups), **pages}


def _page(root: Path, name: str) -> str:
    """A package with all its modules, or a module."""
    names = [name] if name == "csp" else modules_of(root, name)
    parts = [f"---\ntitle: {name}\n---\n"]
    for position, module in enumerate(names):
        level = 1 if position == 0 else 2
        parts.append(f"::: {module}\n    options:\n      heading_level: {level}\n")
    return "\n".join(parts)


def _index(root: Path, groups: Mapping[str, list[str]]) -> str:
    lines = [
        "# API reference",
        "",
        "From the docstrings. Packages and modules stand in the order of the import "
        "layers: each sees only what lies below it ([architecture]"
        "(../architecture.md#layers)). Units are Å, degrees, kJ/mol, K and GPa where "
        "nothing else is said.",
    ]
    for title, names in groups.items():
        lines += ["", f"## {title}", "", "| page | what it holds |", "| --- | --- |"]
        lines += [
            f"| [{name}]({name}.md) | {first_sentence(root, name)} |" for name in names
        ]
    return "\n".join(lines) + "\n"


def first_sentence(root: Path, name: str) -> str:
    """The first line of a module's docstring."""
    place = root.joinpath(*name.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]
