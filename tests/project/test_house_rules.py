"""Rules of the house that no linter knows."""

import ast
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("csp", "flows")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
LONGEST_MODULE = 400
FACTORS = {
    "Hartree": ("27.211", "627.5", "2625.", "219474"),
    "bohr": ("0.5291", "1.8897"),
    "electronvolt": ("96.48", "23.06", "8065"),
    "Coulomb's constant": ("14.399", "14.4", "332.06", "1389."),
    "calorie": ("4.184", "0.2390"),
    "dalton": ("1.6605",),
    "Avogadro's constant": ("0.6022", "6.022"),
    "gas constant": ("8.314", "0.008314", "1.380"),
}
"""How conversion factors begin; in csp/units.py alone may they stand."""


def offenders(breaks: Callable[[ast.Module], object], *, but: tuple[str, ...] = ()):
    """Modules that break a rule, with what breaks it."""
    found = {name: breaks(ast.parse(text)) for name, text in SOURCES.items()}
    return {name: what for name, what in found.items() if what and name not in but}


def calls_in(tree):
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {ast.unparse(node.func) for node in nodes}


def stray_factors(source):
    """Numbers with a decimal point that begin like a conversion factor."""
    prefixes = tuple(prefix for group in FACTORS.values() for prefix in group)
    numbers = [
        ast.get_source_segment(source, node) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    ]
    return [text for text in numbers if text.replace("_", "").startswith(prefixes)]


def blind_handlers(tree):
    """Handlers of everything, but for those that clean up and raise it again."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else ""
            raises = any(isinstance(item, ast.Raise) for item in node.body)
            is_cleaning = caught == "BaseException" and raises
            if caught in {"", "Exception", "BaseException"} and not is_cleaning:
                found.append(f"line {node.lineno}")
    return found


def lasting_silence(tree):
    """Warning filters outside ``with warnings.catch_warnings()``."""
    inside = {
        id(call)
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        and any("catch_warnings" in ast.unparse(item) for item in node.items)
        for call in ast.walk(node)
    }
    return [
        f"line {node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("simplefilter", "filterwarnings"))
        and id(node) not in inside
    ]


def test_the_rules_look_at_both_packages():
    assert {"csp/units.py", "csp/potentials/force_field.py"} <= set(SOURCES)
    assert {"flows/predict.py", "flows/server.py"} <= set(SOURCES)


def test_rules_see_what_breaks_them():
    source = "a = 27.2114 * x\nb = 0.529177\nc = 12.0\nd = 1_389.35\ne = 2625"
    assert set(stray_factors(source)) == {"27.2114", "0.529177", "1_389.35"}
    swallowing = "try:\n    f()\nexcept Exception:\n    pass"
    assert blind_handlers(ast.parse(swallowing)) == ["line 3"]
    assert blind_handlers(ast.parse(swallowing.replace(" Exception", "")))
    cleaning = "try:\n    f()\nexcept BaseException:\n    g()\n    raise"
    assert blind_handlers(ast.parse(cleaning)) == []
    silence = "import warnings\nwarnings.simplefilter('ignore')"
    assert lasting_silence(ast.parse(silence)) == ["line 2"]
    nested = "with warnings.catch_warnings():\n    warnings.simplefilter('ignore')"
    assert lasting_silence(ast.parse(nested)) == []


def test_units_are_converted_in_one_place():
    found = {name: stray_factors(text) for name, text in SOURCES.items()}
    strays = {name: factors for name, factors in found.items() if factors}
    assert set(strays) - {"csp/units.py"} == set(), strays


def test_no_module_is_longer_than_a_reader_can_hold():
    lengths = {name: len(text.splitlines()) for name, text in SOURCES.items()}
    assert {k: n for k, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_nothing_is_printed():
    assert offenders(lambda tree: calls_in(tree) & {"print", "pprint"}) == {}


def test_library_does_not_end_the_process_or_change_its_folder():
    ends = {"exit", "quit", "sys.exit", "os._exit", "os.abort", "os.chdir"}
    # the command itself ends when it was told to
    found = offenders(lambda tree: calls_in(tree) & ends, but=("csp/cli.py",))
    assert found == {}


def test_no_error_is_swallowed():
    assert offenders(blind_handlers) == {}


def test_warnings_are_silenced_for_one_call_alone():
    assert offenders(lasting_silence) == {}


def test_every_module_says_first_what_it_holds():
    # one line of print, at the top
    assert offenders(lambda tree: len(ast.get_docstring(tree) or "") < 20) == {}


def test_random_numbers_come_from_named_generators():
    """Neither the global state of NumPy or Python nor seeds of the moment."""

    def breaks(tree):
        imports = [
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
            if alias.name == "random"
        ]
        makers = {call for call in calls_in(tree) if call.startswith("np.random.")}
        return imports or makers

    assert set(offenders(breaks)) == {"csp/randomness.py"}
