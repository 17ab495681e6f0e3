import os
import socket
from unittest import mock

import pytest

from csp.errors import InputError, ProgramError
from flows import server


@pytest.fixture(autouse=True)
def environment():
    with mock.patch.dict(os.environ, {"HOME": os.environ["HOME"]}) as changed:
        yield changed


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api", "nonsense", "http://"])
def test_a_given_server_that_does_not_answer_is_told_with_three_remedies(
    environment, url
):
    environment["PREFECT_API_URL"] = url
    message = (
        "PREFECT_API_URL.*prefect server start, unset PREFECT_API_URL, or add --no"
    )
    with server.server() as wait_until_ready, pytest.raises(InputError, match=message):
        wait_until_ready()


def test_a_given_server_is_used_with_the_settings_of_the_user(environment):
    environment["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    environment["PREFECT_API_KEY"] = "secret"
    with server.server():
        assert environment["PREFECT_API_URL"] == "http://127.0.0.1:9/api"
        assert environment["PREFECT_API_KEY"] == "secret"
        assert environment["DO_NOT_TRACK"] == "1"


def test_a_private_server_knows_nothing_of_the_settings_of_the_user(
    environment, tmp_path
):
    environment["PREFECT_API_DATABASE_CONNECTION_URL"] = "postgresql://elsewhere"
    environment["no_proxy"] = "example.org"
    server._take_over_environment(tmp_path, "http://127.0.0.1:1/api")
    assert "PREFECT_API_DATABASE_CONNECTION_URL" not in environment
    assert environment["PREFECT_HOME"] == str(tmp_path)
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["no_proxy"] == "example.org,127.0.0.1"


def test_a_private_server_that_ends_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setattr(server.sys, "executable", "/bin/false")
    message = r"did not start .*run with --no-prefect"
    with server.server() as wait, pytest.raises(ProgramError, match=message):
        wait()


def test_the_folder_of_a_private_server_is_removed_whatever_happens(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(server.sys, "executable", "/bin/false")
    monkeypatch.setattr(server.tempfile, "tempdir", str(tmp_path))

    def interrupted():
        with server.server():
            assert len(list(tmp_path.iterdir())) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_socket_is_enough_of_an_answer_only_if_it_speaks(environment):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with pytest.raises(OSError, match="timed out"):
            server._ask(url, 0.2)
