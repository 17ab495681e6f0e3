"""Docstrings as Markdown: what reStructuredText has in them becomes links and code."""

import re
from typing import Any

from griffe import (
    Alias,
    Attribute,
    Class,
    Extension,
    Module,
    NameResolutionError,
    Object,
)

_ROLE = re.compile(r":(?:func|class|mod|meth|data|attr):`~?([\w.]+)`")
_LITERAL_BLOCK = re.compile(r"(?<=\S):(:)(?=\n\n {4})|^::(?=\n\n {4})", re.MULTILINE)
_SESSION = re.compile(r"^>>> .+?(?=\n\n|\n?\Z)", re.MULTILINE | re.DOTALL)
_QUOTES = "'\""
_ENUMERATIONS = {"Enum", "StrEnum", "IntEnum"}


class HouseDocstrings(Extension):
    """Links for roles; members of classes that the class itself describes are left out.

    Those are the fields that its docstring lists, and the members of an enumeration,
    which become a list in it.
    """

    def on_package(self, *, pkg: Module, **_: Any) -> None:  # noqa: ANN401
        """Go through a package that was read."""
        _walk(pkg)


def _walk(scope: Object) -> None:
    _mend(scope)
    members = [item for item in scope.members.values() if isinstance(item, Object)]
    for member in members:
        if isinstance(member, Module | Class):
            _walk(member)
        else:
            _mend(member)
    if isinstance(scope, Class):
        _leave_out_described(scope, members)


def _leave_out_described(scope: Class, members: list[Object]) -> None:
    text = scope.docstring.value if scope.docstring is not None else ""
    bare = [member for member in members if member.docstring is None]
    if "pydantic-model" in scope.labels:
        # fields are shown one by one, so that a list of them says nothing more
        scope.extra["mkdocstrings"].pop("template", None)
        has_list = re.search(r"^Attributes:$", text, re.MULTILINE) is not None
        bare = [member for member in bare if has_list or not _is_field(member)]
    for member in bare:
        member.public = False
    if scope.docstring is not None and _is_enumeration(scope):
        summary, _, rest = text.partition("\n\n")
        values = [
            f"- `{member.name}`: {str(member.value).strip(_QUOTES)}"
            for member in bare
            if isinstance(member, Attribute)
        ]
        scope.docstring.value = "\n\n".join([summary, "\n".join(values), rest])


def _is_field(member: Object) -> bool:
    return "pydantic-field" in member.labels


def _is_enumeration(scope: Class) -> bool:
    return any(str(base).rpartition(".")[2] in _ENUMERATIONS for base in scope.bases)


def _mend(item: Object) -> None:
    if item.docstring is not None:
        item.docstring.value = markdown_of(item.docstring.value, item)


def markdown_of(text: str, item: Object) -> str:
    """A docstring in Markdown.

    Args:
        text: The docstring.
        item: Whose it is: names are looked up from there.
    """
    text = _LITERAL_BLOCK.sub(lambda match: match[1] or "", text)
    text = _SESSION.sub(lambda match: f"```python\n{match[0]}\n```", text)
    return _ROLE.sub(lambda match: f"[`{match[1]}`][{_target(match[1], item)}]", text)


def _target(name: str, item: Object) -> str:
    """The full path of a name, as seen from an item; the name itself if unknown.

    Links to unknown names are warnings of the build.
    """
    first, dot, rest = name.partition(".")
    if first in {"csp", "flows"}:
        return name
    scope = item
    while True:
        if first in scope.members:
            return _final(scope, first) + dot + rest
        if scope.parent is None:
            return name
        if isinstance(scope, Module):
            break
        scope = scope.parent
    try:
        return item.resolve(first) + dot + rest
    except NameResolutionError:
        return name


def _final(scope: Object, name: str) -> str:
    member = scope.members[name]
    return member.target_path if isinstance(member, Alias) else member.path
