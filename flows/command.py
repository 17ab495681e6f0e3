"""The ``csp`` command with Prefect as its engine."""

from typing import TYPE_CHECKING

from csp.cli import start
from flows.submit_commands import runs, submit

if TYPE_CHECKING:
    from csp.landscape import Landscape
    from csp.records import Progress
    from csp.runs import Run
    from csp.search import Search


def predict_with_prefect(
    run: "Run", progress: "Progress"
) -> "tuple[Search, Landscape]":
    """Run the flow of :mod:`flows.predict` on an embedded or a given server."""
    from flows.server import server

    progress("starting Prefect", 0, 1)
    with server() as wait_until_ready:
        from flows.predict import run_flow

        wait_until_ready()
        progress("starting Prefect", 1, 1)
        return run_flow(run.order, progress)


def main() -> None:
    """The command that is installed as ``csp``."""
    start(predict_with_prefect, (submit, runs))


if __name__ == "__main__":
    main()
