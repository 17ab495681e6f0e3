"""The engine of a level."""

from csp.errors import InputError
from csp.reference.calculation import Order
from csp.reference.engine import ReferenceEngine
from csp.reference.levels import EspressoLevel, Level, levels_from
from csp.reference.quantum_espresso import QuantumEspresso


def engine_of(order: Order) -> ReferenceEngine:
    """The engine that computes at a level.

    Raises:
        InputError: If the level builds on one that does not exist.
        MissingDependencyError: If a program or package that it needs is not installed.
    """
    levels = levels_from(order.levels)
    return _engine(levels[order.level])


def _engine(level: Level) -> ReferenceEngine:
    if isinstance(level, EspressoLevel):
        return QuantumEspresso(level)
    raise InputError(f"the level {level.name} has no engine yet")
