"""The answer to one clause: its value, the records behind it, and what was missing.

Hundreds of these are made, compared and hashed for each request, which named tuples do several times as fast as dataclasses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cds.engine.formula import NO, SOFT, UNKNOWN, YES
from cds.facts.model import LISTS, PatientFacts


class Because(NamedTuple):
    """One record that speaks for an answer: its reference, what it says, and how it was matched (empty for amounts)."""

    resource: str
    text: str
    matched: str = ""


class Missing(NamedTuple):
    """Something needed and not available; `unreadable` when a list failed, `on_the_day` when it is due before the infusion."""

    thing: str
    reason: str
    unreadable: bool = False
    on_the_day: bool = False

    def __str__(self) -> str:
        return f"{self.thing}: {self.reason}"


class Answer(NamedTuple):
    """3 yes, 2 soft yes, 1 unknown, 0 no; with evidence, what was missing, and why a yes is soft."""

    value: int
    because: tuple[Because, ...] = ()
    missing: tuple[Missing, ...] = ()
    doubts: tuple[str, ...] = ()


class Hit(NamedTuple):
    """How one record answers a clause about a list; `against` are records that speak against it."""

    value: int
    because: Because
    doubts: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    against: tuple[Because, ...] = ()


FLAT_NO, FLAT_YES = Answer(NO), Answer(YES)


def listed(name: str, hits: Iterable[Hit], facts: PatientFacts) -> Answer:
    """The answer of a clause over a closed list: a hit counts, no hit is a no only where the list was read completely."""
    found = [hit for hit in hits if hit.value > NO]
    if not found:
        return without_a_hit(name, facts)
    if len(found) == 1 and found[0].value >= SOFT:
        value, because, doubts, _, against = found[0]
        return Answer(value, (because, *against), (), tuple(dict.fromkeys(doubts)) if value == SOFT else ())
    best = max([hit.value for hit in found])
    if best >= SOFT:
        shown = sorted((hit for hit in found if hit.value >= SOFT), key=lambda hit: (-hit.value, hit.because.text, hit.because.resource))
        return Answer(best, tuple(one for hit in shown for one in (hit.because, *hit.against)), (),
                      tuple(dict.fromkeys(doubt for hit in shown if hit.value == SOFT for doubt in hit.doubts)) if best == SOFT else ())
    missing = (*(one for hit in found for one in hit.missing), *without_a_hit(name, facts).missing)
    return Answer(UNKNOWN, (), tuple(dict.fromkeys(missing))) if missing else FLAT_NO


def without_a_hit(name: str, facts: PatientFacts) -> Answer:
    """The answer where a list holds nothing that counts, the same for every clause over it."""
    found = facts.memo.get(name)
    if found is None:
        missing = unread(name, facts)
        found = facts.memo[name] = Answer(UNKNOWN, (), tuple(dict.fromkeys(missing))) if missing else FLAT_NO
    return found


def not_read(name: str, facts: PatientFacts) -> Missing | None:
    """Why a list was not read; None where it was."""
    state = facts.lists.get(name)
    if state is not None and state.read:
        return None
    return Missing(LISTS[name], state.reason if state else "not sent by the EHR", unreadable=True)


def unread(name: str, facts: PatientFacts) -> list[Missing]:
    """What keeps a list from proving absence: not read, or entries that cannot be told."""
    failed = not_read(name, facts)
    missing = [] if failed is None else [failed]
    if failed is None and facts.lists[name].open:
        missing.append(Missing(LISTS[name], facts.lists[name].open))
    if name == "medications" and facts.unclassified:
        count = len(facts.unclassified)
        what = "1 medication" if count == 1 else f"{count} medications"
        missing.append(Missing(LISTS[name], f"{what} could not be classified ({', '.join(facts.unclassified[:3])})", unreadable=True))
    missing += [Missing(LISTS[name], f"{one.what} ({one.ref})" if one.ref else one.what, unreadable=True)
                for one in facts.unreadable if one.list == name and name != "observations"]
    return missing
