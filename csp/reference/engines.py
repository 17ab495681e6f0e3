"""The engine of a level.

Engines are imported when they are needed: a worker process does one calculation.
"""

from collections.abc import Mapping
from pathlib import Path

from csp.errors import InputError
from csp.reference.calculation import Order
from csp.reference.engine import ReferenceEngine
from csp.reference.levels import (
    AseLevel,
    Cp2kLevel,
    EmbeddingLevel,
    EspressoLevel,
    FragmentLevel,
    Level,
    PySCFLevel,
    digest_of,
    level_named,
    levels_from,
)
from csp.reference.subjects import Subject

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
    if isinstance(level, FragmentLevel):
        return _fragments(level, order)
    if isinstance(level, EmbeddingLevel):
        return _embedding(level, levels, order, subject)
    return _of_atoms(level)


def _fragments(level: FragmentLevel, order: Order) -> ReferenceEngine:
    from csp.conformers.monomers_file import read_monomers
    from csp.reference.force_field_fragments import RigidForceField
    from csp.reference.fragment_store import FragmentStore
    from csp.reference.fragments import FragmentSum

    conformers = [
        conformer
        for path in order.conformers
        for conformer in read_monomers(Path(path)).conformers
    ]
    store = FragmentStore(Path(order.folder) / FRAGMENTS)
    force_field = RigidForceField(level.force_field, store, tuple(conformers))
    return FragmentSum(level, force_field, store)


def _embedding(
    level: EmbeddingLevel, levels: Mapping[str, Level], order: Order, subject: Subject
) -> ReferenceEngine:
    from csp.reference.base_molecules import BaseMolecules
    from csp.reference.embedding import Embedding
    from csp.reference.fragment_store import FragmentStore
    from csp.reference.records import Results
    from csp.reference.remembered import Remembered

    base = level_named(level.base, levels)
    folder = Path(order.folder)
    engine, store = _of_atoms(base), FragmentStore(folder / FRAGMENTS)
    results = Results(folder, base.name, digest_of(base, levels))
    remembered = Remembered(engine, results, subject.id, subject.n_operations)
    molecules = (
        BaseMolecules(engine, results, store) if level.low_monomers == "base" else None
    )
    return Embedding(level, remembered, base.functional, store, molecules)


def _of_atoms(level: Level) -> ReferenceEngine:
    """The engine of a level that builds on no other."""
    if isinstance(level, EspressoLevel):
        from csp.reference.quantum_espresso import QuantumEspresso

        return QuantumEspresso(level)
    if isinstance(level, PySCFLevel):
        from csp.reference.pyscf_engine import PySCFEngine

        return PySCFEngine(level)
    if isinstance(level, Cp2kLevel):
        from csp.reference.cp2k import Cp2k

        return Cp2k(level)
    if isinstance(level, AseLevel):
        from csp.reference.ase_calculator import AseCalculator

        return AseCalculator(level)
    if isinstance(level, EmbeddingLevel | FragmentLevel):
        raise InputError(
            f"the level {level.name} cannot be built on: give a periodic one as base"
        )
    from csp.reference.xtb import Tblite

    return Tblite(level)
