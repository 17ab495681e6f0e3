"""Whether a level's energies depend on the cell that a crystal is described in."""

from dataclasses import replace

from csp.crystal import Crystal
from csp.errors import InputError
from csp.reference.subjects import Subject, doubled

LARGEST_DIFFERENCE = 0.2
"""kJ/mol per formula unit; a level beyond it is not learned from."""
SUFFIX = "-doubled"


def doubled_subject(subject: Subject) -> Subject:
    """The same crystal in a cell twice as long along its shortest vector.

    Raises:
        InputError: If it is a molecule.
    """
    if not isinstance(subject.system, Crystal):
        raise InputError(f"{subject.id} is a molecule: it has no cell to double")
    return replace(subject, id=subject.id + SUFFIX, system=doubled(subject.system))
