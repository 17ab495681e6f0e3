"""All distinct fragments of a crystal computed, or found again."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from pyscf import lib
from threadpoolctl import threadpool_limits

from csp.errors import ConvergenceError, InputError
from csp.reference.dimers import Fragments, Repeated
from csp.reference.engine import Failure, Reason, Resources
from csp.reference.fragment import Fragment
from csp.reference.fragment_energies import (
    Computed,
    Method,
    Start,
    computed_from,
    interaction_energies,
    monomer_energies,
    start_of,
)
from csp.reference.fragment_store import FragmentStore

LAST_ATTEMPT = 1
"""What does not converge is tried once more, with safer settings."""


class Methods(NamedTuple):
    """How molecules and how pairs are computed; None where no pairs are."""

    monomer: Method
    dimer: Method | None


class Summand(NamedTuple):
    """A fragment of the crystal and its energies, kJ/mol, one a functional.

    Attributes:
        repeated: In the crystal.
        computed_of: The congruent fragment that the energies were computed of.
        energies: Total of a molecule, interaction of a pair.
    """

    repeated: Repeated
    computed_of: Fragment
    energies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The fragments of a crystal with their energies.

    Attributes:
        monomers: Total energies of the distinct molecules.
        dimers: Interaction energies of the distinct pairs.
        provenance: What was computed and what was found again.
    """

    monomers: tuple[Summand, ...]
    dimers: tuple[Summand, ...]
    provenance: Mapping[str, Any]


def evaluated(
    fragments: Fragments, methods: Methods, store: FragmentStore, resources: Resources
) -> Evaluated | Failure:
    """Energies of all fragments; each is kept as soon as it is finished.

    Args:
        fragments: Of the crystal.
        methods: Functionals and bases.
        store: Where fragments computed before are.
        resources: Threads, and the time after which no fragment is begun.
    """
    course = _Course(methods, store, resources, time.monotonic())
    try:
        with threads(resources.cores):
            monomers = [course.monomer(repeated) for repeated in fragments.monomers]
            course.molecules = fragments.monomers
            dimers = [course.dimer(repeated) for repeated in fragments.dimers]
    except _OutOfTimeError:
        return Failure(Reason.OUT_OF_TIME, "there was no time for all fragments")
    except MemoryError:
        return Failure(Reason.OUT_OF_MEMORY, "a fragment needs more memory")
    except InputError as error:
        return Failure(Reason.UNSUPPORTED, str(error), is_final=True)
    except ConvergenceError as error:
        return Failure(Reason.NOT_CONVERGED, str(error), is_final=True)
    return Evaluated(tuple(monomers), tuple(dimers), course.provenance(fragments))


class _OutOfTimeError(Exception):
    """No fragment may be begun any more."""


class _Course:
    """One crystal's fragments on their way."""

    def __init__(
        self,
        methods: Methods,
        store: FragmentStore,
        resources: Resources,
        begin: float,
    ) -> None:
        self.methods, self.store = methods, store
        self.resources, self.begin = resources, begin
        self.molecules: tuple[Repeated, ...] = ()
        self.starts: list[Start] | None = None
        self.new: list[Computed] = []

    def monomer(self, repeated: Repeated) -> Summand:
        method = self.methods.monomer
        compute = partial(monomer_energies, repeated.fragment, method)
        return self._summand(repeated, method, compute)

    def dimer(self, repeated: Repeated) -> Summand:
        method = self.methods.dimer
        assert method is not None  # there are no pairs where there is none
        return self._summand(
            repeated,
            method,
            lambda attempt: interaction_energies(
                repeated.fragment, method, self._starts(method), attempt
            ),
        )

    def _starts(self, method: Method) -> list[Start]:
        """First guesses, made when the first pair needs one."""
        if self.starts is None:
            self.starts = [
                start_of(repeated.fragment, method) for repeated in self.molecules
            ]
        return self.starts

    def _summand(
        self, repeated: Repeated, method: Method, compute: Callable[..., Computed]
    ) -> Summand:
        def within_time() -> dict[str, Any]:
            limit = self.resources.seconds
            if limit is not None and time.monotonic() - self.begin > limit:
                raise _OutOfTimeError
            return self._at_last(compute).content(method)

        found = self.store.recall(repeated.fragment, str(method), within_time)
        computed = computed_from(found.content, method)
        if not found.was_known:
            self.new.append(computed)
        return Summand(repeated, found.fragment, computed.energies)

    def _at_last(self, compute: Callable[..., Computed]) -> Computed:
        for attempt in range(self.resources.attempt, LAST_ATTEMPT):
            try:
                return compute(attempt=attempt)
            except ConvergenceError:
                continue
        return compute(attempt=LAST_ATTEMPT)

    def provenance(self, fragments: Fragments) -> dict[str, Any]:
        new, n_all = self.new, len(fragments.monomers) + len(fragments.dimers)
        pairs = self.methods.dimer
        return {
            "monomer_method": str(self.methods.monomer),
            **({} if pairs is None else {"dimer_method": str(pairs)}),
            "distinct_monomers": len(fragments.monomers),
            "distinct_dimers": len(fragments.dimers),
            "dimers_per_cell": sum(pair.count for pair in fragments.dimers),
            "fragments_computed": len(new),
            "fragments_found_again": n_all - len(new),
            "fragment_iterations": sum(computed.iterations for computed in new),
            "fragment_cpu_seconds": round(sum(c.seconds for c in new), 1),
        }


@contextmanager
def threads(cores: int) -> Iterator[None]:
    """At most this many threads of PySCF and of linear algebra."""
    before = lib.num_threads()
    lib.num_threads(cores)
    try:
        with threadpool_limits(cores):
            yield
    finally:
        lib.num_threads(before)
