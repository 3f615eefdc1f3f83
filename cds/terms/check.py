"""What is wrong with terms beside their shape: terms that include themselves, ICD-10-CM codes that do not exist."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from cds.rulefile.circles import circles, said
from cds.rulefile.problems import Place, Problem
from cds.rulefile.source import Node
from cds.terms.load import rows, undotted
from cds.terms.model import Term

_ICD_LISTS = ("icd10cm", "except_icd10cm", "acute_icd10cm")
_CHECKED = 5
"""So many characters of an ICD-10-CM code, without its dot, stand in icd10cm.csv; what follows is not checked."""
_TABLES = {"ingredients.csv": ("name", "rxcui"), "names.csv": ("name", "ingredients"), "products.csv": ("rxcui", "ingredients", "route", "form", "strength"),
           "icd10cm.csv": ("category", "continues")}


def check_tables(folders: Iterable[Path], problems: list[Problem]) -> bool:
    """Note every table beside the term files that cannot be read; True when all can."""
    before = len(problems)
    for path in [folder / "terms" / name for folder in folders for name in _TABLES]:
        if path.exists() or path.is_symlink():
            wanted, fix = _TABLES[path.name], f"Give every row the columns {', '.join(_TABLES[path.name])}, separated by commas, as UTF-8."
            try:
                with path.open(encoding="utf-8", newline="") as file:
                    lines = csv.reader(file)
                    if tuple(next(lines, ())) != wanted:
                        problems.append(Problem(Place(path), "bad-form", "the first row does not name the columns of this table", fix))
                        continue
                    wrong = next((lines.line_num for row in lines if row and len(row) != len(wanted)), None)
                    if wrong is not None:
                        problems.append(Problem(Place(path, wrong), "bad-form", f"this row has not {len(wanted)} columns", fix))
            except (OSError, UnicodeDecodeError, csv.Error) as error:
                problems.append(Problem(Place(path), "bad-form", f"the table cannot be read: {getattr(error, 'strerror', None) or type(error).__name__}", fix))
    return len(problems) == before


def check_terms(terms: Mapping[str, Term], nodes: Mapping[str, Node], folders: Iterable[Path], problems: list[Problem]) -> None:
    """Note terms that include themselves and ICD-10-CM codes that are not in the tables of the folders."""
    _circles(terms, nodes, problems)
    table = {row["category"]: row["continues"] for folder in folders for row in rows(folder, "icd10cm.csv")}
    if not table:
        return
    known = {category + one for category, text in table.items() for one in _prefixes(text)}
    for name in terms:
        includes = nodes[name].mapping["includes"]
        for key in _ICD_LISTS:
            for entry in (includes.get(key) or Node([], includes.place)).items:
                if undotted(entry.text)[:_CHECKED] not in known:
                    problems.append(Problem(entry.place, "code-unknown", f"`{entry.text}` is not a code of ICD-10-CM, nor the start of one",
                                            "Look the code up again; a prefix stands for every code below it."))


def _prefixes(text: str) -> set[str]:
    """What may follow a category: nothing, a fourth character, and each fifth that stands behind it."""
    groups = text.split()
    return {"", *(group[0] for group in groups), *(group[0] + fifth for group in groups for fifth in group[1:])}


def _circles(terms: Mapping[str, Term], nodes: Mapping[str, Node], problems: list[Problem]) -> None:
    for circle in circles({name: term.terms for name, term in terms.items()}):
        included = nodes[circle[0]].mapping["includes"].mapping["terms"].items
        place = next(entry.place for entry in included if entry.text == circle[1])
        problems.append(Problem(place, "circular-term", said(circle, "includes"), "Take one of them out of the other."))
