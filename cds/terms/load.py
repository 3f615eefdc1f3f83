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
from cds.terms.model import Product, Term

_LISTS = ("terms", "ingredients", "icd10cm", "except_icd10cm", "acute_icd10cm", "icd10cm_by_name", "unii", "loinc", "names", "not_names",
          "only_routes", "except_routes", "forms")


def read_terms(folders: Iterable[Path], problems: list[Problem]) -> tuple[dict[str, Term], dict[str, Node]]:
    """Every term of every folder, with the node it was read from; later folders may add terms, never change one."""
    terms: dict[str, Term] = {}
    nodes: dict[str, Node] = {}
    snomed: dict[str, tuple[str, ...]] = {}
    for folder in folders:
        for path in sorted((folder / "terms" / "snomed").glob("*.yaml")):
            snomed |= _snomed(path, problems)
    for folder in folders:
        for path in sorted((folder / "terms").glob("*.yaml")):
            root = source.read(path, problems)
            if root is None or not shape.check("terms", root, problems):
                continue
            for name, node in root.mapping.items():
                if name in terms:
                    problems.append(Problem(root.key_place(name), "duplicate-key", f"the term `{name}` already exists in {nodes[name].place.path}",
                                            "Give it another name, or change the first one."))
                terms[name], nodes[name] = _term(name, node, snomed.get(name, ())), node
    _check_included(terms, nodes, problems)
    return terms, nodes


def _snomed(path: Path, problems: list[Problem]) -> dict[str, tuple[str, ...]]:
    root = source.read(path, problems)
    found = {}
    for name, node in (root.mapping if root else {}).items():
        for entry in node.items:
            if not verhoeff(_code(entry.text)):
                problems.append(Problem(entry.place, "code-unknown", f"`{_code(entry.text)}` is not a SNOMED CT code (check digit)",
                                        "Copy the code again from its source."))
        found[name] = tuple(_code(entry.text) for entry in node.items)
    return found


def _term(name: str, node: Node, snomed: tuple[str, ...]) -> Term:
    includes = node.mapping["includes"]
    lists = {key: tuple(entry.text for entry in (includes.get(key) or Node([], node.place)).items) for key in _LISTS}
    asked = node.get("asked_for_as")
    return Term(
        name=name, kind=node.mapping["kind"].text, says=node.mapping["says"].text, version=node.mapping["version"].text,
        ingredients=tuple(_ingredient(text) for text in lists["ingredients"]), terms=lists["terms"],
        only_routes=frozenset(lists["only_routes"]), except_routes=frozenset(lists["except_routes"]), forms=frozenset(lists["forms"]),
        icd10cm=tuple(map(undotted, lists["icd10cm"])), except_icd10cm=tuple(map(undotted, lists["except_icd10cm"])),
        acute_icd10cm=tuple(map(undotted, lists["acute_icd10cm"])), icd10cm_by_name=tuple(map(undotted, lists["icd10cm_by_name"])),
        unii=tuple(map(_code, lists["unii"])), snomed=snomed, loinc=tuple(map(_code, lists["loinc"])),
        names=lists["names"], not_names=lists["not_names"], asked_for_as=asked.text if asked else node.mapping["says"].text,
        sent_in=tuple(entry.text for entry in (node.get("sent_in") or Node([], node.place)).items))


def _check_included(terms: dict[str, Term], nodes: dict[str, Node], problems: list[Problem]) -> None:
    for name, term in terms.items():
        includes = nodes[name].mapping["includes"]
        for entry in (includes.get("terms") or Node([], includes.place)).items:
            other = terms.get(entry.text)
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
def loinc_check_digit(code: str) -> bool:
    """Whether a LOINC code has a right check digit (LOINC Users' Guide, mod 10)."""
    match = re.fullmatch(r"([0-9]{1,7})-([0-9])", code)
    if match is None:
        return False
    total = sum(sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10)) for place, digit in enumerate(reversed(match[1])))
    return (10 - total % 10) % 10 == int(match[2])
