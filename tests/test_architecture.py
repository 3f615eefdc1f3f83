"""The shape of the code: which way imports point, what stands in one place only, how long things may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
MODULES = sorted((HOME / "cds").rglob("*.py"))
TESTS = sorted((HOME / "tests").rglob("*.py"))
# Every module may import from rooms to its left and from its own; rooms in one group never import each other.
ROOMS = (("quantities", "intervals", "clock", ""), ("rulefile",), ("terms", "sites"), ("rulebook",), ("fhir",), ("hooks",),
         ("facts",), ("engine",), ("cards",), ("store",), ("examples",), ("settings",), ("pipeline",), ("completion",), ("options",),
         ("web", "authoring", "selftest"), ("trial",),
         ("cli",), ("__main__",))
RANK = {room: rank for rank, group in enumerate(ROOMS) for room in group}
USES_QUANTITIES = {"intervals"}
SETTINGS_ARE_FOR = {"web", "cli", "authoring", "trial"}
ONE_PLACE = {"durable_rules_engine": "cds/engine/durable.py", "fhir": "cds/fhir/r4.py"}
AT_MOST_ONE = ("durable_rules_engine", "durable", "fhir")
CALLS_OTHERS = {"cds/fhir/outbound.py", "cds/selftest/client.py"}  # the service, and the command that tests one
DATABASE = {"sqlalchemy", "alembic", "psycopg", "sqlite3"}
CLOCK = re.compile(r"(datetime\.(datetime\.)?(now|utcnow|today)|datetime\.date\.today"
                   r"|time\.(time|time_ns|localtime|gmtime|ctime|strftime))")
CHANCE = re.compile(r"(random|secrets|uuid|numpy\.random|os\.urandom)(\.|$)")
VAGUE = {"util", "utils", "helper", "helpers", "manager", "managers", "base", "common", "misc", "lib", "tools", "stuff"}
IDENTIFIERS = {  # hosts of names that stand in data and are never called
    "cds": {"hl7.org", "terminology.hl7.org", "loinc.org", "snomed.info", "www.nlm.nih.gov", "fdasis.nlm.nih.gov", "json-schema.org",
            "ketamine-cds.org", "unitsofmeasure.org", "fhir.selftest.invalid"},
    "rules": {"loinc.org"}}
TEXT = (".py", ".yaml", ".csv", ".json", ".toml", ".md", ".txt", "")
NOT_OURS = {".git", ".venv", ".hypothesis", ".pytest_cache", "__pycache__", "build", "dist"}


def name_of(path: Path) -> str:
    return path.relative_to(HOME).as_posix()


def room_of(path: Path) -> str:
    inside = path.relative_to(HOME / "cds")
    return inside.parts[0] if len(inside.parts) > 1 else "" if inside.stem == "__init__" else inside.stem


@lru_cache(maxsize=None)
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, with the imported name behind it."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def uses(path: Path) -> Iterator[str]:
    """Every name a file uses that comes from an import, written out in full."""
    known: dict[str, str] = {}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            known |= {alias.asname or alias.name.split(".")[0]: alias.asname and alias.name or alias.name.split(".")[0]
                      for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree_of(path)):
        steps, here = [], node
        while isinstance(here, ast.Attribute):
            steps.append(here.attr)
            here = here.value
        if isinstance(here, ast.Name) and here.id in known:
            yield ".".join([known[here.id], *reversed(steps)])


def public(tree: ast.AST) -> Iterator[ast.AST]:
    for node in getattr(tree, "body", ()):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def text_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in (HOME / folder).rglob("*"):
            if path.is_file() and path.suffix in TEXT and not NOT_OURS.intersection(path.relative_to(HOME).parts):
                yield path


def test_every_room_of_the_code_has_its_place_in_the_order():
    assert {room_of(path) for path in MODULES} <= RANK.keys()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path):
    room = room_of(path)
    for target in (one.split(".") for one in imports(path) if one.split(".")[0] == "cds"):
        other = target[1] if target[1] in RANK else ""
        allowed = other == room or RANK[other] < RANK[room] or (other == "quantities" and room in USES_QUANTITIES)
        assert allowed, f"{name_of(path)} imports cds.{'.'.join(target[1:])}, which lies to its right"


def test_only_the_web_and_the_command_line_read_the_settings():
    readers = {room_of(path) for path in MODULES if any(one.startswith("cds.settings") for one in imports(path))}
    assert readers <= SETTINGS_ARE_FOR


@pytest.mark.parametrize("package", AT_MOST_ONE)
def test_a_delicate_package_is_imported_in_one_place_only(package):
    found = {name_of(path) for path in MODULES if package in {one.split(".")[0] for one in imports(path)}}
    assert len(found) <= 1 and found <= {ONE_PLACE.get(package, *found)}


def test_http_goes_out_in_known_places_only():
    assert {name_of(path) for path in MODULES if "requests" in {one.split(".")[0] for one in imports(path)}} == CALLS_OTHERS


def test_only_the_store_knows_a_database():
    found = {room_of(path) for path in MODULES if DATABASE & {one.split(".")[0] for one in imports(path)}}
    assert found == {"store"}


@pytest.mark.parametrize("banned", [CLOCK, CHANCE], ids=["clock", "chance"])
def test_the_clock_and_chance_are_read_in_one_place_only(banned):
    found = {name_of(path) for path in MODULES for one in uses(path) if banned.match(one)}
    assert found == {"cds/clock.py"}


def test_running_clocks_are_read_only_where_time_is_measured():
    running = re.compile(r"time\.(perf_counter|monotonic|process_time|sleep)")
    found = {name_of(path) for path in MODULES for one in uses(path) if running.match(one)}
    assert all(one.startswith("cds/web/") or one in ("cds/engine/durable.py", "cds/fhir/outbound.py") for one in found)


def test_the_engine_and_the_facts_know_no_fhir_no_hook_and_no_web():
    inside = [path for path in MODULES if room_of(path) == "engine"] + [HOME / "cds" / "facts" / "model.py"]
    outside = ("cds.fhir", "cds.hooks", "cds.web", "cds.clock", "fhir", "starlette", "orjson", "requests")
    for path in inside:
        for one in imports(path):
            known = any(one == name or one.startswith(name + ".") for name in outside)
            assert not known, f"{name_of(path)} imports {one}"


@pytest.mark.parametrize("path", MODULES + TESTS, ids=name_of)
def test_modules_and_functions_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, f"{name_of(path)} has more than 300 lines"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            assert length <= 40, f"{name_of(path)}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_everything_public_says_what_it_is(path):
    assert ast.get_docstring(tree_of(path)), f"{name_of(path)}: no docstring"
    silent = [node.name for node in public(tree_of(path)) if not ast.get_docstring(node)]
    assert not silent, f"{name_of(path)}: no docstring on {', '.join(silent)}"


def test_no_file_has_a_name_that_says_nothing():
    for path in [*MODULES, *TESTS]:
        words = set(path.relative_to(HOME).with_suffix("").parts) | set(path.stem.removeprefix("test_").split("_"))
        assert not words & VAGUE, name_of(path)


def test_the_rules_folder_holds_no_code():
    kinds = {path.suffix for path in (HOME / "rules").rglob("*") if path.is_file()}
    assert kinds <= {".yaml", ".csv", ".md"}


@pytest.mark.parametrize("folder", IDENTIFIERS)
def test_no_network_host_is_named_but_identifiers_and_the_sources_of_evidence(folder):
    for path in text_files(folder):
        for scheme, host in re.findall(r"\b(https?|wss?|ftp)://([\w.-]+)", path.read_text(encoding="utf-8")):
            documented = path in (HOME / "rules" / "evidence.yaml", HOME / "rules" / "INDEX.md") and scheme == "https"
            local = host in ("127.0.0.1", "localhost")
            assert documented or local or host in IDENTIFIERS[folder], f"{name_of(path)} names {scheme}://{host}"


def test_no_text_file_holds_a_path_of_somebodys_machine():
    machine = re.compile(r"(?<![\w.])(/(home|Users|root|work|mnt|tmp)/[\w.]|[A-Z]:\\\\?(Users|Temp)\b)")
    top = [path for path in HOME.iterdir() if path.is_file() and path.suffix in TEXT and path.name != ".git"]
    for path in [*top, *text_files("cds", "rules", "tests", "fhir_fixtures", "benchmarks", "docs", ".ci")]:
        found = machine.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{name_of(path)}: {found.group()}"
