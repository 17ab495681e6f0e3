"""``python -m csp``: the command without Prefect."""

from csp.cli import main

main()
