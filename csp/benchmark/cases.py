"""The crystals of a benchmark: one folder each, made for one set of settings."""

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from csp.conformers.extraction import molecule_from_cif
from csp.conformers.graph import smiles_of
from csp.errors import InputError
from csp.files import write_atomically

OBSERVED = "observed.cif"
SETTINGS = "settings.toml"
_OWN = ("molecule.source", "molecule.name", "landscape.observed", "run.output")


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the molecules of a benchmark are searched.

    Attributes:
        overrides: ``section.key=value``, for every molecule.
        is_blind: Whether a molecule is given by its SMILES instead of its geometry in
            the crystal.
    """

    overrides: tuple[str, ...] = ()
    is_blind: bool = False

    def check(self) -> None:
        """Refuse what a benchmark sets itself.

        Raises:
            InputError: If an override is such a setting.
        """
        for override in self.overrides:
            key = override.partition("=")[0].strip()
            if key in _OWN:
                raise InputError(
                    f"--set {override}: a benchmark sets {key} for each molecule "
                    "itself; leave it out"
                )


@dataclass(frozen=True, slots=True)
class Case:
    """One crystal to be found.

    Attributes:
        name: Of the CIF file, without its ending.
        file: The CIF file.
        folder: Where everything about it goes.
        wishes: How it is searched.
    """

    name: str
    file: Path
    folder: Path
    wishes: Wishes

    @property
    def digest(self) -> str:
        """SHA-256 of the CIF file."""
        return hashlib.sha256(_content(self.file)).hexdigest()

    @property
    def settings_file(self) -> Path:
        """The settings of its search."""
        return self.folder / SETTINGS

    @property
    def output(self) -> Path:
        """Output folder of its search."""
        return self.folder / "run"

    def settings_text(self) -> str:
        """The settings of its search, and the command that is the same search.

        Raises:
            InputError: If the crystal is needed for its SMILES and is none of one
                molecule.
        """
        source = OBSERVED
        if self.wishes.is_blind:
            source = smiles_of(molecule_from_cif(self.file, self.name, 0))
        options = [word for text in self.wishes.overrides for word in ("--set", text)]
        command = shlex.join(["csp", "run", SETTINGS, "-o", "run", *options])
        molecule = {
            "source": source,
            "name": self.name,
            "conformers": "generate" if self.wishes.is_blind else "as_given",
        }
        lines = [f"# {command}", "", "[molecule]"]
        lines += [f"{key} = {_toml(value)}" for key, value in molecule.items()]
        observed = f"{{ {_toml(self.name)} = {_toml(OBSERVED)} }}"
        lines += ["", "[landscape]", f"observed = {observed}"]
        return "\n".join(lines) + "\n"

    def claim(self, settings: str) -> None:
        """Make its folder, with the crystal and the settings of the search.

        Raises:
            InputError: If the folder is of another crystal or cannot be written.
        """
        there = self.folder / OBSERVED
        content = _content(self.file)
        if there.exists() and there.read_bytes() != content:
            raise InputError(
                f"{self.folder} was made from another {self.file.name}: delete that "
                "folder, or choose another one with --output"
            )
        write_atomically(there, content)
        write_atomically(self.settings_file, settings)


def cases_of(
    folder: Path, output: Path, wishes: Wishes, names: Sequence[str] = ()
) -> list[Case]:
    """The crystals of a folder, in the order of their files.

    Args:
        folder: With CIF files.
        output: Gets a folder for each.
        wishes: How they are searched.
        names: Only these; all if empty.

    Raises:
        InputError: If the folder holds no CIF file, or not one of that name.
    """
    wishes.check()
    files = {path.stem: path for path in sorted(folder.glob("*.cif"))}
    if not files:
        raise InputError(
            f"{folder} holds no CIF files: give a folder of experimental crystals, one "
            "file each"
        )
    unknown = [name for name in names if name not in files]
    if unknown:
        raise InputError(
            f"--molecules names {', '.join(unknown)}, but {folder} holds "
            f"{', '.join(files)}: use these names"
        )
    return [
        Case(name, path, output / name, wishes)
        for name, path in files.items()
        if not names or name in names
    ]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}): correct its permissions or "
            "remove it"
        ) from error


def _toml(text: str) -> str:
    """A text as it stands in a TOML file."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
