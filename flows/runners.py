"""Who does the pieces of work of a flow, by the name that the settings give."""

import os
import socket
from typing import Any, cast
from urllib.parse import urlsplit

from prefect.task_runners import (
    ProcessPoolTaskRunner,
    TaskRunner,
    ThreadPoolTaskRunner,
)

from csp.errors import InputError, MissingDependencyError
from csp.lifetime import end_with

_SECONDS_TO_ANSWER = 10.0


def task_runner(name: str, workers: int) -> TaskRunner[Any]:
    """A task runner of Prefect, not yet started.

    Args:
        name: ``threads``, ``processes``, ``dask``, ``ray``, or the address of a running
            Dask scheduler.
        workers: Pieces of work at a time; a scheduler's own workers decide for it.

    Raises:
        MissingDependencyError: If a package for it is missing.
        InputError: If nothing answers at the address.
    """
    if name == "threads":
        return ThreadPoolTaskRunner(max_workers=workers)
    if name == "processes":
        return ProcessPoolTaskRunner(
            max_workers=workers, initializer=end_with, initargs=(os.getpid(),)
        )
    if name == "ray":
        return _ray(workers)
    return _dask(name, workers)


def _dask(name: str, workers: int) -> TaskRunner[Any]:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise _missing("dask", "prefect-dask") from error
    if name == "dask":
        local = {
            "n_workers": workers,
            "threads_per_worker": 1,
            "dashboard_address": None,
        }
        return DaskTaskRunner(cluster_kwargs=local)
    _check_answers(name)
    return DaskTaskRunner(address=name)


def _ray(workers: int) -> TaskRunner[Any]:
    try:
        from prefect_ray.task_runners import RayTaskRunner
    except ImportError as error:
        raise _missing("ray", "prefect-ray") from error
    local = {"num_cpus": workers, "include_dashboard": False}
    return cast("TaskRunner[Any]", RayTaskRunner(init_kwargs=local))


def _missing(extra: str, package: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"the runner {extra} needs {package}, which is not installed: "
        f"pip install -c constraints.txt '.[{extra}]', or set run.runner = "
        '"processes"'
    )


def _check_answers(address: str) -> None:
    place = urlsplit(address)
    try:
        socket.create_connection(
            (place.hostname or "", place.port or 0), timeout=_SECONDS_TO_ANSWER
        ).close()
    except OSError as error:
        raise InputError(
            f"no Dask scheduler answers at run.runner = {address} ({error}): start one "
            'with dask scheduler, or set run.runner = "dask" for one on this machine'
        ) from error
