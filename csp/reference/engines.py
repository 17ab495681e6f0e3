"""The engine of a level."""

from csp.errors import InputError
from csp.reference.ase_calculator import AseCalculator
from csp.reference.calculation import Order
from csp.reference.cp2k import Cp2k
from csp.reference.engine import ReferenceEngine
from csp.reference.levels import (
    AseLevel,
    Cp2kLevel,
    EspressoLevel,
    Level,
    XtbLevel,
    levels_from,
)
from csp.reference.quantum_espresso import QuantumEspresso
from csp.reference.subjects import Subject
from csp.reference.xtb import Tblite


def engine_of(order: Order, subject: Subject) -> ReferenceEngine:
    """The engine that computes at a level.

    Args:
        order: Which level, and where results are kept.
        subject: Whose energy is wanted.

    Raises:
        InputError: If the level builds on one that does not exist.
        MissingDependencyError: If a program or package that it needs is not installed.
    """
    levels = levels_from(order.levels)
    del subject  # until the embedding is here
    return _engine(levels[order.level])


def _engine(level: Level) -> ReferenceEngine:
    if isinstance(level, EspressoLevel):
        return QuantumEspresso(level)
    if isinstance(level, Cp2kLevel):
        return Cp2k(level)
    if isinstance(level, XtbLevel):
        return Tblite(level)
    if isinstance(level, AseLevel):
        return AseCalculator(level)
    raise InputError(f"the level {level.name} has no engine yet")
