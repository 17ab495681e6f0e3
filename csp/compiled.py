"""The decorator of compiled functions, and where their machine code is kept.

By itself numba keeps machine code as long as the file of a function stays the same,
whatever becomes of the functions that it calls and of the constants that are compiled
into it: after a change of one module the callers in others would go on as before. So
the code is kept in a folder named after the text of all modules that may be compiled.
"""

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba

_config: Any = numba.config
_njit: Any = numba.njit
Function = TypeVar("Function", bound=Callable[..., Any])

PACKAGE = Path(__file__).parent
SOURCES = (
    "**/kernels/*.py",
    "**/*kernels.py",
    "potentials/solid_harmonics.py",
    "units.py",
    "compiled.py",
)
"""Modules whose text is compiled, or goes into compiled functions as constants."""


def compiled(
    *, fastmath: Collection[str] = (), inline: str = "never"
) -> Callable[[Function], Function]:
    """Compile a function with numba: without the GIL, IEEE division, code kept.

    Args:
        fastmath: LLVM's flags of arithmetic that may be reordered.
        inline: ``always`` for small functions that callers should take in.
    """

    def decorate(function: Function) -> Function:
        with _kept_in(code_folder()):
            made: Function = _njit(
                cache=True,
                nogil=True,
                error_model="numpy",
                fastmath=set(fastmath) or False,
                inline=inline,
            )(function)
        return made

    return decorate


@cache
def code_folder() -> Path:
    """Where machine code of the present sources is kept.

    Beside the package, where that of older ones is removed; or in NUMBA_CACHE_DIR if
    that is set, which other installations may share.
    """
    name = f"compiled-{digest(PACKAGE)}"
    if _config.CACHE_DIR:
        return Path(_config.CACHE_DIR) / name
    folder = PACKAGE / "__pycache__" / name
    if not folder.exists():
        for older in folder.parent.glob("compiled-*"):
            shutil.rmtree(older, ignore_errors=True)
    return folder


def digest(package: Path) -> str:
    """Of the names and texts of all sources of compiled functions."""
    summed = hashlib.sha256()
    for path in sorted({path for name in SOURCES for path in package.glob(name)}):
        summed.update(f"{path.relative_to(package).as_posix()}\n".encode())
        summed.update(path.read_bytes())
    return summed.hexdigest()[:12]


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Functions decorated meanwhile keep their code there, others where they did."""
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        _config.CACHE_DIR = before
