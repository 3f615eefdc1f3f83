"""What the name of a drug tells about its route and form."""

from __future__ import annotations

import re

_LETTERS = re.compile(r"[a-z]+")
_DEPOTS = frozenset(("depot", "vivitrol", "sublocade", "brixadi"))
_ROUTES = (
    ("transdermal", frozenset(("patch", "transdermal"))), ("rectal", frozenset(("rectal", "suppository"))),
    ("local", frozenset(("cream", "ointment", "gel", "lotion", "topical", "ophthalmic", "otic"))),
    ("", frozenset("eye ear injector autoinjector pen epipen lidocaine articaine bupivacaine mepivacaine prilocaine".split())),
    ("nasal", frozenset(("nasal",))), ("inhaled", frozenset(("inhaler", "inhalation", "nebulizer", "nebuliser"))),
    ("oral", frozenset(("oral", "tablet", "tablets", "tab", "tabs", "capsule", "capsules", "cap", "caps", "syrup", "mouth"))),
    ("parenteral", frozenset(("injection", "injectable", "infusion", "iv", "intravenous", "im", "intramuscular", "subcutaneous"))))
"""Route -> words of a drug's name that tell it, the first that fits; pens and dental anaesthetics leave it open."""


def told_form(label: str) -> str:
    """The form that the name of a drug tells: `depot`, `extended-release`, or empty."""
    tokens = f" {label.casefold().replace('-', ' ')} "
    marks = (" extended release ", " er ", " xr ", " sr ", " cr ", " 12 hr ", " 24 hr ", " 12hr ", " 24hr ")
    released = any(mark in tokens for mark in marks)
    if _DEPOTS.intersection(tokens.split()) or (released and told_route(label) == "parenteral"):
        return "depot"
    return "extended-release" if released else ""


def told_route(label: str) -> str:
    """The route that the name of a drug tells; empty where it tells none."""
    words = set(_LETTERS.findall(label.casefold()))
    for found, marks in _ROUTES:
        if words & marks:
            return found
    return ""
