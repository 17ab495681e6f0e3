"""A Prefect server of one's own, that ends with the process that started it.

The server keeps its database in a temporary folder: what is finished is known from the
run's own store, never from Prefect. If the starting process dies, even by ``kill -9``,
the pipe between the two closes, and the server removes the folder and ends.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from csp.errors import InputError, ProgramError

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
}
_PRIVATE = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
}
_LONGEST_START = 180.0
_LONGEST_ANSWER = 20.0
_HOST = "127.0.0.1"
IS_PRIVATE = "CSP_PRIVATE_PREFECT"
"""Set in the environment while the server is a private one, that nobody looks at."""


@contextlib.contextmanager
def server() -> Iterator[Callable[[], None]]:
    """Have a Prefect API to talk to: the one in PREFECT_API_URL, or a private one.

    Must be entered before Prefect is imported; importing it while the private server
    starts saves time.

    Yields:
        A function that returns when the API answers.

    Raises:
        InputError: If PREFECT_API_URL names no Prefect API.
        ProgramError: If the private server does not start.
    """
    os.environ.update(_QUIET)
    given = os.environ.get("PREFECT_API_URL")
    if given:
        yield lambda: check_given(given)
    else:
        folder = tempfile.TemporaryDirectory(
            prefix="csp-prefect-", ignore_cleanup_errors=True
        )
        with folder as home, _private_server(Path(home)) as wait_until_ready:
            yield wait_until_ready


@contextlib.contextmanager
def _private_server(home: Path) -> Iterator[Callable[[], None]]:
    with socket.create_server((_HOST, 0)) as listener:
        # connections wait in the socket's queue until the server takes them
        url = f"http://{_HOST}:{listener.getsockname()[1]}/api"
        _take_over_environment(home, url)
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listener.fileno()), str(home)],
            cwd=home,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    try:
        yield lambda: _wait_for_private(url, process)
    finally:
        process.kill()
        process.communicate()


def _take_over_environment(home: Path, url: str) -> None:
    """The user's own Prefect settings and proxies have no say in a private server."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(_QUIET | _PRIVATE)
    os.environ |= {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": url,
        IS_PRIVATE: "1",
    }
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), _HOST]))


def check_given(url: str) -> None:
    """Refuse an address at which no Prefect server answers.

    Raises:
        InputError: If none does.
    """
    try:
        _ask(url, _LONGEST_ANSWER)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise InputError(
            f"no Prefect server answers at PREFECT_API_URL = {url} ({error}): start it "
            "with prefect server start, unset PREFECT_API_URL, or add --no-prefect"
        ) from error


def _wait_for_private(url: str, process: "subprocess.Popen[bytes]") -> None:
    try:
        _ask(url, _LONGEST_START)
    except OSError as error:
        raise ProgramError(
            "the embedded Prefect server did not start "
            f"(exit code {process.poll()}, {error}): run with --no-prefect"
        ) from error


def _ask(url: str, longest: float) -> None:
    """Return if something answers, were it only to ask for a password."""
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{url}/health", timeout=longest).close()


def _end_with_parent(home: Path) -> None:
    """When the parent's end of the pipe closes, remove the database and end."""
    sys.stdin.buffer.read()
    while home.exists():
        shutil.rmtree(home, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGKILL)


def _serve(listener: socket.socket, home: Path) -> None:
    threading.Thread(target=_end_with_parent, args=(home,), daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    # without web pages and without the services that only deployments need
    app = create_app(ephemeral=True, final=True)
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
