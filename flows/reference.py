"""Reference energies and the correction by them as Prefect flows: a task a calculation.

What is computed is decided by the records in the landscape's folder, and who computes
what by the claims there, so that flows, commands and machines may work side by side.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.task_runners import TaskRunner
from pydantic import BaseModel, ConfigDict, Field

from csp.corrected.knowledge import chain_of
from csp.corrected.loop import improved
from csp.corrected.outputs import write_ranking
from csp.journal import Journal
from csp.records import Progress
from csp.reference.calculation import Calculation
from csp.reference.campaign import Campaign, Limits, Tally, machine_memory
from csp.reference.levels import Level, level_named, read_levels
from csp.reference.selection import Selection, selected
from csp.reference.subjects import Subject
from csp.reference_options import DEFAULT_LEVEL, seconds_of
from csp.reference_source import Source, open_source
from csp.settings import RUNNER_PATTERN
from flows.pieces import may_pass
from flows.run_page import Page, show_results
from flows.runners import task_runner

_SECONDS_A_LOOK = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where energies of a level are kept, as plain values."""

    folder: str
    level: str
    levels_file: str


def _levels(place: Place) -> Mapping[str, Level]:
    return read_levels(Path(place.levels_file) if place.levels_file else None)


@lru_cache(maxsize=4)
def _opened(place: Place) -> tuple[Source, Campaign, dict[str, Subject]]:
    levels = _levels(place)
    source = open_source([Path(place.folder)], None, [])
    level = level_named(place.level, levels)
    campaign = Campaign(source.folder, level, levels, source.conformers)
    subjects = [*source.molecules, *(item.subject for item in source.candidates)]
    return source, campaign, {subject.id: subject for subject in subjects}


@task(
    name="reference energy",
    task_run_name="{subject} at {place.level}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[10.0, 60.0],
    retry_condition_fn=may_pass,
)
def calculate(
    place: Place, subject: str, limits: Limits, until: float | None
) -> dict[str, object] | None:
    """One calculation, in a process of its own; None if it was not this task's to do.

    Args:
        place: Level and folder.
        subject: Id of the crystal or the molecule.
        limits: Of one calculation of many.
        until: When the budget ends, seconds since 1970, however late the task starts.
    """
    _, campaign, subjects = _opened(place)
    ends = None if until is None else time.monotonic() + until - time.time()
    found = campaign.one(subjects[subject], limits, ends)
    if found is None:
        return None
    row = found.to_row()
    return {key: row.get(key) for key in ("id", "level", "failure", "cost", "origin")}


@dataclass(frozen=True, eq=False, slots=True)
class Crew:
    """Computes the subjects of a campaign by tasks, like :meth:`Campaign.run`.

    Attributes:
        place: Level and folder.
        runner: Does the tasks.
        journal: Gets a line for each calculation.
    """

    place: Place
    runner: TaskRunner[Any]
    journal: Journal

    def compute(
        self,
        campaign: Campaign,
        subjects: Sequence[Subject],
        limits: Limits,
        progress: Progress,
    ) -> Tally:
        """Compute what is missing; what others compute meanwhile is waited for."""
        seconds = limits.budget_seconds
        until = None if seconds is None else time.time() + seconds
        place = Place(self.place.folder, campaign.level.name, self.place.levels_file)
        retry = limits.retry_failed
        wanted = [s for s in subjects if not campaign.is_done(s, retry_failed=retry)]
        tally = Tally(n_known=len(subjects) - len(wanted))
        progress(campaign.level.name, tally.n_known, len(subjects))
        while wanted:
            for known in self._computed(place, campaign, wanted, (limits, until)):
                tally.computed.append(known)
                n_done = tally.n_known + len(tally.computed)
                progress(campaign.level.name, n_done, len(subjects))
            wanted = [s for s in wanted if not campaign.is_done(s)]
            claimed = [s for s in wanted if campaign.is_claimed(s)]
            if not claimed or (until is not None and time.time() > until):
                break
            wanted = claimed
            time.sleep(_SECONDS_A_LOOK)
        tally.n_left = len(wanted)
        return tally

    def _computed(
        self,
        place: Place,
        campaign: Campaign,
        wanted: Sequence[Subject],
        allowed: tuple[Limits, float | None],
    ) -> Iterator[Calculation]:
        """Give every subject to a task once; calculations as they end."""
        limits, until = allowed
        by_id = {subject.id: subject for subject in wanted}
        ended: SimpleQueue[PrefectFuture[dict[str, object] | None]] = SimpleQueue()
        for subject in wanted:
            parameters = {
                "place": place,
                "subject": subject.id,
                "limits": limits,
                "until": until,
            }
            self.runner.submit(calculate, parameters).add_done_callback(ended.put)
        for _ in wanted:
            facts = ended.get().result()
            if facts is None:
                continue
            self.journal.write("reference energy", **facts)
            known = campaign.results.find(by_id[str(facts["id"])])
            if known is not None:
                yield known


class Choice(BaseModel):
    """Which structures of a landscape are computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lowest: int = Field(
        10, ge=0, le=100_000, title="Lowest", description="this many of the lowest"
    )
    spread: int = Field(
        0,
        ge=0,
        le=100_000,
        title="Spread",
        description="this many more, evenly over the window, small cells first",
    )
    window: float = Field(
        25.0,
        ge=0.0,
        le=500.0,
        title="Window, kJ/mol",
        description="energy above the lowest, of the spread ones",
    )


class Means(BaseModel):
    """What the calculations of a flow may use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: str = Field(
        "1h",
        pattern=r"^(0|\d+(\.\d+)?[smhd])$",
        title="Budget",
        description="wall time after which nothing new is begun, like 90m, 6h or 2d; 0 "
        "computes nothing",
    )
    cores: int = Field(
        0,
        ge=0,
        le=4096,
        title="Cores",
        description="threads of all calculations together; 0: those of this machine",
    )
    cores_each: int = Field(
        1, ge=1, le=4096, title="Cores each", description="threads of one calculation"
    )
    runner: str = Field(
        "threads",
        pattern=RUNNER_PATTERN,
        title="Runner",
        description="who does the calculations: threads, processes, dask, ray, or the "
        "address of a running Dask scheduler, like tcp://host:8786",
    )

    @property
    def limits(self) -> Limits:
        """Of a campaign."""
        cores = self.cores or os.cpu_count() or 1
        seconds = 0.0 if self.budget == "0" else seconds_of(self.budget)
        each = min(self.cores_each, cores)
        return Limits(cores, each, machine_memory(), budget_seconds=seconds)


@flow(name="reference", flow_run_name="{folder}, {level}")
def reference(
    folder: str,
    level: str = DEFAULT_LEVEL,
    choice: Choice = Choice(),  # noqa: B008 - frozen
    means: Means = Means(),  # noqa: B008
    levels_file: str = "",
) -> None:
    """Reference energies of structures of a landscape.

    Args:
        folder: Of a finished prediction, on the machine of the worker.
        level: Level of theory, as csp reference levels lists them.
        choice: Which structures.
        means: What may be used.
        levels_file: File with levels of your own, if any.
    """
    place = Place(str(Path(folder).absolute()), level, levels_file)
    source, campaign, _ = _opened(place)
    chosen = selected(
        source.candidates,
        Selection(choice.lowest, choice.spread, choice.window),
    )
    subjects = [*(item.subject for item in chosen), *source.molecules]
    limits = means.limits
    with task_runner(means.runner, limits.n_workers) as started:
        crew = Crew(place, started, Journal(source.folder))
        tally = crew.compute(campaign, subjects, limits, Page())
    log = get_run_logger()
    log.info(
        "%d computed, %d known before, %d failed, %d left",
        len(tally.computed) - len(tally.failures),
        tally.n_known,
        len(tally.failures),
        tally.n_left,
    )
    for subject, failure in tally.failures:
        log.warning("%s: %s: %s", subject.id, failure.reason.value, failure.message)


@flow(name="correct", flow_run_name="{folder}, {level}")
def correct(
    folder: str,
    level: str = DEFAULT_LEVEL,
    means: Means = Means(),  # noqa: B008
    levels_file: str = "",
) -> str:
    """Learn, choose, compute, learn: until the ranking is sure or the time is over.

    Args:
        folder: As for reference.
        level: As for reference.
        means: As for reference.
        levels_file: As for reference.
    """
    place = Place(str(Path(folder).absolute()), level, levels_file)
    source, _, _ = _opened(place)
    levels = _levels(place)
    chain = [
        Campaign(source.folder, item, levels, source.conformers)
        for item in chain_of(level_named(level, levels), levels)
    ]
    page, limits = Page(), means.limits
    with task_runner(means.runner, limits.n_workers) as started:
        crew = Crew(place, started, Journal(source.folder))
        found = improved(source, chain, limits, page, crew.compute)
    write_ranking(source.folder, found, page)
    show_results(source.folder)
    return found.ending
