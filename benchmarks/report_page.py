"""How long a browser takes to open the report of 5,000 structures, and how large it is.

    python benchmarks/report_page.py DIR [N]

The structures of a finished run are repeated, their coordinates changed in the last
digits so that nothing compresses that would not in life, until there are N. Chromium
opens the page from disk, offline, three times; told are the seconds from opening to the
landscape and to the whole page. Needs playwright and Chromium.
"""

import re
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from csp.page.data import ReportData, Structure
from csp.page.reading import read_report
from csp.page.render import html

FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
TIMES = 3


def enlarged(data: ReportData, n: int) -> ReportData:
    """The same report with n structures."""
    rng = np.random.default_rng(1)

    def other(k: int) -> Structure:
        item = data.structures[k % len(data.structures)]
        text = re.sub(
            r"(\d\.\d{3})\d{3}",
            lambda found: f"{found[1]}{rng.integers(1000):03d}",
            item.cif,
        )
        key = f"{item.row.id}-{k}"
        ranking = item.ranking and replace(item.ranking, id=key, rank=k + 1)
        return replace(item, row=replace(item.row, id=key), ranking=ranking, cif=text)

    return replace(data, structures=[other(k) for k in range(n)])


def main() -> None:
    """Open the page and print a line each time."""
    folder = Path(sys.argv[1])
    n = int(sys.argv[2]) if sys.argv[2:] else 5000
    data = enlarged(read_report(folder, [], lambda *_: None), n)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as engine:
        page_file = Path(scratch) / "report.html"
        page_file.write_text(html(data), encoding="utf-8")
        print(f"{n} structures, {page_file.stat().st_size / 1e6:.1f} MB")
        own = engine.chromium.executable_path
        browser = engine.chromium.launch(
            executable_path=shutil.which("chromium") or own, args=FLAGS
        )
        for _ in range(TIMES):
            context = browser.new_context(offline=True)
            page = context.new_page()
            began = time.monotonic()
            page.goto(page_file.as_uri(), wait_until="commit")
            page.wait_for_selector("html[data-shown=yes]")
            shown = time.monotonic() - began
            page.wait_for_selector("html[data-ready=yes]")
            ready = time.monotonic() - began
            print(f"landscape after {shown:.2f} s, all of it after {ready:.2f} s")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
