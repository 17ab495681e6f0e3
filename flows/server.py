"""A Prefect server of one's own, that ends with the process that started it.

The server keeps its database in a temporary folder: what is finished is known from the
run's own store, never from Prefect. If the starting process dies, even by ``kill -9``,
the server notices within a second, removes the folder and ends.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from csp.errors import ProgramError

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
}
_LONGEST_START = 180.0
_PARENT_CHECK = 1.0


@contextlib.contextmanager
def server() -> Iterator[None]:
    """Have a Prefect API to talk to: the one in PREFECT_API_URL, or a private one.

    Must be entered before Prefect is imported.

    Raises:
        ProgramError: If the private server does not answer.
    """
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    os.environ.update(_QUIET)
    home = tempfile.mkdtemp(prefix="csp-prefect-")
    os.environ["PREFECT_HOME"] = home
    port = _free_port()
    command = [sys.executable, "-m", "flows.server", str(port), str(os.getpid())]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_healthy(port, process)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)
        os.environ.pop("PREFECT_API_URL", None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _LONGEST_START
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            address = f"http://127.0.0.1:{port}/api/health"
            with urllib.request.urlopen(address, timeout=5.0):
                return
        time.sleep(0.1)
    raise ProgramError(
        "the embedded Prefect server did not start "
        f"(exit code {process.poll()}): run with --no-prefect"
    )


def _end_with(parent: int) -> None:
    """End this process, and remove its database, when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK)
    shutil.rmtree(Path(os.environ["PREFECT_HOME"]), ignore_errors=True)
    os.kill(os.getpid(), signal.SIGKILL)


def _serve(port: int, parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(), host="127.0.0.1", port=port, log_level="critical")


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
