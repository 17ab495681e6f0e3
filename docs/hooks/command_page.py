"""The command reference, from the command itself."""

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from csp.cli import build_app
from flows.submit_commands import runs, submit

_TYPED = re.compile(r"^ +(csp .+)$", re.MULTILINE)
"""Lines of help that are to be typed."""


def command_page() -> str:
    """Markdown of every command with its arguments, options and defaults."""
    command = typer.main.get_command(build_app(None, (submit, runs)))
    context = typer.Context(command, info_name="csp")
    return "\n".join(["# Commands", "", *_section(command, context, level=1)]) + "\n"


def _section(command: Any, context: typer.Context, *, level: int) -> Iterator[str]:  # noqa: ANN401
    if level > 1:
        yield from (f"{'#' * level} {context.command_path}", "")
    yield from (_TYPED.sub(r"    \1", command.help or ""), "")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from ("```text", usage, "```", "")
    yield from _table(command, context)
    children = getattr(command, "commands", {})
    inner = [
        (child, typer.Context(child, parent=context, info_name=name))
        for name, child in children.items()
        if not child.hidden
    ]
    if inner:
        yield from ("| command | what it does |", "| --- | --- |")
        for child, place in inner:
            anchor = place.command_path.replace(" ", "-")
            summary = (child.help or "").strip().partition("\n\n")[0]
            yield f"| [{place.command_path}](#{anchor}) | {_cell(summary)} |"
        yield ""
    for child, place in inner:
        yield from _section(child, place, level=level + 1)


def _table(command: Any, context: typer.Context) -> Iterator[str]:  # noqa: ANN401
    records = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None
        and "--help" not in record[0]
    ]
    if records:
        yield from ("| argument or option | meaning |", "| --- | --- |")
        yield from (f"| `{name}` | {_cell(text)} |" for name, text in records)
        yield ""


def _cell(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
