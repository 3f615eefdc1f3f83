"""Clauses over the order under evaluation: drug, route, reason, dose, rate, duration, strength."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from cds.engine.answers import FLAT_NO, Answer, Because, Missing
from cds.engine.formula import UNKNOWN, YES
from cds.engine.measured import is_complete, latest
from cds.facts.model import Dose, Order, PatientFacts
from cds.quantities import Quantity, decimal, holds, quantity
from cds.rulefile.language import NOT_READABLE, WITHOUT_STRENGTH
from cds.rulefile.rule import Clause, Comparison

WEIGHT = "body-weight"
_Amount = tuple[Fraction, str] | Missing
Memo = dict[object, list[_Amount]]
"""Amounts of one order that were already worked out."""
_WEIGHT_WITHIN = quantity("90 days")
_INJECTED = ("intravenous", "intramuscular", "subcutaneous")
_AT_ONCE = Fraction(10**9)  # the rate of a push: above every limit


def ordering(clause: Clause, order: Order) -> Answer:
    """The order is for a drug of a term, by a route, for a reason.  A racemic order without a route is read as intravenous."""
    if order.unclear:
        return Answer(UNKNOWN, (), (Missing(order.what, order.unclear, unreadable=True),))
    if clause.head not in order.terms:
        return FLAT_NO
    wanted = clause.word("for")
    if wanted is not None and not any(wanted in reason for reason in order.reasons):
        return FLAT_NO
    asked = clause.word("by_route")
    note = ""
    if asked is not None and order.route != asked:
        if order.route or asked not in _INJECTED:
            return FLAT_NO
        if "ketamine" not in order.terms:
            return Answer(UNKNOWN, (), (Missing("route of the order", "not stated"),))
        if asked != "intravenous":
            return FLAT_NO
        note = "; route not stated, read as intravenous"
    return Answer(YES, (Because(order.ref, order.text + note, order.terms[clause.head]),))


def order_dose(clause: Clause, order: Order, facts: PatientFacts, memo: Memo) -> Answer:
    """A single dose in mg, or in mg/kg with a weight, compares as asked; or it cannot be read at all."""
    if clause.head == WITHOUT_STRENGTH:
        return _without_strength(order)
    if clause.head == NOT_READABLE:
        return _not_readable(order)
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    amount, unit = (_mass, "mg") if wanted.amount.dimension == "mass" else (_per_kg, "mg/kg")
    return _compare(clause, wanted, _remembered(unit, amount, clause, order, facts, memo), order, unit)


def _remembered(unit: str, amount: Callable[[Dose, Order, PatientFacts, Clause], _Amount], clause: Clause, order: Order,
                facts: PatientFacts, memo: Memo) -> list[_Amount]:
    """The amounts of an order, worked out once for all clauses that compare them."""
    key = (unit, clause.word("weight_within"))
    if key not in memo:
        memo[key] = [amount(dose, order, facts, clause) for dose in order.doses]
    return memo[key]


def order_rate(clause: Clause, order: Order, facts: PatientFacts, memo: Memo) -> Answer:
    """The rate in mg/h, or in mg/kg/h with a weight, compares as asked."""
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    amount, unit = (_rate_per_kg, "mg/kg/h") if wanted.amount.dimension == "dose rate" else (_rate, "mg/h")
    return _compare(clause, wanted, _remembered(unit, amount, clause, order, facts, memo), order, unit)


def order_duration(clause: Clause, order: Order) -> Answer:
    """The infusion time compares as asked; a bolus or push takes no time."""
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    amounts = [_duration(dose, order) for dose in order.doses]
    answer = _compare(clause, wanted, amounts, order, "min", Fraction(60))
    return FLAT_NO if answer.value == UNKNOWN and clause.word("if_absent") == "no" else answer


def order_strength(clause: Clause, order: Order) -> Answer:
    """The product's concentration compares as asked and the order names no diluent."""
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    if order.diluted:
        return FLAT_NO
    if order.strength is None:
        return FLAT_NO if clause.word("if_absent") == "no" else Answer(UNKNOWN, (), (Missing("strength of the product", "not stated"),))
    if not holds(order.strength, wanted.how, wanted.amount.value):
        return FLAT_NO
    return Answer(YES, (Because(order.ref, f"product of {decimal(order.strength)} mg/mL, no diluent in the order"),))



def _compare(clause: Clause, wanted: Comparison, amounts: list[_Amount], order: Order, unit: str, scale: Fraction = Fraction(1)) -> Answer:
    slack = clause.word("by_more_than")
    limit = wanted.amount.value * (1 + slack.value / 100 if isinstance(slack, Quantity) else 1)
    known = [one for one in amounts if not isinstance(one, Missing)]
    hits = [one for one in known if holds(one[0], wanted.how, limit)]
    if hits:
        return Answer(YES, tuple(Because(order.ref, how if value == _AT_ONCE else f"{how} = {decimal(value * scale)} {unit}")
                                 for value, how in hits))
    missing = [one for one in amounts if isinstance(one, Missing)]
    if not amounts:
        missing = [Missing("dose of the order" if unit.startswith("mg") else "infusion time of the order", "not stated")]
    return Answer(UNKNOWN, (), tuple(dict.fromkeys(missing))) if missing else FLAT_NO


def _mass(dose: Dose, order: Order, facts: PatientFacts, clause: Clause) -> _Amount:
    if dose.mass is not None:
        return dose.mass, "dose"
    if dose.volume is not None and order.strength is not None:
        return dose.volume * order.strength, f"{decimal(dose.volume)} mL of {decimal(order.strength)} mg/mL"
    rate = dose.rate if dose.rate is not None else dose.flow * order.strength if dose.flow is not None and order.strength else None
    if rate is not None and dose.duration is not None:
        return rate * dose.duration, f"{decimal(rate)} mg/h over {decimal(dose.duration * 60)} min"
    weight = _weight(facts, clause)
    per_kg = dose.per_kg
    if per_kg is None and dose.rate_per_kg is not None and dose.duration is not None:
        per_kg = dose.rate_per_kg * dose.duration
    if per_kg is not None and not isinstance(weight, Missing):
        return per_kg * weight[0], f"{decimal(per_kg)} mg/kg x {weight[1]}"
    if per_kg is not None:
        return weight
    return Missing("dose of the order", dose.unreadable or ("volume without a strength" if dose.volume is not None else "not stated"))


def _per_kg(dose: Dose, order: Order, facts: PatientFacts, clause: Clause) -> _Amount:
    if dose.per_kg is not None:
        return dose.per_kg, "dose"
    if dose.rate_per_kg is not None and dose.duration is not None:
        return dose.rate_per_kg * dose.duration, f"{decimal(dose.rate_per_kg)} mg/kg/h over {decimal(dose.duration * 60)} min"
    mass = _mass(dose, order, facts, clause)
    if isinstance(mass, Missing):
        return mass
    weight = _weight(facts, clause)
    return weight if isinstance(weight, Missing) else (mass[0] / weight[0], f"{decimal(mass[0])} mg / {weight[1]}")


def _rate(dose: Dose, order: Order, facts: PatientFacts, clause: Clause) -> _Amount:
    if dose.rate is not None:
        return dose.rate, "rate"
    return _over_time(_mass(dose, order, facts, clause), _duration(dose, order), "mg")


def _rate_per_kg(dose: Dose, order: Order, facts: PatientFacts, clause: Clause) -> _Amount:
    if dose.rate_per_kg is not None:
        return dose.rate_per_kg, "rate"
    duration = _duration(dose, order)
    if isinstance(duration, Missing) and dose.rate is not None:
        weight = _weight(facts, clause)
        return weight if isinstance(weight, Missing) else (dose.rate / weight[0], f"{decimal(dose.rate)} mg/h / {weight[1]}")
    return _over_time(_per_kg(dose, order, facts, clause), duration, "mg/kg")


def _over_time(amount: _Amount, duration: _Amount, unit: str) -> _Amount:
    if isinstance(duration, Missing):
        return duration
    if isinstance(amount, Missing):
        return amount
    if not duration[0]:
        return _AT_ONCE, "bolus or push"
    return amount[0] / duration[0], f"{decimal(amount[0])} {unit} over {decimal(duration[0] * 60)} min"


def _duration(dose: Dose, order: Order) -> _Amount:
    """Hours; from amount and rate only where both are stated (or volume, flow and strength), never from a rate alone."""
    if dose.duration is not None:
        return dose.duration, "infusion time"
    if dose.bolus:
        return Fraction(0), "bolus or push"
    for amount, rate, how in ((dose.mass, dose.rate, "mg"), (dose.per_kg, dose.rate_per_kg, "mg/kg"), (dose.volume, dose.flow, "mL")):
        if amount is not None and rate:
            return amount / rate, f"{decimal(amount)} {how} at {decimal(rate)} {how}/h"
    if dose.mass is not None and dose.flow and order.strength:
        return dose.mass / (dose.flow * order.strength), f"{decimal(dose.mass)} mg at {decimal(dose.flow)} mL/h of {decimal(order.strength)} mg/mL"
    return Missing("infusion time of the order", "not stated")


def _weight(facts: PatientFacts, clause: Clause) -> tuple[Fraction, str] | Missing:
    window = clause.word("weight_within")
    window = window if isinstance(window, Quantity) else _WEIGHT_WITHIN
    found = latest(WEIGHT, window, facts)
    if found is not None and found[0].dimension == "weight":
        return found[0].value, f"{decimal(found[0].value, 1)} kg ({found[0].taken.day()})"
    if not is_complete(window, facts):
        state = facts.lists.get("observations")
        return Missing("measurements", state.reason if state else "not sent by the EHR", unreadable=True)
    if facts.unusable.get(WEIGHT):
        return Missing("body weight", f"{facts.unusable[WEIGHT][-1].text} could not be used", unreadable=True)
    older = max(facts.measurements.get(WEIGHT, ()), key=lambda one: one.taken.latest, default=None)
    return Missing("body weight", f"none in the last {window}" + (f" (last {older.taken.day()})" if older else ""))


def _without_strength(order: Order) -> Answer:
    found = [dose for dose in order.doses if dose.volume is not None and _has_no_mass(dose)]
    if not found or order.strength is not None:
        return FLAT_NO
    return Answer(YES, tuple(Because(order.ref, f"{decimal(dose.volume)} mL, strength not stated") for dose in found if dose.volume is not None))


def _not_readable(order: Order) -> Answer:
    """No dose at all, or one in a unit that is no mass, mass per kg, or volume of a known strength."""
    if not order.doses:
        return Answer(YES, (Because(order.ref, "no dose stated"),))
    bad = [dose for dose in order.doses if _has_no_mass(dose) and (dose.volume is None or order.strength is None)
           and not (dose.flow is not None and dose.duration is not None and order.strength is not None)]
    return Answer(YES, tuple(dict.fromkeys(Because(order.ref, _bad(dose)) for dose in bad))) if len(bad) == len(order.doses) else FLAT_NO


def _bad(dose: Dose) -> str:
    if dose.unreadable:
        return f"dose {dose.unreadable} cannot be read as mg"
    return f"{decimal(dose.volume)} mL, strength not stated" if dose.volume is not None else "no dose stated"


def _has_no_mass(dose: Dose) -> bool:
    return all(amount is None for amount in (dose.mass, dose.per_kg)) and not (
        (dose.rate is not None or dose.rate_per_kg is not None) and dose.duration is not None)

