"""The route of an order in the words of the rule format.

Route codes are SNOMED CT as in the FHIR R4 value set route-codes; names are what order entry screens print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cds.fhir import read

_CODES = {
    "47625008": "intravenous", "78421000": "intramuscular", "34206005": "subcutaneous", "26643006": "oral", "46713006": "nasal",
    "6064005": "topical", "37161004": "rectal", "45890007": "transdermal", "37839007": "other", "54471007": "other",
    "iv": "intravenous", "ivpb": "intravenous", "ivp": "intravenous", "im": "intramuscular", "sc": "subcutaneous", "po": "oral",
    "nasinhlc": "nasal",
}
_NAMES = (
    ("intravenous", r"\b(intravenous\w*|iv|i\.v\.|ivpb|ivp|infusion)(\b|\s|$)"), ("intramuscular", r"\b(intramuscular\w*|im|i\.m\.)(\b|\s|$)"),
    ("subcutaneous", r"\b(subcutaneous\w*|subq|sub-q|sc|s\.c\.)(\b|\s|$)"), ("nasal", r"\b(nasal\w*|intranasal\w*|nasally)\b"),
    ("oral", r"\b(oral\w*|by mouth|po|p\.o\.|tablet|capsule|troche|lozenge)(\b|\s|$)"),
    ("other", r"\b(sublingual\w*|buccal\w*|intrathecal\w*|epidural\w*|intra-?osseous|inhal\w*)\b"),
    ("topical", r"\b(topical\w*|cream|ointment|gel|cutaneous)\b"), ("rectal", r"\b(rectal\w*|suppository)\b"),
    ("transdermal", r"\b(transdermal\w*|patch)\b"),
)
_PATTERNS = tuple((route, re.compile(pattern, re.I)) for route, pattern in _NAMES)


def stated(entries: list[dict[str, Any]]) -> str:
    """The route that dosage entries state; empty when none does or in words nobody can read; intravenous wins over others."""
    found = [route for route in map(_of_entry, entries) if route]
    return "intravenous" if "intravenous" in found else found[0] if found else ""


def _of_entry(entry: dict[str, Any]) -> str:
    codings, said = read.concept(entry.get("route"))
    for _, code, _ in codings:
        if code.lower() in _CODES:
            return _CODES[code.lower()]
    return next((route for route in (named(label) for label in (said, *(display for _, _, display in codings)) if label) if route), "")


def named(label: str) -> str:
    """The route a product name or dosage text mentions; empty when it mentions none."""
    return next((route for route, pattern in _PATTERNS if pattern.search(label)), "")


def of_order(resource: Mapping[str, Any], entries: list[dict[str, Any]], product_route: str, label: str) -> str:
    """The best reading of an order's route: stated, else from product or text; empty when nothing says."""
    said = stated(entries)
    if said:
        return said
    by_text = next((named(read.text(entry.get("text"))) for entry in entries if read.text(entry.get("text"))), "")
    return by_text or {"nasal": "nasal", "oral": "oral", "local": "topical", "rectal": "rectal"}.get(product_route, "") or named(label)
