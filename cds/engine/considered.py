"""What a chart or an order holds for a clause, also where it does not make the answer a yes: the near misses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from cds.engine import clauses
from cds.engine.answers import Because
from cds.facts.model import LISTS, Order, PatientFacts
from cds.quantities import Quantity
from cds.rulefile.language import VERBS
from cds.rulefile.rule import Clause, Comparison
from cds.terms.model import Term

_MOST = 5
"""Records named for one clause; the rest is counted."""


def considered(clause: Clause, facts: PatientFacts, order: Order, terms: Mapping[str, Term]) -> tuple[Because, ...]:
    """The records a clause looked at, whatever it made of them; for lists without one, that there was none."""
    if clause.verb == "at":
        return (Because("", f"the hook is {facts.hook}"),)
    if clause.verb == "ordering":
        return (Because(order.ref, f"{order.text}, route {order.route or 'not stated'}" + ("" if order.reason_known else ", reason not known")),)
    if clause.verb in ("age", "sex"):
        said = facts.sex if clause.verb == "sex" else facts.birth.text if facts.birth else None
        return (Because("", f"{'sex' if clause.verb == 'sex' else 'birth date'} {said}"),) if said else ()
    if VERBS[clause.verb].about_order:
        return _stated(clause, facts, order, terms)
    return _listed(clause, facts)


def _stated(clause: Clause, facts: PatientFacts, order: Order, terms: Mapping[str, Term]) -> tuple[Because, ...]:
    """The amounts an order states: what the clause would name if any amount were enough."""
    if not isinstance(clause.head, Comparison):
        return ()
    unit = clause.head.amount
    anything = Comparison("at least", Quantity(Fraction(0), unit.unit, unit.dimension))
    return clauses.of_order(replace(clause, head=anything), order, facts, dict(terms), {}).because


def _listed(clause: Clause, facts: PatientFacts) -> tuple[Because, ...]:
    if VERBS[clause.verb].of_list:
        return _whole(str(clause.head), facts)
    name = VERBS[clause.verb].reads
    known = {"medications": facts.medications, "conditions": facts.conditions, "allergies": facts.allergies,
             "observations": facts.measurements}.get(name)
    if known is None:
        return ()
    heads = clause.head if isinstance(clause.head, tuple) else (str(clause.head),)
    records = [one for head in heads for one in known.get(head, ())]
    if name == "observations":
        records = sorted(records, key=lambda one: (one.taken.latest, one.ref), reverse=True)
    found = tuple(dict.fromkeys(Because(one.ref, one.text) for one in records))
    more = (Because("", f"and {len(found) - _MOST} more"),) if len(found) > _MOST else ()
    return found[:_MOST] + more if found else (Because("", f"nothing of this in the {LISTS[name]}"),)


def _whole(name: str, facts: PatientFacts) -> tuple[Because, ...]:
    found = facts.recorded.get(name)
    if found is None:
        return ()
    count = f"{'entries' if found.entries else 'only refuted entries' if found.refuted else 'no entry'} in the {LISTS[name]}"
    return (Because("", count), *((Because(found.ref, found.text),) if found.text else ()))
