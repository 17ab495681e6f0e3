"""The crystals of a benchmark: one folder each, made for one set of settings."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from csp.benchmark.components import components_of, xyz_text
from csp.conformers.graph import smiles_of
from csp.errors import InputError
from csp.files import write_atomically
from csp.settings import toml_value

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

    def files(self) -> dict[str, str]:
        """What its folder holds besides the crystal: settings, molecules if several.

        The settings begin with the command that is the same search.

        Raises:
            InputError: If the crystal is none of complete molecules.
        """
        components = components_of(self.file)
        sources, files = [OBSERVED], {}
        if self.wishes.is_blind:
            sources = [smiles_of(own) for own, n in components for _ in range(n)]
        elif len(components) > 1:
            names = [f"{own.name}_{k}.xyz" for k, (own, _) in enumerate(components, 1)]
            files = {
                name: xyz_text(own)
                for name, (own, _) in zip(names, components, strict=True)
            }
            sources = [
                name
                for name, (_, n) in zip(names, components, strict=True)
                for _ in range(n)
            ]
        charges = [own.charge for own, n in components for _ in range(n)]
        options = [word for text in self.wishes.overrides for word in ("--set", text)]
        command = shlex.join(["csp", "run", SETTINGS, "-o", "run", *options])
        molecule = {
            "source": sources[0] if len(sources) == 1 else sources,
            "name": self.name,
            "charge": charges[0] if len(charges) == 1 else charges,
            "conformers": "generate" if self.wishes.is_blind else "as_given",
        }
        lines = [f"# {command}", "", "[molecule]"]
        lines += [f"{key} = {toml_value(value)}" for key, value in molecule.items()]
        observed = f"{{ {toml_value(self.name)} = {toml_value(OBSERVED)} }}"
        lines += ["", "[landscape]", f"observed = {observed}"]
        return {**files, SETTINGS: "\n".join(lines) + "\n"}

    def claim(self, files: Mapping[str, str]) -> None:
        """Make its folder, with the crystal and what :meth:`files` says.

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
        for name, text in files.items():
            write_atomically(self.folder / name, text)


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
