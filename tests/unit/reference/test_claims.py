import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from csp.errors import InputError
from csp.reference import claims
from csp.reference.claims import claimed, is_claimed


def test_a_claim_is_free_again_afterwards(tmp_path):
    path = tmp_path / "level" / "a.claim"
    with claimed(path) as is_ours:
        assert is_ours
        assert is_claimed(path)
        with claimed(path) as is_also_ours:
            assert not is_also_ours
        assert is_claimed(path)
    assert not path.exists()


def test_only_one_of_many_gets_it(tmp_path):
    path = tmp_path / "a.claim"
    won = []

    def take(index: int) -> None:
        with claimed(path) as is_ours:
            if is_ours:
                won.append(index)
                time.sleep(0.3)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert len(won) == 1


def test_the_claim_of_a_killed_process_is_taken_over(tmp_path):
    path = tmp_path / "a.claim"
    code = (
        "import os, pathlib, sys\n"
        "from csp.reference.claims import claimed\n"
        "with claimed(pathlib.Path(sys.argv[1])) as ours:\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -9
    assert path.exists()
    assert not is_claimed(path)
    with claimed(path) as is_ours:
        assert is_ours


@pytest.mark.parametrize(("age", "is_alive"), [(1.0, True), (200.0, False)])
def test_a_claim_of_another_machine_dies_of_silence(tmp_path, age, is_alive):
    path = tmp_path / "a.claim"
    path.write_text(json.dumps({"host": "elsewhere", "process": 1}))
    then = time.time() - age
    os.utime(path, (then, then))
    assert is_claimed(path) is is_alive
    with claimed(path) as is_ours:
        assert is_ours is not is_alive


def test_the_owner_touches_its_claim(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "SECONDS_A_BEAT", 0.01)
    path = tmp_path / "a.claim"
    with claimed(path):
        os.utime(path, (0.0, 0.0))
        time.sleep(0.3)
        assert path.stat().st_mtime > 0.0
        assert json.loads(path.read_text())["host"] == socket.gethostname()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot be written"),
        claimed(tmp_path / "file" / "a.claim"),
    ):
        pass
