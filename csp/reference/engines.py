"""The engine of a level."""

from pathlib import Path

from csp.conformers.monomers_file import read_monomers
from csp.errors import InputError
from csp.reference.ase_calculator import AseCalculator
from csp.reference.calculation import Order
from csp.reference.cp2k import Cp2k
from csp.reference.embedding import Embedding
from csp.reference.engine import ReferenceEngine
from csp.reference.force_field_fragments import RigidForceField
from csp.reference.fragment_store import FragmentStore
from csp.reference.fragments import FragmentSum
from csp.reference.levels import (
    AseLevel,
    Cp2kLevel,
    EmbeddingLevel,
    EspressoLevel,
    FragmentLevel,
    Level,
    PySCFLevel,
    XtbLevel,
    digest_of,
    level_named,
    levels_from,
)
from csp.reference.pyscf_engine import PySCFEngine
from csp.reference.quantum_espresso import QuantumEspresso
from csp.reference.records import Results
from csp.reference.remembered import Remembered
from csp.reference.subjects import Subject
from csp.reference.xtb import Tblite

FRAGMENTS = "fragments"
"""Folder of the fragments that recur across structures."""


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
    level = levels[order.level]
    folder = Path(order.folder)
    store = FragmentStore(folder / FRAGMENTS)
    if isinstance(level, FragmentLevel):
        conformers = [
            conformer
            for path in order.conformers
            for conformer in read_monomers(Path(path)).conformers
        ]
        force_field = RigidForceField(level.force_field, store, tuple(conformers))
        return FragmentSum(level, force_field, store)
    if not isinstance(level, EmbeddingLevel):
        return _engine(level)
    base = level_named(level.base, levels)
    remembered = Remembered(
        _engine(base),
        Results(folder, base.name, digest_of(base, levels)),
        subject.id,
        subject.n_operations,
    )
    return Embedding(level, remembered, base.functional, store)


def _engine(level: Level) -> ReferenceEngine:
    if isinstance(level, EspressoLevel):
        return QuantumEspresso(level)
    if isinstance(level, PySCFLevel):
        return PySCFEngine(level)
    if isinstance(level, Cp2kLevel):
        return Cp2k(level)
    if isinstance(level, XtbLevel):
        return Tblite(level)
    if isinstance(level, AseLevel):
        return AseCalculator(level)
    raise InputError(f"the level {level.name} has no engine yet")
