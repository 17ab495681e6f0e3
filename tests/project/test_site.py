"""The documentation site: nothing of the code is left out, nothing leads nowhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from typer.testing import CliRunner

from csp.cli import build_app
from csp.settings import Settings
from flows.submit_commands import runs, submit

pytest.importorskip("mkdocs", reason="the site needs: pip install -e '.[docs]'")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "hooks"))


def public_modules() -> set[str]:
    """All modules but those that begin with an underscore."""
    files = [*(ROOT / "csp").rglob("*.py"), *(ROOT / "flows").rglob("*.py")]
    names = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in files
    }
    return {name for name in names if "._" not in name}


def test_every_public_module_is_on_one_page_of_the_api():
    from api_pages import api_nav, api_pages

    pages = api_pages(ROOT)
    shown = [
        name
        for text in pages.values()
        for name in re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)
    ]
    assert len(public_modules()) > 150
    assert sorted(shown) == sorted(public_modules())
    for file, text in pages.items():
        if file != "api/index.md":
            first = re.search(r"^::: (.+)$", text, re.MULTILINE)
            assert first is not None
            assert file == f"api/{first[1]}.md"
    assert set(re.findall(r"api/[\w.]+\.md", str(api_nav(ROOT)))) == set(pages)


def test_pages_of_the_api_stand_in_the_order_of_the_layers():
    from api_pages import grouped

    groups = grouped(ROOT)
    order = [name for names in groups.values() for name in names]
    assert next(iter(groups)) == "Flows"
    assert (
        order.index("csp.cli")
        < order.index("csp.stages")
        < order.index("csp.correction")
        < order.index("csp.packing")
        < order.index("csp.potentials")
        < order.index("csp.geometry")
        < order.index("csp.units")
    )


def test_every_command_and_option_is_on_the_page_of_commands():
    from command_page import command_page

    page = command_page()
    app = build_app(None, (submit, runs))
    names = re.findall(r"^## csp (.+)$", page, re.MULTILINE)
    helped = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    listed = re.findall(r"^│ ([a-z][\w-]+) ", helped, re.MULTILINE)
    assert sorted(names) == sorted(listed)
    assert len(names) > 10
    for call in ([], ["run"], ["init"], ["correct"], ["reference", "run"], ["submit"]):
        shown = CliRunner().invoke(app, [*call, "--help"], env={"COLUMNS": "200"})
        section = page.partition(f"# {' '.join(['csp', *call])}\n")[2]
        for option in re.findall(r"^│ .*?(--[a-z-]+)", shown.output, re.MULTILINE):
            if call and option != "--help":
                assert option in section.partition("\n## ")[0], (call, option)


def test_every_key_is_on_the_page_of_settings():
    from settings_page import settings_page

    page = settings_page()
    for section, field in Settings.model_fields.items():
        text = page.partition(f"## [{section}]\n")[2].partition("\n## ")[0]
        fields = field.annotation.model_fields
        assert re.findall(r"^\| `(\w+)` ", text, re.MULTILINE) == list(fields)
    window = "structures within this energy of the lowest are kept (> 0.0, ≤ 500.0)"
    assert f"| `energy_window_kj_per_mol` | {window} | `25.0` |" in page
    assert re.search(r"\| `source` \| .+ \| to be given \|\n", page)
    presets = page.partition("## Presets\n")[2]
    assert "| `n_minima` | `1500` | `4000` |" in presets


def test_equations_become_mathml():
    import markdown
    from equations import with_mathml
    from mkdocs.exceptions import PluginError

    def page(text: str) -> str:
        extensions = ["pymdownx.arithmatex"]
        configs = {"pymdownx.arithmatex": {"generic": True}}
        html = markdown.markdown(text, extensions=extensions, extension_configs=configs)
        return with_mathml(html, "page.md")

    shown = page(
        "$E_\\mathrm{latt} < 0$ costs 5 $ or 6 $; `$x$`\n\n"
        "$$\nU = \\sum_{i<j} A_{ij} e^{-B_{ij} r} - \\frac{C_{ij}}{r^6}\n$$\n"
    )
    assert shown.count("<math") == 2
    assert "<mtext>latt</mtext>" in shown
    assert 'display="block"' in shown
    assert "<mfrac>" in shown
    assert "<munder" in shown
    assert "&#x0003C;" in shown
    assert "&amp;lt;" not in shown
    assert "costs 5 $ or 6 $; <code>$x$</code>" in shown
    for wrong in ("\\frac{a}", "x_1_2", "\\nosuch{a}", "a & b"):
        with pytest.raises(PluginError, match=r"page.md the equation .+ simpler LaTeX"):
            page(f"$$\n{wrong}\n$$\n")


def test_the_home_page_shows_the_commands_of_the_readme():
    from types import SimpleNamespace

    from build_site import on_page_markdown
    from mkdocs.exceptions import PluginError

    page = SimpleNamespace(file=SimpleNamespace(src_uri="index.md"))
    home = on_page_markdown((ROOT / "docs" / "index.md").read_text("utf-8"), page)
    assert "csp run data/oxalic_acid/landscape.toml\n```" in home
    assert "<!-- README" not in home
    with pytest.raises(PluginError, match=r"index.md asks for .+ nosuch -->.+ mark it"):
        on_page_markdown("<!-- README: nosuch -->", page)


def test_docstrings_are_markdown():
    import griffe
    from docstrings import HouseDocstrings

    code = '''
"""Of :func:`f`::

    C = 1

::

    D = 2
"""
from enum import StrEnum

class Reason(StrEnum):
    """Why.

    At length.
    """
    LATE = "too late"

class Record:
    """A record.

    Attributes:
        size: How large.
    """
    size: int

    def __post_init__(self): ...

    def grown(self):
        """Larger by :meth:`grown`; see :mod:`csp.units` and :class:`Reason`.

        >>> 1 + 1
        2
        """

def f():
    """Do :data:`nothing`."""
'''
    extensions = griffe.load_extensions(HouseDocstrings)
    with griffe.temporary_visited_package(
        "p", {"__init__.py": code}, extensions=extensions
    ) as package:
        text = {
            name: package[name].docstring.value
            for name in ("Reason", "Record.grown", "f")
        }
        assert package.docstring.value.startswith("Of [`f`][p.f]:\n\n    C = 1")
        assert "::" not in package.docstring.value
        assert text["Reason"] == "Why.\n\n- `LATE`: too late\n\nAt length."
        assert (
            "[`grown`][p.Record.grown]; see [`csp.units`][csp.units]"
            in text["Record.grown"]
        )
        assert "[`Reason`][p.Reason]" in text["Record.grown"]
        assert text["Record.grown"].endswith("```python\n>>> 1 + 1\n2\n```")
        assert text["f"] == "Do [`nothing`][nothing]."
        assert package["Record.grown"].is_public
        assert not package["Record.size"].is_public
        assert not package["Record.__post_init__"].is_public


class Page(HTMLParser):
    """Anchors of a page, its links, and what a browser loads with it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text = file.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids.update(values[key] for key in ("id", "name") if values.get(key))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") != "canonical":
            self.loaded.append(values.get("href") or "")
        elif tag in {"script", "img", "iframe", "source", "object", "embed"}:
            self.loaded += [values[key] for key in ("src", "data") if values.get(key)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted(site.rglob("*.html"))}


@pytest.mark.slow
def test_every_link_of_the_site_leads_to_a_page_and_an_anchor(pages):
    lost = []
    for file, page in pages.items():
        if file.name == "404.html":  # is shown in any folder, so its links are absolute
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve()
            target = file if not parts.path else target
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            known = {"", *(pages[target].ids if target in pages else ())}
            if not target.exists() or anchor not in known:
                lost.append((file.name, link))
    assert lost == []
    assert sum(len(page.links) for page in pages.values()) > 1000


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site: Path, pages):
    for file, page in pages.items():
        outside = [url for url in page.loaded if urlsplit(url).netloc]
        assert outside == [], file
        assert 'class="mermaid"' not in page.text  # its script would be fetched
        if file.name != "404.html":
            for url in page.loaded:
                local = file.parent / unquote(urlsplit(url).path)
                assert url.startswith("data:") or local.exists(), (file, url)
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", text), sheet


@pytest.mark.slow
def test_the_pages_of_the_api_have_what_the_modules_have(site: Path, pages):
    by_name = {file.relative_to(site).as_posix(): page for file, page in pages.items()}
    anchors = {anchor for page in pages.values() for anchor in page.ids}
    assert public_modules() <= anchors
    expected = {
        "csp.packing": ["csp.packing.completeness.estimate_completeness", "jackknife"],
        "csp.lattice": ["csp.lattice.case.read_case"],
        "csp.errors": ["csp.errors.InputError"],
        "csp.settings": ["csp.settings.load_settings", "csp.settings.RunSettings"],
        "flows": ["flows.predict"],
    }
    for name, wanted in expected.items():
        text = by_name[f"api/{name}.html"].text
        assert [word for word in wanted if word not in text] == []
    assert ":func:" not in "".join(page.text for page in pages.values())
    # a table of an item stays in its list
    changes = by_name["changes.html"].text
    assert not re.search(r"<p>[^<]*\n- ", changes)


@pytest.mark.slow
def test_what_is_searched_for_is_found_without_a_server(site: Path):
    playwright = pytest.importorskip("playwright.sync_api")
    import shutil

    found = shutil.which("chromium") or shutil.which("google-chrome")
    with playwright.sync_playwright() as engine:
        own = Path(engine.chromium.executable_path)
        if found is None and not own.exists():
            pytest.skip("no Chromium: install one, or run playwright install chromium")
        browser = engine.chromium.launch(
            executable_path=found or own, args=["--no-sandbox"]
        )
        page = browser.new_page()
        asked: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto((site / "index.html").as_uri())
        page.click("input[name=query]")
        page.keyboard.type("estimate_completeness")
        page.wait_for_selector(".md-search-result__link")
        links = page.locator(".md-search-result__link").evaluate_all(
            "links => links.map(link => link.href)"
        )
        browser.close()
    assert any("csp.packing.html" in link for link in links)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert problems == []
