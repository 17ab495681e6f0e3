"""Every array annotation of csp is checked at run time under test.

Each of several workers of pytest computes with one thread: more would wait for one
another. Libraries read how many when they are loaded, so that it is said first.
"""

import os
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

import csp

_ROOT = Path(csp.__file__).parent


def _checked_modules() -> list[str]:
    """All modules but those that numba compiles, which cannot be wrapped."""
    return [
        ".".join(("csp", *path.relative_to(_ROOT).with_suffix("").parts))
        for path in sorted(_ROOT.rglob("*.py"))
        if "kernels" not in path.relative_to(_ROOT).as_posix()
        and not path.name.startswith("__")
    ]


install_import_hook(_checked_modules(), "beartype.beartype")

settings.register_profile(
    "default",
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    parent=settings.get_profile("default"),
    max_examples=1000,
    derandomize=False,
)
settings.load_profile("default")
