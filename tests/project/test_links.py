"""Links in the documents lead somewhere."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
MADE = {"api/index.md", "changes.md", "commands.md", "settings.md"}
"""Pages that docs/hooks makes when the site is built; test_site.py follows them."""


def tokens(text: str):
    """Tokens of a document, those inside of lines too."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or []


def targets(text: str) -> list[str]:
    """Where links and pictures of a document point to."""
    found = [token.attrs.get("href", token.attrs.get("src")) for token in tokens(text)]
    return [str(target) for target in found if target is not None]


def anchors(text: str) -> set[str]:
    """Names of a document's headings, as GitHub and the site make them."""
    parsed = list(MarkdownIt("commonmark").enable("table").parse(text))
    headings = [
        "".join(part.content for part in after.children or [])
        for token, after in itertools.pairwise(parsed)
        if token.type == "heading_open"
    ]
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in headings
    }


def broken(page: Path, text: str) -> Iterator[str]:
    """Relative links of a page that lead nowhere."""
    for target in targets(text):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        inside = file.is_relative_to(DOCS) or not page.is_relative_to(DOCS)
        if file.is_relative_to(DOCS) and file.relative_to(DOCS).as_posix() in MADE:
            continue
        if not inside:
            yield f"{target}: leaves docs/, which the site cannot follow"
        elif not file.exists():
            yield f"{target}: no such file"
        elif parts.fragment and parts.fragment not in anchors(
            file.read_text(encoding="utf-8")
        ):
            yield f"{target}: no such heading"


def malformed(target: str) -> bool:
    """Whether an external link cannot be right."""
    parts = urlsplit(target)
    is_host = bool(re.fullmatch(r"([\w-]+\.)+[a-z]{2,}", parts.hostname or ""))
    return parts.scheme != "https" or not is_host or " " in target


def test_what_is_broken_is_seen(tmp_path: Path):
    page = DOCS / "report.md"
    text = (
        "# A `csp` report, and more\n[a](nosuch.md) [b](report.md#nosuch) "
        "![c](../README.md)\n\n| [d](#nosuch) |\n| --- |\n| [e](x.png) |\n"
    )
    assert [sentence.split(":")[0] for sentence in broken(page, text)] == [
        "nosuch.md",
        "report.md#nosuch",
        "../README.md",
        "#nosuch",
        "x.png",
    ]
    fine = "[a](report.md#other-programs) [b](report.png) [c](api/index.md#flows)"
    assert list(broken(page, fine)) == []
    assert anchors(text) == {"a-csp-report-and-more"}
    assert malformed("http://a.org")
    assert malformed("https://nohost")
    assert not malformed("https://doi.org/10.1021/x")


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_every_link_leads_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    assert list(broken(page, text)) == []
    outside = [target for target in targets(text) if urlsplit(target).scheme]
    assert [target for target in outside if malformed(target)] == []
