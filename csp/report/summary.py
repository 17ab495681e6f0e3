"""The report of a run in Markdown: what was found, how, and what was not done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csp.landscape import Landscape
from csp.packing.plan import Slot, Tally
from csp.potentials.bodies import FormulaUnit
from csp.relaxation.settings import WaysDown
from csp.relaxation.ways_down import MOST_DESCENTS
from csp.report.completeness_text import completeness_markdown
from csp.report.tables import LandscapeRow, landscape_markdown, markdown_table
from csp.spacegroups import symbols

_SHOWN = 10


@dataclass(frozen=True, eq=False, slots=True)
class Background:
    """What a report says besides the structures.

    Attributes:
        name: Of the molecule.
        inchi_keys: Of each kind of molecule.
        unit: The formula unit, with the conformers as the force field sees them.
        conformer_origins: Where the conformers of each kind came from.
        level: Of geometries and relative energies.
        potential_level: Of the electrostatic potentials.
        multipole_level: Of the distributed multipoles.
        electrostatics: ``multipoles`` or ``charges``.
        first_window: Of the first relaxations, kJ/mol.
        ways_down: How saddle points were left.
        force_field: Its title.
        reference: Its literature.
        failures: Why starting geometries led to no conformer, one sentence each.
        slots: Occupations searched, and what was drawn of each.
        n_rounds: Rounds of the search.
        stop_rule: By which it ended early, or "".
        version: Of csp.
    """

    name: str
    inchi_keys: Sequence[str]
    unit: FormulaUnit
    conformer_origins: Sequence[str]
    failures: Sequence[str]
    level: str
    potential_level: str
    multipole_level: str
    electrostatics: str
    first_window: float
    ways_down: WaysDown
    force_field: str
    reference: str
    slots: Sequence[tuple[Slot, Tally]]
    n_rounds: int
    stop_rule: str
    version: str


def conformer_rows(landscape: Landscape, unit: FormulaUnit) -> list[tuple[str, ...]]:
    """Label, relative energy, point group, charge fit, minima, observed forms."""
    rows: list[tuple[str, ...]] = []
    for label, molecule in unit.molecules.items():
        own = [item for item in landscape.minima if label in item.conformers]
        lowest = (
            f"{landscape.relative_energy(own[0]):.2f}" if own else "none in the window"
        )
        forms = ", ".join(item.observed_form for item in own if item.observed_form)
        rows.append(
            (
                label,
                f"{molecule.conformer.relative_energy:.2f}",
                molecule.symmetry.symbol,
                f"{100.0 * molecule.charge_fit_error:.1f}",
                str(len(own)),
                lowest,
                forms,
            )
        )
    return rows


CONFORMER_HEADINGS = (
    "conformer",
    "gas phase, kJ/mol",
    "point group",
    "charge fit error, %",
    "minima",
    "lowest minimum, kJ/mol",
    "observed forms",
)


def observed_rows(landscape: Landscape) -> list[tuple[str, ...]]:
    """Name, rank, relative energy, molecules matched, RMSD, cell deviations."""
    ranks = {item.identity: rank for rank, item in enumerate(landscape.minima, start=1)}
    by_key = {item.identity: item for item in landscape.minima}
    rows: list[tuple[str, ...]] = []
    for match in landscape.observed:
        matched = f"{match.packing.n_matched} of {match.packing.n_compared}"
        if not match.is_found:
            rows.append((match.name, "not found", "", matched, "", "", ""))
            continue
        minimum = by_key[match.key]
        deviations = ", ".join(
            f"{value:+.1f}" for value in match.length_deviations_percent
        )
        rows.append(
            (
                match.name,
                str(ranks[match.key]),
                f"{landscape.relative_energy(minimum):.2f}",
                matched,
                f"{match.packing.rmsd:.3f}",
                deviations,
                f"{match.volume_deviation_percent:+.1f}",
            )
        )
    return rows


def observed_conformers(landscape: Landscape, unit: FormulaUnit) -> list[str]:
    """Which conformers each observed form holds, and their gas-phase energies."""
    molecules = unit.molecules
    return [
        f"{item.observed_form}: conformer {label}, "
        f"{molecules[label].conformer.relative_energy:.2f} kJ/mol above the lowest "
        "conformer in the gas phase"
        for item in landscape.minima
        if item.observed_form
        for label in item.conformers
    ]


OBSERVED_HEADINGS = (
    "observed form",
    "rank",
    "above the lowest, kJ/mol",
    "molecules matched",
    "RMSD, Å",
    "a, b, c off by, %",
    "volume off by, %",
)


def report_markdown(
    landscape: Landscape, rows: Sequence[LandscapeRow], background: Background
) -> str:
    """The whole report."""
    parts = [
        f"# Crystal-energy landscape of {background.name}\n",
        f"{len(rows)} distinct minima, written by csp {background.version}; "
        f"InChIKey {', '.join(background.inchi_keys)}.\n",
        "![lattice energy against density](landscape.png)\n",
        f"## The {min(_SHOWN, len(rows))} lowest\n",
        landscape_markdown(rows[:_SHOWN]),
        "The rest is in `landscape.csv`; each structure has a CIF in `structures/`.\n",
    ]
    if landscape.observed:
        parts += [
            "## Observed forms\n",
            markdown_table(OBSERVED_HEADINGS, observed_rows(landscape)),
            *(
                f"- {sentence}.\n"
                for sentence in observed_conformers(landscape, background.unit)
            ),
        ]
    parts += [
        "## Conformers\n",
        markdown_table(CONFORMER_HEADINGS, conformer_rows(landscape, background.unit)),
        f"Geometries and relative energies: {background.level}; "
        f"{_electric(background)}. Origin: "
        f"{', '.join(background.conformer_origins)}. A conformer's relative energy is "
        "part of the lattice energy of its crystals.\n",
        *(f"- No conformer: {failure}\n" for failure in background.failures),
        "## The search\n",
        _search_section(landscape, background),
        "## How complete the search is\n",
        "![minima seen against draws](completeness.png)\n",
        completeness_markdown(landscape.completeness),
        "## What was not done\n",
        "- No structure was relaxed with quantum chemistry. Energies here are those "
        "of the force field; if reference energies are known, the corrected ranking "
        "is in ranking.md.\n"
        "- Minima were tested for directions downhill that keep the size of the unit "
        "cell (wave vector Γ), not for those of larger cells.\n"
        f"- {_NOT_FOLLOWED[background.ways_down]}\n"
        "- Molecules were rigid; temperature and zero-point motion are left out.\n",
    ]
    return "\n".join(parts)


def _search_section(landscape: Landscape, background: Background) -> str:
    draws = [
        (
            symbols()[slot.occupation.space_group],
            slot.occupation.sites,
            str(slot.occupation.z_prime),
            str(tally.n_drawn),
            str(tally.n_valid),
            str(slot.n_minima),
        )
        for slot, tally in background.slots
    ]
    counts = landscape.counts
    ends = ", ".join(
        f"{count} {status.value}" for status, count in sorted(counts.endings.items())
    )
    return (
        markdown_table(_SEARCH_HEADINGS, draws)
        + f"\n{_ended(background)}\n"
        + f"\nForce field: {background.force_field} ({background.reference}), with "
        f"{_ELECTROSTATICS[background.electrostatics]}.\n\n"
        f"- First relaxations, with point charges and short sums: {ends}; "
        f"{counts.n_first_minima} distinct minima within "
        f"{background.first_window:g} kJ/mol of the lowest.\n"
        f"- Of these, {counts.n_refined} relaxed to a minimum of the full force field; "
        f"{counts.n_distinct} distinct ones lie within the energy window.\n"
        f"- {counts.n_saddles} of those were saddle points, minima only in their space "
        "group: they were left downhill, without the symmetry that forbids it, and "
        f"relaxed again; {counts.n_unsettled} came to no minimum and are left out.\n"
    )


def _ended(background: Background) -> str:
    """After how many rounds the search ended, and why."""
    rounds = f"The search ended after {background.n_rounds} rounds, "
    if background.stop_rule:
        return f"{rounds}by its rule: {background.stop_rule}."
    return f"{rounds}when the minima wanted were found or given up."


_SEARCH_HEADINGS = (
    "space group",
    "Wyckoff letters",
    "Z′",
    "draws",
    "valid minima",
    "wanted",
)
_NOT_FOLLOWED: Mapping[WaysDown, str] = {
    "steepest": "Saddle points were left along the steepest way down alone; what lies "
    'below the others is found with relaxation.ways_down = "all".',
    "all": f"Below one saddle point at most {MOST_DESCENTS} ways down were followed, "
    "those of the saddle points on the way included.",
}
_ELECTROSTATICS = {
    "multipoles": "distributed multipoles to rank 4 (charges and dipoles by Ewald "
    "summation, higher ones by direct summation)",
    "charges": "Ewald-summed point charges",
}


def _electric(background: Background) -> str:
    """Where charges and multipoles come from."""
    charges = (
        f"charges fitted to the electrostatic potential at {background.potential_level}"
    )
    if background.electrostatics == "charges":
        return charges
    return (
        f"distributed multipoles of the density at {background.multipole_level}; "
        f"{charges} lead the first relaxations"
    )
