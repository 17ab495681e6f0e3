"""The ``csp`` command with Prefect as its engine."""

from csp import stages
from csp.cli import build_app
from csp.landscape import Landscape
from flows.server import server


def predict_with_prefect(
    run: stages.Run, progress: stages.Progress
) -> tuple[stages.Search, Landscape]:
    """Run the flow of :mod:`flows.predict` on an embedded or a given server."""
    progress("starting Prefect", 0, 1)
    with server():
        from flows.predict import run_flow

        progress("starting Prefect", 1, 1)
        return run_flow(run.order, run.workers, progress)


def main() -> None:
    """The command that is installed as ``csp``."""
    build_app(predict_with_prefect)()


if __name__ == "__main__":
    main()
