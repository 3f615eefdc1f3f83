"""Read the term files and tables of a rules folder."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from cds.rulefile import shape, source
from cds.rulefile.problems import Problem, did_you_mean
from cds.rulefile.source import Node
from cds.quantities import quantity
from cds.rulefile.language import RESULTS
from cds.rulefile.rule import Comparison
from cds.terms.model import Outcome, Product, Term

_SNOMED_KEY = re.compile(rf" (for [0-9]+ days|{'|'.join(RESULTS)})$")
"""What may follow a term's name in the SNOMED CT files: how long the codes stay true, or the result they stand for."""
_LISTS = ("terms", "ingredients", "icd10cm", "except_icd10cm", "acute_icd10cm", "icd10cm_by_name", "unii", "loinc", "names", "not_names",
          "only_routes", "except_routes", "forms")


def read_terms(folders: Iterable[Path], problems: list[Problem]) -> tuple[dict[str, Term], dict[str, Node]]:
    """Every term of every folder, with the node it was read from; later folders may add terms, never change one."""
    terms: dict[str, Term] = {}
    nodes: dict[str, Node] = {}
    snomed: dict[str, Node] = {}
    unsound: set[str] = set()
    for folder in folders:
        for path in sorted((folder / "terms" / "snomed").glob("[!.]*.yaml")):
            snomed |= _snomed(path, problems)
    codes = {key: _codes(node) for key, node in snomed.items()}
    for folder in folders:
        for path in sorted((folder / "terms").glob("[!.]*.yaml")):
            root = source.read(path, problems)
            sound = shape.sound("terms", root, problems) if root is not None else {}
            unsound |= root.mapping.keys() - sound.keys() if root is not None else {UNREAD}
            for name, node in sound.items():
                if name in terms:
                    problems.append(Problem(root.key_place(name), "duplicate-key", f"the term `{name}` already exists in {nodes[name].place.path}",
                                            "Give it another name, or change the first one."))
                terms[name], nodes[name] = _term(name, node, codes), node
    _check_included(terms, nodes, unsound, problems)
    _check_snomed(snomed, terms, problems)
    return terms, nodes


def _snomed(path: Path, problems: list[Problem]) -> dict[str, Node]:
    root = source.read(path, problems)
    for node in (root.mapping if root else {}).values():
        if not node.items or any(not entry.text for entry in node.items):
            problems.append(Problem(node.place, "bad-form", "here stands a list of SNOMED CT codes", "Write one `- ` and a code on each line."))
        for entry in node.items:
            if entry.text and not verhoeff(_code(entry.text)):
                problems.append(Problem(entry.place, "code-unknown", f"`{_code(entry.text)}` is not a SNOMED CT code (check digit)",
                                        "Copy the code again from its source."))
    return dict(root.mapping) if root else {}


def _codes(node: Node | None) -> tuple[str, ...]:
    return tuple(_code(entry.text) for entry in node.items) if node else ()


def _check_snomed(snomed: dict[str, Node], terms: dict[str, Term], problems: list[Problem]) -> None:
    """Codes of a term that does not exist would never be found in a chart."""
    if not any(problem.level == "error" for problem in problems):
        for name, node in snomed.items():
            if _SNOMED_KEY.sub("", name) not in terms:
                problems.append(Problem(node.place, "unknown-term", f"there is no term `{name}` to which these codes belong",
                                        did_you_mean(name, terms, "Add the term beside this folder, or delete its codes.")))


def _term(name: str, node: Node, snomed: dict[str, tuple[str, ...]]) -> Term:
    includes = node.mapping["includes"]
    lists = {key: tuple(entry.text for entry in (includes.get(key) or Node([], node.place)).items) for key in _LISTS}
    asked, lasts = node.get("asked_for_as"), node.get("lasts")
    return Term(
        name=name, kind=node.mapping["kind"].text, says=node.mapping["says"].text, version=node.mapping["version"].text,
        ingredients=tuple(_ingredient(text) for text in lists["ingredients"]), terms=lists["terms"],
        only_routes=frozenset(lists["only_routes"]), except_routes=frozenset(lists["except_routes"]), forms=frozenset(lists["forms"]),
        icd10cm=tuple(map(undotted, lists["icd10cm"])), except_icd10cm=tuple(map(undotted, lists["except_icd10cm"])),
        acute_icd10cm=tuple(map(undotted, lists["acute_icd10cm"])), icd10cm_by_name=tuple(map(undotted, lists["icd10cm_by_name"])),
        unii=tuple(map(_code, lists["unii"])), snomed=_all_snomed(name, snomed), loinc=tuple(map(_code, lists["loinc"])),
        names=lists["names"], not_names=lists["not_names"], asked_for_as=asked.text if asked else node.mapping["says"].text,
        sent_in=tuple(entry.text for entry in (node.get("sent_in") or Node([], node.place)).items),
        lasts=_days(lasts.text) if lasts else None, lasts_less=_lasts_less(name, node, snomed), results=_results(name, node, snomed))


def _days(text: str) -> int:
    return int(text.split()[0])


def _all_snomed(name: str, snomed: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(code for key, codes in snomed.items() if key == name or key.startswith(f"{name} for ") for code in codes)


def _lasts_less(name: str, node: Node, snomed: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """Codes that stay true for fewer days than their term: of the term file, and of `TERM for N days` in the SNOMED CT files."""
    found = {undotted(code.text): _days(days) for days, codes in (node.get("lasts_less") or Node({}, node.place)).mapping.items()
             for code in codes.items}
    start = f"{name} for "
    return found | {code: _days(key.removeprefix(start)) for key, codes in snomed.items() if key.startswith(start) for code in codes}


def _results(name: str, node: Node, snomed: dict[str, tuple[str, ...]]) -> dict[str, Outcome]:
    """How a test tells its results; their SNOMED CT codes stand as `TERM positive` in the SNOMED CT files."""
    found = {}
    for result, entry in (node.get("results") or Node({}, node.place)).mapping.items():
        listed = {key: [one.text for one in (entry.get(key) or Node([], entry.place)).items] for key in ("codes", "words")}
        amount = entry.get("amount")
        found[result] = Outcome(frozenset((*listed["codes"], *snomed.get(f"{name} {result}", ()))),
                                frozenset(word.casefold() for word in listed["words"]), _comparison(amount.text) if amount else None)
    assert found.keys() <= set(RESULTS)
    return found


def _comparison(text: str) -> Comparison:
    how = " ".join(text.split()[:-2])
    return Comparison(how, quantity(text.removeprefix(how).strip()))


UNREAD = ""
"""Stands among the unsound terms for all those of a file that cannot be read."""


def _check_included(terms: dict[str, Term], nodes: dict[str, Node], unsound: set[str], problems: list[Problem]) -> None:
    for name, term in terms.items():
        includes = nodes[name].mapping["includes"]
        for entry in (includes.get("terms") or Node([], includes.place)).items:
            other = terms.get(entry.text)
            if other is None and unsound & {entry.text, UNREAD}:
                continue  # its own problem is named where it stands
            if other is None or other.kind != term.kind:
                problems.append(Problem(entry.place, "unknown-term", f"`{entry.text}` is not a {term.kind} term",
                                        did_you_mean(entry.text, terms, "Add the term, or include its members here.")))
        for entry in (includes.get("loinc") or Node([], includes.place)).items:
            if not loinc_check_digit(_code(entry.text)):
                problems.append(Problem(entry.place, "code-unknown", f"`{_code(entry.text)}` is not a LOINC code (check digit)",
                                        "Copy the code again from its source."))


def _code(text: str) -> str:
    return text.split(" ", 1)[0]


def _ingredient(text: str) -> str:
    return re.sub(r" [0-9]+$", "", text)


def undotted(code: str) -> str:
    """An ICD-10-CM code as it is compared: upper case, without dot or blanks."""
    return code.replace(".", "").strip().upper()


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of one table beside the term files; empty when a folder has none."""
    path = folder / "terms" / name
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def products(folder: Path) -> dict[str, Product]:
    """The product table of a folder, by RxCUI."""
    return {row["rxcui"]: Product(tuple(row["ingredients"].split("+")), row["route"], row["form"], row["strength"])
            for row in rows(folder, "products.csv")}


_D5 = ("0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043",
       "8765932104", "9876543210")
_P8 = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")


def verhoeff(code: str) -> bool:
    """Whether a SNOMED CT identifier has a right check digit (SNOMED CT Release File Specification, Verhoeff)."""
    if not re.fullmatch(r"[0-9]{6,18}", code):
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_D5[check][int(_P8[place % 8][int(digit)])])
    return check == 0


@lru_cache(maxsize=4096)
@lru_cache(maxsize=4096)
def loinc_check_digit(code: str) -> bool:
    """Whether a LOINC code has a right check digit (LOINC Users' Guide, mod 10)."""
    match = re.fullmatch(r"([0-9]{1,7})-([0-9])", code)
    if match is None:
        return False
    total = sum(sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(reversed(match[1])))
    return (10 - total % 10) % 10 == int(match[2])
