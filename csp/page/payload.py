"""A report's data as the compact JSON that its page unpacks."""

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ase.data import atomic_numbers
from pymatgen.analysis.diffraction.xrd import ATOMIC_SCATTERING_PARAMS, WAVELENGTHS

from csp.arrays import Scalars
from csp.comparison import powder
from csp.packing.accumulation import Accumulation
from csp.page.data import ReportData, Structure
from csp.report.tables import printed_symbols
from csp.viewing.elements import radii_of

_LANDSCAPE = {
    "id": "id",
    "group": "space_group",
    "zPrime": "z_prime",
    "energy": "lattice_energy_kj_per_mol",
    "above": "relative_energy_kj_per_mol",
    "density": "density_g_per_cm3",
    "cell": "cell",
    "times": "times_found",
    "conformer": "conformer",
    "form": "observed_form",
}
_RANKING = {
    "rank": "rank",
    "energy": "energy_kj_per_mol",
    "above": "relative_energy_kj_per_mol",
    "sigma": "sigma_kj_per_mol",
    "pMinimum": "p_global_minimum",
    "pNear": "p_within_2_kj_per_mol",
    "expected": "expected_rank",
    "low": "rank_5_percent",
    "high": "rank_95_percent",
    "computed": "computed_at",
    "unlike": "unlike_all_computed",
}


def payload(data: ReportData) -> dict[str, Any]:
    """The data by columns, with what powder patterns are made of."""
    rows = [asdict(item.row) for item in data.structures]
    forms = _marks(data)
    for row in rows:
        row["observed_form"] = forms.get(row["id"], row["observed_form"])
    return {
        "name": data.name,
        "level": data.level,
        "forceField": data.settings.get("potential", {}).get("force_field", ""),
        "groups": _symbols(data),
        "structures": _columns(rows, _LANDSCAPE),
        "corrected": _corrected(data.structures),
        "cifs": [item.cif for item in data.structures],
        "observed": [
            {
                "name": form.name,
                "cif": form.cif,
                "foundAs": list(form.found_as),
                "compared": form.n_compared,
            }
            for form in data.observed
        ],
        "overlays": _overlays(data),
        "diagnostics": data.diagnostics,
        "completeness": [_curve(curve) for curve in data.completeness],
        "elements": radii_of(_elements_of(data)),
        "powder": _powder(_elements_of(data)),
    }


def packed(content: Mapping[str, Any]) -> str:
    """JSON, deflated (zlib), in base64."""
    text = json.dumps(
        content, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> dict[str, Any]:
    """What :func:`packed` packed."""
    content: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return content


def _symbols(data: ReportData) -> dict[str, str]:
    """How space groups are printed, with subscripts, by their plain symbols."""
    printed = printed_symbols()
    plain = {item.row.space_group for item in data.structures}
    return {symbol: printed[symbol] for symbol in sorted(plain & set(printed))}


def _marks(data: ReportData) -> dict[str, str]:
    """Names of observed forms by the lowest structure that each was found as.

    A mark of the landscape itself stands where the form was not overlaid again.
    """
    marks: dict[str, list[str]] = {}
    for form in data.observed:
        if form.found_as:
            marks.setdefault(form.found_as[0], []).append(form.name)
    return {key: ", ".join(names) for key, names in marks.items()}


def _columns(
    rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> dict[str, list[Any]]:
    return {short: [row[long] for row in rows] for short, long in names.items()}


def _corrected(structures: Sequence[Structure]) -> dict[str, list[Any]] | None:
    ranked = [item.ranking for item in structures if item.ranking is not None]
    if len(ranked) < len(structures):
        return None
    return _columns([asdict(row) for row in ranked], _RANKING)


def _overlays(data: ReportData) -> list[list[Any]]:
    """Both names, molecules matched and compared, RMSD, rotation by rows."""
    return [
        [
            item.first,
            item.second,
            item.n_matched,
            item.n_compared,
            None if item.rmsd is None else round(item.rmsd, 3),
            [round(value, 6) for value in item.rotation.ravel().tolist()],
        ]
        for item in data.overlays
    ]


def _curve(curve: Accumulation) -> dict[str, Any]:
    return {
        "window": curve.window,
        "draws": curve.n_draws.tolist(),
        "seen": curve.n_seen.tolist(),
        "expected": _finite(curve.expected),
        "total": _finite(curve.total),
        "low": _finite(curve.low),
        "high": _finite(curve.high),
    }


def _finite(values: Scalars) -> list[float | None]:
    """Numbers, and nothing where there is no bound: JSON knows no infinity."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _elements_of(data: ReportData) -> list[str]:
    """Symbols of the elements of all structures."""
    return sorted(set().union(*(_elements(item.cif) for item in data.structures)))


def _powder(elements: Sequence[str]) -> dict[str, Any]:
    """Wavelength, range, profile and scattering factors, as csp compares patterns."""
    return {
        "wavelength": WAVELENGTHS[powder.RADIATION],
        "first": powder.FIRST_ANGLE,
        "last": powder.LAST_ANGLE,
        "width": powder.PEAK_WIDTH,
        "lorentzian": powder.LORENTZIAN_PART,
        "factors": {
            symbol: ATOMIC_SCATTERING_PARAMS[symbol]
            for symbol in elements
            if symbol in ATOMIC_SCATTERING_PARAMS
        },
    }


def _elements(cif: str) -> set[str]:
    """Elements of the formula that csp writes into its CIF files."""
    _, _, rest = cif.partition("_chemical_formula_sum")
    formula = rest.partition("\n")[0].strip().strip("'")
    parts = {part.rstrip("0123456789") for part in formula.split()}
    return {symbol for symbol in parts if symbol in atomic_numbers}
