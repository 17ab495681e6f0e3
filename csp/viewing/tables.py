"""Tables in notebooks."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(
    caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]]
) -> str:
    """A table as HTML; all texts are escaped."""
    head = "".join(f"<th>{escape(name)}</th>" for name in headings)
    cell_start = '<td style="white-space: nowrap">'
    body = "".join(
        "<tr>" + "".join(f"{cell_start}{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
