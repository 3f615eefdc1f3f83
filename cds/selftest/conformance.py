"""`python -m cds.selftest.conformance`: docs/conformance.md from docs/conformance.yaml, item by item with the tests that prove it.

Each entry of the YAML file has `item`, `level`, `asks`, and at least one of `tests`, `does_not_apply` (why) and `not_met` (why).
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

SOURCE, PAGE = "conformance.yaml", "conformance.md"
ITEMS = 192
"""How many points the specification was taken apart into; none may get lost."""
_KEYS = {"item", "level", "asks", "tests", "does_not_apply", "not_met"}
_SECTIONS = {"JSON": "Use of JSON", "DOC": "Documentation", "DISC": "Discovery", "REQ": "Requests", "CTX": "Hooks and their context",
             "PFT": "Prefetch templates", "PFD": "Prefetched data", "FAUTH": "Access to the FHIR server", "PERF": "Speed", "RESP": "Responses",
             "CARD": "Cards", "SRC": "Source", "SUG": "Suggestions", "ACT": "Actions", "OVR": "Override reasons", "LINK": "Links",
             "SYS": "System actions", "FB": "Feedback", "SEC": "Security", "JWT": "Trusting clients", "CORS": "Browsers",
             "STALE": "Cards that replace others", "EXT": "Extensions", "COD": "Codings", "HOOK": "Names of hooks", "CRDX": "Da Vinci CRD"}
_HEAD = """# Conformance with CDS Hooks

CDS Hooks 2.0.1 with the 3.0 ballot in view, taken apart into {all} numbered items; those of Da Vinci CRD say so. An item is **met** when a
test proves it, or it says why it **does not apply**, or honestly that it is **not met**. A running service, this one or another,
is checked with `cds selftest URL`.

| met | not met | does not apply |
|---|---|---|
| {met} | {not_met} | {does_not_apply} |

<!-- Written by `python -m cds.selftest.conformance` from conformance.yaml. -->
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing the specification asks, and how this service stands to it: `state` is met, not met or does not apply."""

    number: str
    level: str
    asks: str
    state: str
    why: str
    tests: tuple[str, ...]


def items(path: Path) -> list[Item]:
    """The items of a file; ValueError names the first entry that cannot be used."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list):
        raise ValueError(f"{path}: not a list of items")
    return [_item(entry, f"{path}: entry {place}") for place, entry in enumerate(entries, 1)]


def _item(entry: Any, where: str) -> Item:
    if not isinstance(entry, dict) or not {"item", "level", "asks"} <= entry.keys() <= _KEYS:
        raise ValueError(f"{where}: needs item, level, asks and may have tests, does_not_apply, not_met; nothing else")
    where, tests = f"{where} ({entry['item']})", tuple(entry.get("tests") or ())
    if "does_not_apply" in entry and "not_met" in entry:
        raise ValueError(f"{where}: says both does_not_apply and not_met; keep one")
    state = "does not apply" if "does_not_apply" in entry else "not met" if "not_met" in entry else "met"
    why = str(entry.get("does_not_apply") or entry.get("not_met") or "")
    if not tests and state == "met" or state != "met" and not why:
        raise ValueError(f"{where}: name a test that proves it, or say why it does not apply or is not met")
    return Item(str(entry["item"]), str(entry["level"]), str(entry["asks"]), state, why, tests)


def slips(found: Sequence[Item], root: Path) -> Iterator[str]:
    """What is wrong with the items as a whole: items that are lost or stand twice, and tests that do not exist under `root`."""
    if len(found) != ITEMS:
        yield f"{len(found)} items instead of {ITEMS}"
    yield from (f"{number}: stands {times} times" for number, times in Counter(one.number for one in found).items() if times > 1)
    known: dict[str, set[str]] = {}
    for one in found:
        if one.number.partition("-")[0] not in _SECTIONS:
            yield f"{one.number}: belongs to no section"
        for test in one.tests:
            file, _, name = test.partition("::")
            if file not in known:
                known[file] = _functions(root / file)
            if name not in known[file]:
                yield f"{one.number}: there is no test `{test}`"


def _functions(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def page(found: Sequence[Item]) -> str:
    """The page for people, in Markdown: what is not met first, then every item by section."""
    counts = Counter(one.state for one in found)
    head = _HEAD.format(all=len(found), met=counts["met"], not_met=counts["not met"], does_not_apply=counts["does not apply"])
    parts = [head, "## Not met\n", _table([one for one in found if one.state == "not met"])]
    for prefix, title in _SECTIONS.items():
        here = [one for one in found if one.number.partition("-")[0] == prefix]
        if here:
            parts += [f"## {title}\n", _table(here)]
    return "\n".join(parts)


def _table(found: Sequence[Item]) -> str:
    rows = (f"| {one.number} | {_cell(one.asks)} | {one.level} | {_standing(one)} |" for one in found)
    return "\n".join(["| item | asks | level | how it stands |", "|---|---|---|---|", *rows, ""])


def _standing(one: Item) -> str:
    said = [] if one.state == "met" else [f"**{one.state}**: {_cell(one.why)}"]
    for test in one.tests:
        file, _, name = test.partition("::")
        said.append(f"[{name.removeprefix('test_').replace('_', ' ')}](../{file})")
    return "<br>".join(said)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(
    folder: Annotated[Path, typer.Argument(help="Folder with conformance.yaml; the tests stand beside it.")] = Path("docs"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 where something is wrong or the page is outdated.")] = False,
) -> None:
    """Write docs/conformance.md: every item of the specification with the test that proves it."""
    try:
        found = items(folder / SOURCE)
    except (OSError, ValueError, yaml.YAMLError) as error:
        sys.stderr.write(f"conformance: {error}\n")
        raise typer.Exit(2) from None
    wrong = [*slips(found, folder.resolve().parent)]
    target = folder / PAGE
    outdated = not target.is_file() or target.read_text(encoding="utf-8") != page(found)
    if outdated and not check and not wrong:
        target.write_text(page(found), encoding="utf-8", newline="\n")
        print(f"{target} written")
    elif outdated and not wrong:
        wrong.append(f"{target} is not what {SOURCE} says; run `python -m cds.selftest.conformance`")
    sys.stdout.write("".join(f"{one}\n" for one in wrong))
    raise typer.Exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(main)
