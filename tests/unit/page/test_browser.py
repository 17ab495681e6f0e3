"""The report page in a browser, offline: what a reader does with it."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from csp.comparison.powder import powder_pattern, powder_similarity
from csp.comparison.reading import read_crystal
from csp.page.payload import unpacked
from csp.page.write import write_page
from csp.report.tables import read_csv

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.external

FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
WIDE, NARROW = (1500, 950), (400, 850)
OVERLAID = """(() => {
  const key = Csp.state.selected, name = Csp.data.structures.form[key];
  const found = Csp.compare.overlayOf(key, name);
  const crystals = [Csp.crystalOf(key), Csp.crystalOf(name)];
  const {turned, partners} = Csp.compare.superposed(...crystals, found.rotation);
  let sum = 0, n = 0;
  for (const m of turned) m.points.forEach((p, i) => {
    if (m.symbols[i] === "H") return;
    const distances = partners.flatMap((s) => s.points
      .filter((_, j) => s.symbols[j] === m.symbols[i])
      .map((q) => Csp.crystal.norm(Csp.crystal.minus(p, q))));
    sum += Math.min(...distances) ** 2;
    n += 1;
  });
  return [Math.sqrt(sum / n), found.rmsd, n];
})()"""
"""How far atoms of the overlay are from one another, Å; its RMSD; how many."""
LAID_OUT = """(() => {
  const width = document.body.clientWidth;
  const inside = [...document.querySelectorAll("main *")].filter((e) => e.clientWidth);
  return {
    body: width, theme: document.documentElement.dataset.theme,
    nav: getComputedStyle(document.querySelector("nav")).display,
    folded: document.querySelectorAll("details:not([open])").length,
    charts: Csp.charts.map(({ chart }) => chart.getWidth()),
    viewer: document.querySelector("#viewer canvas").clientWidth,
    overflowing: inside.filter((e) => e.getBoundingClientRect().right > width + 1)
      .map((e) => e.id || e.className || e.tagName),
  };
})()"""
"""Widths in pixels, theme, what is folded, what sticks out to the right."""
READY = "html[data-ready=yes]"


def quiet(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    with playwright.sync_playwright() as engine:
        own = Path(engine.chromium.executable_path)
        if found is None and not own.exists():
            pytest.skip("no Chromium: install one, or run playwright install chromium")
        browser = engine.chromium.launch(executable_path=found or own, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page and all that it asked for or complained of."""

    def __init__(self, browser, file: Path, size=WIDE, scheme="light") -> None:
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            offline=True,
            accept_downloads=True,
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._said)
        self.page.goto(file.as_uri())
        self.page.wait_for_selector(READY)

    def _asked(self, url: str) -> None:
        if not url.startswith(("file:", "data:", "blob:")):
            self.requests.append(url)

    def _said(self, message) -> None:
        if message.type in ("error", "warning") and "GPU stall" not in message.text:
            self.complaints.append(message.text)

    def value(self, script: str):
        return self.page.evaluate(script)

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def plain(chromium, plain_folder) -> Iterator[Watched]:
    watched = Watched(chromium, plain_folder / "report.html")
    yield watched
    watched.close()


@pytest.fixture
def corrected(chromium, corrected_folder) -> Iterator[Watched]:
    write_page(corrected_folder, [], quiet)
    watched = Watched(chromium, corrected_folder / "report.html")
    yield watched
    watched.close()


def rows_of(watched: Watched) -> list[list[str]]:
    return watched.value(
        "[...document.querySelectorAll('#rows tbody tr')]"
        ".map(tr => [...tr.children].map(td => td.textContent))"
    )


def test_it_opens_offline_without_a_complaint(plain, corrected):
    for watched in (plain, corrected):
        watched.page.locator("#making").scroll_into_view_if_needed()
        watched.page.wait_for_timeout(500)
        assert watched.requests == []
        assert watched.complaints == []
        assert watched.page.locator("#trouble").is_hidden()
    assert plain.page.locator("#correction").count() == 0
    assert corrected.page.locator("#correction").count() == 1
    assert "no corrected landscape" in plain.page.locator("#limits").inner_text()


def test_a_click_on_a_point_shows_the_structure(corrected):
    page = corrected.page
    place = corrected.value(
        "(() => { const i = Csp.order()[4]; const chart = echarts.getInstanceByDom("
        "document.getElementById('chart')); const s = Csp.data.structures;"
        "return [i, ...chart.convertToPixel({xAxisIndex: 0, yAxisIndex: 0},"
        "[s.density[i], s.above[i]])]; })()"
    )
    box = page.locator("#chart").bounding_box()
    page.mouse.click(box["x"] + place[1], box["y"] + place[2])
    chosen = corrected.value("Csp.state.selected")
    near = corrected.value(
        f"(() => {{ const s = Csp.data.structures, i = {place[0]}, j = {chosen};"
        "return [s.density[i]-s.density[j], s.above[i]-s.above[j]]; })()"
    )
    assert chosen != corrected.value("Csp.order()[0]")
    assert abs(near[0]) < 0.01  # points lie close: the one on top is taken
    assert abs(near[1]) < 0.5
    identity = corrected.value(f"Csp.data.structures.id[{chosen}]")
    assert identity in page.locator("#announce").inner_text()
    assert identity in page.locator("#properties").inner_text()


def test_the_table_sorts_filters_and_leads_to_a_structure(corrected, corrected_folder):
    page = corrected.page
    known = read_csv(corrected_folder / "landscape.csv")
    page.locator("[data-column=density]").click()
    densities = [float(row[9]) for row in rows_of(corrected)]
    assert densities == sorted(densities, reverse=True)
    page.locator("[data-column=density]").click()
    densities = [float(row[9]) for row in rows_of(corrected)]
    assert densities == sorted(densities)
    assert densities[0] == pytest.approx(
        min(row.density_g_per_cm3 for row in known), abs=6e-4
    )
    header = page.locator("th", has=page.locator("[data-column=density]"))
    assert header.get_attribute("aria-sort") == "ascending"
    page.locator("#filter-group").select_option("P21/c")
    wanted = [row for row in known if row.space_group == "P21/c"]
    assert len(rows_of(corrected)) == min(25, len(wanted))
    page.locator("#filter-group").select_option("")
    page.locator("#only-observed").check()
    assert {row[14] for row in rows_of(corrected)} == {
        row.observed_form for row in known if row.observed_form
    }
    page.locator("#rows tbody tr").last.click()
    chosen = corrected.value("Csp.data.structures.form[Csp.state.selected]")
    assert chosen == rows_of(corrected)[-1][14]
    page.locator("#only-observed").uncheck()
    page.locator("#find").fill("no such thing")
    assert rows_of(corrected) == []
    assert "No structure" in page.locator("#shown").inner_text()


def test_the_keyboard_is_enough(corrected):
    page = corrected.page
    order = corrected.value("Csp.order()")
    page.locator("#chart").focus()
    for key, place in (("ArrowUp", 1), ("ArrowUp", 2), ("ArrowDown", 1), ("Home", 0)):
        page.keyboard.press(key)
        assert corrected.value("Csp.state.selected") == order[place]
    page.locator("#rows tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert corrected.value("Csp.state.selected") == order[1]
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    assert corrected.value("document.documentElement.dataset.theme") == "dark"


def test_a_region_of_the_chart_filters_the_table(corrected):
    page = corrected.page
    page.locator("#brush").click()
    box = page.locator("#chart").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.9 * box["height"])
    page.mouse.up()
    page.locator("#unbrush").wait_for(state="visible")
    page.wait_for_timeout(1000)  # the region is looked at again a moment after it ends
    brushed = corrected.value("[...Csp.state.brushed].length")
    everything = corrected.value("Csp.data.structures.id.length")
    assert 0 < brushed < everything + 1
    assert f"of {brushed}" in page.locator("#shown").inner_text()
    page.locator("#unbrush").click()
    assert f"of {everything}" in page.locator("#shown").inner_text()


def test_the_cif_that_is_downloaded_is_the_one_of_the_folder(
    corrected, corrected_folder
):
    page = corrected.page
    page.locator("#next").click()
    with page.expect_download() as waiting:
        page.locator("#download").click()
    identity = corrected.value("Csp.data.structures.id[Csp.state.selected]")
    assert waiting.value.suggested_filename == f"{identity}.cif"
    (file,) = (corrected_folder / "structures").glob(f"*_{identity}.cif")
    assert Path(waiting.value.path()).read_bytes() == file.read_bytes()


def test_two_crystals_are_laid_over_one_another(corrected, corrected_folder):
    page = corrected.page
    page.locator("#to-compare").click()
    chosen = corrected.value(
        "[Csp.state.selected, document.getElementById('second').value]"
    )
    form = corrected.value(f"Csp.data.structures.form[{chosen[0]}]")
    assert chosen[1] == form
    assert "15 of 15" in page.locator("#verdict").inner_text()
    # what is drawn lies on one another as well as the overlay's RMSD says
    apart = corrected.value(OVERLAID)
    assert apart[2] == 15 * 6
    assert apart[0] == pytest.approx(apart[1], abs=0.1)
    rows = read_csv(corrected_folder / "landscape.csv")
    if len(rows) > 45:
        page.locator("#second").select_option(f"#{len(rows) - 1}")
        assert "was not computed" in page.locator("#verdict").inner_text()


def test_a_structure_that_no_list_holds_is_compared_by_its_button(corrected):
    page = corrected.page
    corrected.value("Csp.compare.start()")
    last = corrected.value("Csp.order().at(-1)")
    page.evaluate(
        "i => document.querySelectorAll(`#compare option[value='#${i}']`)"
        ".forEach((e) => e.remove())",
        last,
    )
    page.evaluate("i => Csp.set('selected', i)", last)
    page.locator("#to-compare").click()
    assert page.locator("#first").input_value() == f"#{last}"
    page.locator("#swap").click()
    assert page.locator("#second").input_value() == f"#{last}"


def test_crystals_and_patterns_are_those_of_csp(plain, plain_folder):
    rows = read_csv(plain_folder / "landscape.csv")
    patterns = []
    for index in (0, len(rows) // 2, len(rows) - 1):
        path = plain_folder / "structures" / f"{index + 1:04d}_{rows[index].id}.cif"
        crystal = read_crystal(path)
        made = plain.value(
            f"(() => {{ const c = Csp.crystalOf({index}); return "
            "[c.atoms.length, c.molecules.length, c.molecules[0].symbols.length]; })()"
        )
        n = len(crystal.atomic_numbers)
        assert made == [n, crystal.n_molecules, n // crystal.n_molecules]
        ours = powder_pattern(crystal)
        theirs = np.array(plain.value(f"[...Csp.powder.of({index})]"))
        assert len(theirs) == len(ours.intensities)
        np.testing.assert_allclose(
            theirs / theirs.max(),
            ours.intensities / ours.intensities.max(),
            rtol=0.0,
            atol=2e-3,
        )
        patterns.append((index, ours))
    (one, first), (other, second) = patterns[:2]
    alike = plain.value(
        f"Csp.powder.similarity(Csp.powder.of({one}), Csp.powder.of({other}))"
    )
    assert alike == pytest.approx(powder_similarity(first, second), abs=2e-3)


def test_hydrogen_bonds_of_beta_are_those_of_its_paper(plain):
    bonds = plain.value(
        "Csp.crystal.contacts(Csp.crystalOf('beta')).hydrogenBonds"
        ".map(b => [b.donor, b.acceptor, b.far])"
    )
    assert len(bonds) == 1  # Derissen & Smith (1974): O-H...O, chains of dimers
    donor, acceptor, far = bonds[0]
    assert (donor, acceptor) == ("O", "O")
    assert far == pytest.approx(2.674, abs=0.02)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_it_fits_the_screen_in_light_and_dark(
    chromium, corrected_folder, scheme, size, tmp_path
):
    write_page(corrected_folder, [], quiet)
    watched = Watched(chromium, corrected_folder / "report.html", size, scheme)
    assert watched.value("document.documentElement.dataset.theme") == scheme
    assert watched.value("document.documentElement.scrollWidth") <= size[0]
    colours = watched.value(
        "(() => { const s = getComputedStyle(document.body);"
        "return [s.color, s.backgroundColor]; })()"
    )
    assert contrast(*colours) > 7.0
    soft = watched.value(
        "[getComputedStyle(document.querySelector('.hint')).color,"
        "getComputedStyle(document.querySelector('.card')).backgroundColor]"
    )
    assert contrast(*soft) > 4.5
    folder = Path(os.environ.get("CSP_SCREENSHOTS", tmp_path))
    watched.page.wait_for_timeout(1000)
    name = f"{scheme}-{size[0]}.png"
    watched.page.screenshot(path=folder / name)
    assert (folder / name).stat().st_size > 20_000
    watched.close()


def contrast(ink: str, paper: str) -> float:
    """Of two CSS colours, by the Web Content Accessibility Guidelines."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255.0 for part in colour[4:-1].split(",")[:3]]
        linear = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
        ]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_names_that_are_html_stay_text(chromium, corrected_folder):
    evil = "<img src=x onerror=window.broken=1>"
    for name in ("landscape.csv", "ranking.csv"):
        file = corrected_folder / name
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("beta", evil).replace("alpha", evil))
    report = corrected_folder / "report.md"
    report.write_text(report.read_text().replace("oxalic acid", evil))
    for path in (corrected_folder / "observed").iterdir():
        path.unlink()
    write_page(corrected_folder, [], quiet)
    watched = Watched(chromium, corrected_folder / "report.html")
    watched.page.hover("#chart")
    watched.page.wait_for_timeout(300)
    assert watched.value("window.broken") is None
    assert watched.value("document.querySelectorAll('img').length") == 0
    assert evil in watched.page.locator("h1").inner_text()
    assert watched.complaints == []
    watched.close()


def test_it_prints_as_wide_as_the_paper_and_then_is_as_before(corrected, tmp_path):
    corrected.value("Csp.compare.start()")
    corrected.value("document.documentElement.dataset.theme = 'dark'")
    before = corrected.value(LAID_OUT)
    corrected.value("dispatchEvent(new Event('beforeprint'))")
    paper = corrected.value(LAID_OUT)
    assert paper["overflowing"] == []
    assert paper["theme"] == "light"
    assert paper["folded"] == 0
    assert paper["nav"] == "none"
    # 186 mm of 96 dots an inch; the charts are drawn for it
    assert paper["body"] == pytest.approx(186 / 25.4 * 96, abs=1)
    assert max(paper["charts"]) < paper["body"] < max(before["charts"])
    assert paper["viewer"] < paper["body"]
    corrected.value("dispatchEvent(new Event('afterprint'))")
    assert corrected.value(LAID_OUT) == before
    pdf = tmp_path / "report.pdf"
    corrected.page.pdf(path=pdf, print_background=True)
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.stat().st_size > 50_000


def test_its_data_can_be_read_by_others(plain, plain_folder):
    text = plain.page.locator("#data").inner_text() or plain.value(
        "document.getElementById('data').textContent"
    )
    assert json.dumps(unpacked(text)["structures"]["id"]) == json.dumps(
        [row.id for row in read_csv(plain_folder / "landscape.csv")]
    )
