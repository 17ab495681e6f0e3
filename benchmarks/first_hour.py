"""The first hour of a new user: README and tutorial, word for word, from nothing.

    python benchmarks/first_hour.py FOLDER

FOLDER must not exist. The repository is cloned into it; the README's first command and
then every command of docs/tutorial.md are typed there, the first of which makes a new
environment. Told are how long each took and how it ended; what it printed is in
FOLDER.log.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def commands() -> list[str]:
    """The README's main command, and the tutorial's."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    main = re.search(r"<!-- main command -->\n```sh\n(.+?)\n```", readme, re.DOTALL)
    assert main is not None
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"```sh\n(.+?)```", text, re.DOTALL))
    return [main[1], *(line for line in blocks.splitlines() if line)]


def main() -> int:
    """Type all commands; the exit code is the number of those that failed."""
    folder = Path(sys.argv[1]).absolute()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    log = folder.with_suffix(".log").open("w", encoding="utf-8")
    shell = subprocess.Popen(
        ["bash"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert shell.stdin is not None
    assert shell.stdout is not None
    n_failed = 0
    for command in commands():
        began = time.monotonic()
        log.write(f"$ {command}\n")
        shell.stdin.write(f'{command}\necho "ended with $?"\n')
        shell.stdin.flush()
        for line in shell.stdout:
            log.write(line)
            if found := re.fullmatch(r"ended with (\d+)\n", line):
                break
        else:
            print("the shell ended")
            return 1
        log.flush()
        n_failed += found[1] != "0"
        print(
            f"{time.monotonic() - began:7.1f} s  exit {found[1]}  {command}", flush=True
        )
    shell.stdin.close()
    return n_failed


if __name__ == "__main__":
    sys.exit(main())
