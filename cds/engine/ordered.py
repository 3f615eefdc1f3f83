"""Clauses over the order under evaluation: drug, route, reason, dose, rate, duration, strength."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from cds.engine.answers import FLAT_NO, Answer, Because, Missing
from cds.engine.formula import UNKNOWN, YES
from cds.engine.measured import absent, newest
from cds.facts.model import Dose, Measurement, Order, PatientFacts
from cds.quantities import Quantity, decimal, quantity
from cds.rulefile.language import WITHOUT_STRENGTH
from cds.rulefile.rule import Clause, Comparison

WEIGHT = "body-weight"
_Amount = tuple[Fraction, Callable[[], str]] | Missing
_Amounts = list[_Amount]


@dataclass(frozen=True, slots=True)
class _Worked:
    """The amounts of one kind that an order states or that follow from it, and what kept others from being worked out."""

    amounts: tuple[tuple[Fraction, Callable[[], str]], ...]
    missing: tuple[Missing, ...]
    least: Fraction | None
    greatest: Fraction | None
    said: dict[int, Because] = field(default_factory=dict)

    def because(self, place: int, order: Order, unit: str, scale: Fraction) -> Because:
        """What an amount says, worded once for all clauses."""
        if place not in self.said:
            value, how = self.amounts[place]
            amount = value if scale is _ONE else value * scale
            self.said[place] = Because(order.ref, how() if value is _AT_ONCE else f"{how()} = {decimal(amount)} {unit}")
        return self.said[place]


Memo = dict[object, _Worked]
"""Amounts of one order that were already worked out."""
_WEIGHT_WITHIN = quantity("90 days")
_INJECTED = ("intravenous", "intramuscular", "subcutaneous")
_ONE, _MINUTES = Fraction(1), Fraction(60)
_AT_ONCE = Fraction(10**9)  # the rate of a push: above every limit


def ordering(clause: Clause, order: Order) -> Answer:
    """The order is for a drug of a term, by a route, for a reason.  A racemic order without a route is read as intravenous.

    The first record names the order, any further one says how it was read.
    """
    if order.unclear:
        return Answer(UNKNOWN, (), (Missing(order.what, order.unclear, unreadable=True),))
    if clause.head not in order.terms:
        return FLAT_NO
    wanted = clause.word("for")
    if wanted is not None and not any(wanted in reason for reason in order.reasons):
        return FLAT_NO
    asked = clause.word("by_route")
    notes: tuple[Because, ...] = ()
    if asked is not None and order.route != asked:
        if order.route or asked not in _INJECTED:
            return FLAT_NO
        if "ketamine" not in order.terms:
            return Answer(UNKNOWN, (), (Missing("route of the order", "not stated"),))
        if asked != "intravenous":
            return FLAT_NO
        notes = (Because(order.ref, "route not stated, read as intravenous"),)
    return Answer(YES, (Because(order.ref, order.text, order.terms[clause.head]), *notes))


def order_dose(clause: Clause, order: Order, facts: PatientFacts, memo: Memo) -> Answer:
    """A single dose in mg, or in mg/kg with a weight, compares as asked; or it cannot be read at all."""
    wanted = clause.head
    if not isinstance(wanted, Comparison):
        return _without_strength(order) if wanted == WITHOUT_STRENGTH else _not_readable(order)
    amounts, unit = (_masses, "mg") if wanted.amount.dimension == "mass" else (_per_kg, "mg/kg")
    return _compare(clause, wanted, _remembered(unit, amounts, clause, order, facts, memo), order, unit)


def _remembered(unit: str, amounts: Callable[[Dose, Order, PatientFacts, Clause], _Amounts], clause: Clause, order: Order,
                facts: PatientFacts, memo: Memo) -> _Worked:
    """The amounts of an order, worked out once for all clauses that compare them."""
    key = (unit, id(clause.word("weight_within")))
    found = memo.get(key)
    if found is None:
        found = memo[key] = _worked([one for dose in order.doses for one in amounts(dose, order, facts, clause)])
    return found


def order_rate(clause: Clause, order: Order, facts: PatientFacts, memo: Memo) -> Answer:
    """The rate in mg/h, or in mg/kg/h with a weight, compares as asked."""
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    amounts, unit = (_rates_per_kg, "mg/kg/h") if wanted.amount.dimension == "dose rate" else (_rates, "mg/h")
    return _compare(clause, wanted, _remembered(unit, amounts, clause, order, facts, memo), order, unit)


def order_duration(clause: Clause, order: Order, memo: Memo) -> Answer:
    """The infusion time compares as asked; a bolus or push takes no time."""
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    if "min" not in memo:
        memo["min"] = _worked([_duration(dose, order) for dose in order.doses])
    answer = _compare(clause, wanted, memo["min"], order, "min", _MINUTES)
    return FLAT_NO if answer.value == UNKNOWN and clause.word("if_absent") == "no" else answer


def order_strength(clause: Clause, order: Order) -> Answer:
    """The product's concentration compares as asked and the order names no diluent."""
    wanted = clause.head
    assert isinstance(wanted, Comparison)
    if order.diluted:
        return FLAT_NO
    if order.strength is None:
        return FLAT_NO if clause.word("if_absent") == "no" else Answer(UNKNOWN, (), (Missing("strength of the product", "not stated"),))
    if not wanted.holds(order.strength):
        return FLAT_NO
    return Answer(YES, (Because(order.ref, f"product of {decimal(order.strength)} mg/mL, no diluent in the order"),))



def _compare(clause: Clause, wanted: Comparison, worked_out: _Worked, order: Order, unit: str, scale: Fraction = _ONE) -> Answer:
    upwards = wanted.how in ("above", "at least")
    furthest = worked_out.greatest if upwards else worked_out.least
    slack = clause.word("by_more_than")
    limit = _beyond(wanted, slack, upwards) if isinstance(slack, Quantity) else wanted
    if furthest is not None and limit.holds(furthest):
        return Answer(YES, tuple([worked_out.because(place, order, unit, scale) for place, (value, _) in enumerate(worked_out.amounts)
                                  if limit.holds(value)]))
    if worked_out.missing:
        return Answer(UNKNOWN, (), worked_out.missing)
    if furthest is None:
        return Answer(UNKNOWN, (), (Missing("dose of the order" if unit.startswith("mg") else "infusion time of the order", "not stated"),))
    return FLAT_NO


def _beyond(wanted: Comparison, slack: Quantity, upwards: bool) -> Comparison:
    """The comparison that holds where the amount is passed by more than a share."""
    amount = wanted.amount
    return Comparison(wanted.how, replace(amount, number=amount.number * (1 + (slack.value if upwards else -slack.value) / 100)))


def _worked(found: _Amounts) -> _Worked:
    amounts = tuple([one for one in found if type(one) is tuple])
    values = [one[0] for one in amounts]
    missing = () if len(amounts) == len(found) else tuple(dict.fromkeys(one for one in found if type(one) is not tuple))
    return _Worked(amounts, missing, min(values, default=None), max(values, default=None))


def _masses(dose: Dose, order: Order, facts: PatientFacts, clause: Clause) -> _Amounts:
    """Every mass a dose states, in one way or another; where it states none, why."""
    found: _Amounts = [] if dose.mass is None else [(dose.mass, lambda: "dose")]
    if dose.volume is not None and order.strength is not None:
        found.append((dose.volume * order.strength, lambda: f"{decimal(dose.volume)} mL of {decimal(order.strength)} mg/mL"))
    rate = dose.rate if dose.rate is not None else dose.flow * order.strength if dose.flow is not None and order.strength else None
    if rate is not None and dose.duration is not None:
        found.append((rate * dose.duration, lambda: f"{decimal(rate)} mg/h over {_minutes(dose.duration)}"))
    for per_kg, _ in _stated_per_kg(dose):
        for weight in _weights(facts, clause):
            if not isinstance(weight, Missing):
                found.append(_times(per_kg, weight))
            elif not found:
                return [weight]
    return found or [Missing("dose of the order", dose.unreadable or ("volume without a strength" if dose.volume is not None else "not stated"))]


def _minutes(hours: Fraction) -> str:
    return f"{decimal(hours * 60)} min"


def _times(per_kg: Fraction, weight: tuple[Fraction, Callable[[], str]]) -> _Amount:
    return per_kg * weight[0], lambda: f"{decimal(per_kg)} mg/kg x {weight[1]()}"


def _by(amount: Fraction, unit: str, weight: tuple[Fraction, Callable[[], str]]) -> _Amount:
    return amount / weight[0], lambda: f"{decimal(amount)} {unit} / {weight[1]()}"


def _stated_per_kg(dose: Dose) -> _Amounts:
    found: _Amounts = [] if dose.per_kg is None else [(dose.per_kg, lambda: "dose")]
    if dose.rate_per_kg is not None and dose.duration is not None:
        found.append((dose.rate_per_kg * dose.duration, lambda: f"{decimal(dose.rate_per_kg)} mg/kg/h over {_minutes(dose.duration)}"))
    return found


def _per_kg(dose: Dose, order: Order, facts: PatientFacts, clause: Clause) -> _Amounts:
    """Every dose per kg, stated or by weight: an order whose amounts contradict each other is judged by each of them."""
    stated = _stated_per_kg(dose)
    masses = _masses(replace(dose, per_kg=None, rate_per_kg=None) if stated else dose, order, facts, clause)
    if isinstance(masses[0], Missing):
        return stated or masses
    weights = _weights(facts, clause)
    if isinstance(weights[0], Missing):
        return stated or weights
    return [*stated, *(_by(mass[0], "mg", weight) for mass in masses for weight in weights)]


def _rates(dose: Dose, order: Order, facts: PatientFacts, clause: Clause) -> _Amounts:
    if dose.rate is not None:
        return [(dose.rate, lambda: "rate")]
    return [_over_time(mass, _duration(dose, order), "mg") for mass in _masses(dose, order, facts, clause)]


def _rates_per_kg(dose: Dose, order: Order, facts: PatientFacts, clause: Clause) -> _Amounts:
    if dose.rate_per_kg is not None:
        return [(dose.rate_per_kg, lambda: "rate")]
    duration = _duration(dose, order)
    if isinstance(duration, Missing) and dose.rate is not None:
        return [weight if isinstance(weight, Missing) else _by(dose.rate, "mg/h", weight) for weight in _weights(facts, clause)]
    return [_over_time(amount, duration, "mg/kg") for amount in _per_kg(dose, order, facts, clause)]


def _over_time(amount: _Amount, duration: _Amount, unit: str) -> _Amount:
    if isinstance(duration, Missing):
        return duration
    if isinstance(amount, Missing):
        return amount
    if not duration[0]:
        return _AT_ONCE, lambda: "bolus or push"
    return amount[0] / duration[0], lambda: f"{decimal(amount[0])} {unit} over {_minutes(duration[0])}"


def _duration(dose: Dose, order: Order) -> _Amount:
    """Hours; from amount and rate only where both are stated (or volume, flow and strength), never from a rate alone."""
    if dose.duration is not None:
        return dose.duration, lambda: "infusion time"
    if dose.bolus:
        return Fraction(0), lambda: "bolus or push"
    for amount, rate, unit in ((dose.mass, dose.rate, "mg"), (dose.per_kg, dose.rate_per_kg, "mg/kg"), (dose.volume, dose.flow, "mL")):
        if amount is not None and rate:
            said = f"{decimal(amount)} {unit} at {decimal(rate)} {unit}/h"
            return amount / rate, lambda: said
    if dose.mass is not None and dose.flow and order.strength:
        said = f"{decimal(dose.mass)} mg at {decimal(dose.flow)} mL/h of {decimal(order.strength)} mg/mL"
        return dose.mass / (dose.flow * order.strength), lambda: said
    return Missing("infusion time of the order", "not stated")


def _weights(facts: PatientFacts, clause: Clause) -> _Amounts:
    """Every body weight that may be the newest; where there is none, why."""
    window = clause.word("weight_within")
    window = window if isinstance(window, Quantity) else _WEIGHT_WITHIN
    found = newest(WEIGHT, window, facts, "weight")
    if not found:
        return list(absent(WEIGHT, "body weight", window, facts))
    return [_weighed(one) for one, _ in found]


def _weighed(one: Measurement) -> _Amount:
    return one.value, lambda: f"{decimal(one.value, 1)} kg ({one.taken.day()})"


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

