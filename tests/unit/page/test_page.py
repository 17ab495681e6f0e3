"""The report page: its data, what is escaped, its size, what it owes to others."""

import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import csp
from csp.cli import build_app
from csp.errors import InputError
from csp.page.payload import packed, payload, unpacked
from csp.page.reading import read_report
from csp.page.render import html
from csp.page.sections import html_of, sections_of
from csp.page.write import write_observed, write_page
from csp.report.completeness_table import completeness_csv, read_completeness
from csp.report.tables import read_csv

DATA = Path(__file__).parents[3] / "data" / "oxalic_acid"
EVIL = (
    '<script>alert("x")</script><img src="http://example.org/a.png" onerror=alert(1)>'
)


def quiet(stage: str, done: int, total: int) -> None:
    pass


class Elements(HTMLParser):
    """Start tags of a page, and what is in its scripts of data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self.words = ""
        self._in: str | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = "data" if dict(attrs).get("id") == "data" else tag

    def handle_data(self, data):
        if self._in == "data":
            self.data += data
        elif self._in not in ("script", "style"):
            self.words += data

    def handle_endtag(self, tag):
        self._in = None


def page_of(folder: Path) -> Elements:
    return Elements((folder / "report.html").read_text(encoding="utf-8"))


def test_every_run_ends_with_its_page(finished):
    shown = unpacked(page_of(finished.output).data)
    rows = read_csv(finished.output / "landscape.csv")
    assert shown["name"] == "oxalic acid"
    assert shown["structures"]["id"] == [row.id for row in rows]
    assert shown["structures"]["above"] == [
        row.relative_energy_kj_per_mol for row in rows
    ]
    assert shown["corrected"] is None
    files = sorted((finished.output / "structures").glob("*.cif"))
    assert shown["cifs"] == [path.read_text(encoding="utf-8") for path in files]
    assert {form["name"] for form in shown["observed"]} == {"alpha", "beta"}


def test_observed_forms_are_found_as_the_landscape_has_them(finished):
    shown = unpacked(page_of(finished.output).data)
    for form in shown["observed"]:
        match = next(
            item for item in finished.landscape.observed if item.name == form["name"]
        )
        assert form["foundAs"][0] == match.key
        entry = next(
            item for item in shown["overlays"] if item[:2] == [form["name"], match.key]
        )
        assert entry[2:4] == [15, 15]
        assert entry[4] == pytest.approx(match.packing.rmsd, abs=0.01)
        rotation = np.array(entry[5]).reshape(3, 3)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)


def test_a_correction_is_shown_beside_the_force_field(corrected_folder):
    data = write_page(corrected_folder, [], quiet)
    shown = unpacked(page_of(corrected_folder).data)
    first = shown["corrected"]["rank"].index(1)
    assert shown["structures"]["form"][first]
    assert shown["level"] == "pbe0-d4-qe/production"
    assert shown["diagnostics"]["levels"][0]["n_computed"] == 6
    titles = [section.title for section in data.sections]
    assert titles[-2:] == ["Corrected landscape", "Learning curve"]
    assert "| 1 | a |" not in data.sections[-2].markdown
    assert not any("no corrected landscape" in text for text in data.not_done)


def test_what_is_missing_is_said(plain_folder):
    for name in ("completeness.csv", "report.md"):
        (plain_folder / name).unlink()
    for path in (plain_folder / "observed").glob("*.cif"):
        path.unlink()
    data = read_report(plain_folder, [], quiet)
    said = " ".join(data.not_done)
    assert data.name == "run"
    for words in ("no corrected landscape", "completeness.csv", "--observed"):
        assert words in said
    text = Elements(html(data)).words
    assert all(sentence in text for sentence in data.not_done)


def test_names_and_texts_are_never_html(corrected_folder):
    data = read_report(corrected_folder, [], quiet)
    first = data.structures[0]
    bad = replace(
        data,
        name=EVIL,
        structures=[
            replace(first, row=replace(first.row, observed_form=EVIL)),
            *data.structures[1:],
        ],
        sections=[replace(data.sections[0], title=EVIL, markdown=f"a {EVIL} b")],
        settings={"molecule": {"name": EVIL}},
        versions={EVIL: EVIL},
        not_done=[EVIL],
        level=EVIL,
    )
    page = Elements(html(bad))
    good = Elements(html(data))
    count = [tag for tag, _ in page.tags].count
    assert count("script") == [tag for tag, _ in good.tags].count("script")
    assert count("img") == 0
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert EVIL in page.words  # as text
    assert unpacked(page.data)["name"] == EVIL


def test_markdown_makes_no_links_pictures_or_raw_html():
    text = html_of(
        "| a | b |\n| --- | --- |\n| <b>1</b> | ![x](http://example.org/x.png) |\n\n"
        "[link](http://example.org) <http://example.org> <i>raw</i>"
    )
    tags = {tag for tag, _ in Elements(text).tags}
    assert tags == {"table", "thead", "tbody", "tr", "th", "td", "p"}


def test_sections_lose_their_pictures_and_the_table_of_structures():
    head, sections = sections_of(
        "# Title\n\nwords\n\n![p](a.png)\n\n"
        "## The 10 lowest\n\n| a |\n\n## Conformers\n\nc\n"
    )
    assert head == "# Title\n\nwords"
    assert [(item.title, item.markdown) for item in sections] == [("Conformers", "c")]


def test_nothing_is_asked_of_the_network(corrected_folder):
    write_page(corrected_folder, [], quiet)
    page = page_of(corrected_folder)
    outside = ("src", "srcset", "action", "poster", "data")
    assert not [
        attributes for _, attributes in page.tags if set(attributes) & {*outside}
    ]
    targets = [
        attributes["href"] for _, attributes in page.tags if "href" in attributes
    ]
    assert all(target.startswith(("#", "data:")) for target in targets)
    policy = next(
        attributes["content"]
        for tag, attributes in page.tags
        if tag == "meta" and "http-equiv" in attributes
    )
    assert "default-src 'none'" in policy
    assert "http" not in policy.replace("http-equiv", "")


def test_five_thousand_structures_stay_small(corrected_folder):
    data = read_report(corrected_folder, [], quiet)
    rng = np.random.default_rng(1)

    def other(k: int):
        item = data.structures[k % len(data.structures)]
        assert item.ranking is not None
        text = re.sub(
            r"(\d\.\d{3})\d{3}",
            lambda found: f"{found[1]}{rng.integers(1000):03d}",
            item.cif,
        )
        key = f"{item.row.id}-{k}"
        ranking = replace(item.ranking, id=key, rank=k + 1)
        return replace(item, row=replace(item.row, id=key), ranking=ranking, cif=text)

    large = replace(data, structures=[other(k) for k in range(300)])
    sizes = [len(packed(payload(item)).encode()) for item in (data, large)]
    each = (sizes[1] - sizes[0]) / (300 - len(data.structures))
    rest = len(html(data).encode()) - sizes[0]
    assert rest + 5000 * each < 10e6  # 30 MB are allowed
    assert each > 100  # the structures are in it


def test_what_is_packed_is_unpacked():
    content = {"a": [1.5, None, "ü</script>"], "b": {}}
    assert unpacked(packed(content)) == content


def test_the_data_have_what_powder_patterns_need(finished):
    data = read_report(finished.output, [], quiet)
    shown = payload(data)
    assert set(shown["elements"]) == {"C", "H", "O"} == set(shown["powder"]["factors"])
    assert shown["elements"]["O"]["number"] == 8
    assert shown["groups"]["P21/c"] == "P2₁/c"


def test_a_bound_that_is_infinite_is_left_out(finished):
    data = read_report(finished.output, [], quiet)
    (curve, *_) = data.completeness
    endless = replace(curve, high=np.full(len(curve.high), np.inf))
    text = packed(payload(replace(data, completeness=[endless])))
    assert unpacked(text)["completeness"][0]["high"] == [None] * len(curve.high)


def test_curves_are_read_as_they_were_written(finished):
    curves = finished.landscape.accumulation
    read = read_completeness(finished.output / "completeness.csv")
    assert len(read) == len(curves)
    for one, other in zip(curves, read, strict=True):
        assert one.window == other.window
        for name in ("n_draws", "n_seen", "expected", "total", "low", "high"):
            np.testing.assert_allclose(
                getattr(one, name), getattr(other, name), rtol=0.0, atol=5e-4
            )
    assert completeness_csv(read) == completeness_csv(curves)


def test_observed_forms_that_are_no_longer_named_are_removed(finished, tmp_path):
    forms = finished.search.observed
    write_observed(tmp_path, {"a/b α": forms["alpha"], "beta": forms["beta"]})
    assert {path.name for path in (tmp_path / "observed").iterdir()} == {
        "a_b_α.cif",
        "beta.cif",
    }
    write_observed(tmp_path, {"beta": forms["beta"]})
    assert [path.name for path in (tmp_path / "observed").iterdir()] == ["beta.cif"]


@pytest.mark.parametrize("package", ["page", "viewing"])
def test_libraries_are_as_they_were_published_with_their_licences(package):
    assets = Path(csp.__file__).parent / package / "assets"
    table = (assets / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `(vendor/\S+\.js)` .* `([0-9a-f]{64})` \|", table)
    assert rows
    assert {name for name, _ in rows} == {
        f"vendor/{path.name}" for path in (assets / "vendor").glob("*.js")
    }
    for name, digest in rows:
        assert hashlib.sha256((assets / name).read_bytes()).hexdigest() == digest
    for name in re.findall(r"`(vendor/\S+\.txt)`", table):
        assert (assets / name).stat().st_size > 100


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda folder: (folder / "landscape.csv").unlink(), "csp run"),
        (lambda folder: next((folder / "structures").iterdir()).unlink(), "cannot be"),
        (
            lambda folder: (folder / "completeness.csv").write_text("a\n1\n"),
            "no table of completeness",
        ),
        (lambda folder: (folder / "ranking.json").write_text("["), "no JSON"),
        (
            lambda folder: (folder / "ranking.csv").write_text(
                "\n".join((folder / "ranking.csv").read_text().splitlines()[:-1])
            ),
            "ranks other structures",
        ),
    ],
)
def test_folders_that_do_not_belong_together_are_told(corrected_folder, break_it, told):
    break_it(corrected_folder)
    with pytest.raises(InputError, match=told):
        read_report(corrected_folder, [], quiet)


def test_the_command_says_what_it_wrote(plain_folder, tmp_path):
    app = build_app(None)
    target = tmp_path / "page.html"
    arguments = ["report", str(plain_folder), "--observed", str(DATA / "beta.cif")]
    done = CliRunner().invoke(app, [*arguments, "--output", str(target)])
    assert done.exit_code == 0, done.output
    assert "structures" in done.output
    shown = unpacked(Elements(target.read_text(encoding="utf-8")).data)
    assert [form["name"] for form in shown["observed"]] == ["beta"]


def test_an_observed_crystal_of_another_molecule_is_refused(plain_folder, tmp_path):
    other = tmp_path / "other.cif"
    text = (DATA / "beta.cif").read_text(encoding="utf-8")
    other.write_text(re.sub(r"^(\s*C\w*\s+)C(\s)", r"\1N\2", text, flags=re.MULTILINE))
    assert other.read_text() != text
    done = CliRunner().invoke(
        build_app(None), ["report", str(plain_folder), "--observed", str(other)]
    )
    assert done.exit_code == 2
    assert "no crystal of the molecules" in " ".join(done.output.split())


def test_the_page_is_the_same_each_time(plain_folder):
    data = read_report(plain_folder, [], quiet)
    assert html(data) == html(read_report(plain_folder, [], quiet))
    assert json.dumps(payload(data))
