"""The pseudopotentials of Quantum ESPRESSO: installed files, and some made when needed.

Debian's oxygen for PBE is one of 2008 with one projector for each angular momentum: it
binds oxalic acid by 7 kJ/mol too much, urea by 3. csp has a recipe instead, from which
ld1.x, Quantum ESPRESSO's program for atoms, makes a data set in a second.

References:
    The recipe has the radii and reference energies of O.pbesol-n-kjpaw_psl.0.1 (L.
    Paulatto & A. Dal Corso), which Debian has, with PBE in place of PBEsol; the
    library of these data sets: Dal Corso, Comput. Mater. Sci. 95, 337 (2014).
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources as package_files
from pathlib import Path

from csp.errors import InputError
from csp.reference.engine import Failure, Resources
from csp.reference.program import program_path, run_program

REMEDY = (
    "install Quantum ESPRESSO (Debian and Ubuntu: apt install quantum-espresso "
    "quantum-espresso-data libopenblas0), or choose a level that needs pip alone (csp "
    "reference levels)"
)
DEBIAN_FOLDER = Path("/usr/share/espresso/pseudo")
GATHERED = "pseudo"
"""Folder in the scratch folder where pw.x finds all files that it needs."""

_LONGEST_LINE = 200
_NUMBERS_A_LINE = 4


def installed_folder() -> Path:
    """The folder of installed files: CSP_PSEUDO_DIR, ESPRESSO_PSEUDO or Debian's."""
    for name in ("CSP_PSEUDO_DIR", "ESPRESSO_PSEUDO"):
        if name in os.environ:
            return Path(os.environ[name])
    return DEBIAN_FOLDER


def recipe(file: str) -> str | None:
    """What ld1.x makes a pseudopotential from; None if csp has no recipe for it."""
    path = package_files.files("csp.reference") / "paw_recipes" / recipe_name(file)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def recipe_name(file: str) -> str:
    """Name of the recipe of a pseudopotential.

    >>> recipe_name("O.pbe-n-kjpaw_csp.1.UPF")
    'O.pbe-n-kjpaw_csp.1.in'
    """
    return Path(file).with_suffix(".in").name


def gathered(files: Iterable[str], resources: Resources) -> Path | Failure:
    """A folder with these pseudopotentials, in the scratch folder.

    Args:
        files: Their names; what is not installed is made if there is a recipe.
        resources: Of ld1.x.

    Raises:
        InputError: If a file is neither installed nor has a recipe.
        MissingDependencyError: If ld1.x is needed and not on the PATH.
    """
    installed = installed_folder()
    folder = resources.scratch / GATHERED
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        text = recipe(name)
        if (installed / name).is_file():
            shutil.copyfile(installed / name, folder / name)
        elif text is None:
            raise InputError(
                f"there is no pseudopotential {name} in {installed}: name another one "
                "in a file of levels (--levels), or set CSP_PSEUDO_DIR to its folder"
            )
        else:
            failure = _made(name, text, replace(resources, scratch=folder))
            if failure is not None:
                return failure
    return folder


def _made(name: str, text: str, resources: Resources) -> Failure | None:
    """Let ld1.x make a file in the scratch folder."""
    program = program_path(["ld1.x"], REMEDY)
    (resources.scratch / "ld1.in").write_text(text, encoding="utf-8")
    ended = run_program([program, "-in", "ld1.in"], resources)
    if isinstance(ended, Failure):
        return ended
    path = resources.scratch / name
    path.write_text(readable(path.read_text(encoding="utf-8")), encoding="utf-8")
    return None


def readable(text: str) -> str:
    """A pseudopotential without the long lines that pw.x 6.7 does not read.

    ld1.x 6.7 writes arrays that have no length divisible by four as one line.
    """
    lines = []
    for line in text.splitlines():
        numbers = line.split()
        if len(line) <= _LONGEST_LINE or "<" in line:
            lines.append(line)
            continue
        lines += [
            " " + "  ".join(numbers[k : k + _NUMBERS_A_LINE])
            for k in range(0, len(numbers), _NUMBERS_A_LINE)
        ]
    return "\n".join(lines) + "\n"
