"""The parts of a report in words, from the Markdown that a run wrote."""

import re
from pathlib import Path

from markdown_it import MarkdownIt

from csp.page.data import Section

_PICTURE = re.compile(r"^!\[[^\n]*\]\([^\n]*\)\s*$", re.MULTILINE)
_NAME = re.compile(r"^# Crystal-energy landscape of (.+)$", re.MULTILINE)
_VERSION = re.compile(r"written by csp (\S+);")
_DROPPED = ("lowest",)
"""Titles that end so are tables of the structures: the page has its own."""


def sections_of(text: str) -> tuple[str, tuple[Section, ...]]:
    """What stands above the first heading of the second rank, and the sections."""
    head, *parts = re.split(r"^## ", _PICTURE.sub("", text), flags=re.MULTILINE)
    sections = []
    for part in parts:
        title, _, body = part.partition("\n")
        if not title.strip().endswith(_DROPPED) and not title[:1].isdigit():
            sections.append(Section(title.strip(), body.strip()))
    return head.strip(), tuple(sections)


def name_of(report: str, folder: Path) -> str:
    """What the compound is called: by the report, or by the folder."""
    found = _NAME.search(report)
    return found[1].strip() if found else folder.resolve().name


def version_of(report: str) -> str:
    """The version of csp that made the landscape, or ""."""
    found = _VERSION.search(report)
    return found[1] if found else ""


def html_of(markdown: str) -> str:
    """Markdown as HTML; no raw HTML, pictures or links, whatever stands in it."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.disable(["html_block", "html_inline", "image", "link", "autolink"])
    return str(reader.render(markdown))
