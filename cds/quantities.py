"""Exact amounts with units.

Fractions, not floats: an order exactly at a limit is never reported as above
it.  Every dimension has one internal unit, the first one named in `UNITS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

_F = Fraction
_ONE = Fraction(1)

# dimension -> unit as written -> how many internal units it is; UCUM spellings stand beside the plain ones
UNITS: dict[str, dict[str, Fraction]] = {
    "time": {"hour": _ONE, "hours": _ONE, "h": _ONE, "hr": _ONE, "minute": _F(1, 60), "minutes": _F(1, 60),
             "min": _F(1, 60), "second": _F(1, 3600), "seconds": _F(1, 3600), "s": _F(1, 3600), "day": _F(24),
             "days": _F(24), "d": _F(24), "week": _F(168), "weeks": _F(168), "wk": _F(168), "month": _F(730),
             "months": _F(730), "mo": _F(730), "year": _F(8766), "years": _F(8766), "a": _F(8766)},
    "mass": {"mg": _ONE, "mg/dose": _ONE, "milligram": _ONE, "milligrams": _ONE, "g": _F(1000), "gram": _F(1000), "mcg": _F(1, 1000),
             "ug": _F(1, 1000), "µg": _F(1, 1000), "μg": _F(1, 1000), "microgram": _F(1, 1000), "kg": _F(10**6)},
    "weight": {"kg": _ONE, "kilogram": _ONE, "kilograms": _ONE, "g": _F(1, 1000), "[lb_av]": _F(45359237, 10**8),
               "lb": _F(45359237, 10**8), "lbs": _F(45359237, 10**8), "[oz_av]": _F(45359237, 16 * 10**8)},
    "dose": {"mg/kg": _ONE, "mg/kg/dose": _ONE, "mcg/kg/dose": _F(1, 1000), "mcg/kg": _F(1, 1000), "ug/kg": _F(1, 1000), "µg/kg": _F(1, 1000), "g/kg": _F(1000)},
    "rate": {"mg/h": _ONE, "mg/hr": _ONE, "mg/min": _F(60), "mcg/min": _F(60, 1000), "ug/min": _F(60, 1000),
             "mcg/h": _F(1, 1000), "ug/h": _F(1, 1000)},
    "dose rate": {"mg/kg/h": _ONE, "mg/kg/hr": _ONE, "mg/kg/min": _F(60), "mcg/kg/min": _F(60, 1000),
                  "ug/kg/min": _F(60, 1000), "µg/kg/min": _F(60, 1000), "mcg/kg/h": _F(1, 1000),
                  "ug/kg/h": _F(1, 1000), "mg/(kg.h)": _ONE, "ug/(kg.min)": _F(60, 1000)},
    "volume": {"mL": _ONE, "ml": _ONE, "milliliter": _ONE, "millilitre": _ONE, "L": _F(1000), "l": _F(1000),
               "cc": _ONE, "cm3": _ONE},
    "flow": {"mL/h": _ONE, "ml/h": _ONE, "mL/hr": _ONE, "ml/hr": _ONE, "mL/min": _F(60), "ml/min": _F(60)},
    "concentration": {"mg/mL": _ONE, "mg/ml": _ONE, "g/mL": _F(1000), "mcg/mL": _F(1, 1000), "ug/mL": _F(1, 1000)},
    "pressure": {"mmHg": _ONE, "mm[Hg]": _ONE, "mm Hg": _ONE, "mm hg": _ONE, "kPa": _F(75006157584566, 10**13)},
    "share": {"%": _ONE, "percent": _ONE},
    "frequency": {"/min": _ONE, "{beats}/min": _ONE, "beats/min": _ONE, "bpm": _ONE, "{Beats}/min": _ONE},
    "activity": {"IU/L": _ONE, "[IU]/L": _ONE, "[iU]/L": _ONE, "mIU/mL": _ONE, "m[IU]/mL": _ONE, "U/L": _ONE, "mU/mL": _ONE, "IU/mL": _F(1000), "[IU]/mL": _F(1000)},
    "length": {"cm": _ONE, "m": _F(100), "[in_i]": _F(254, 100), "in": _F(254, 100), "inches": _F(254, 100), "[ft_i]": _F(3048, 100),
               "ft": _F(3048, 100)},
    "body mass index": {"kg/m2": _ONE, "kg/m^2": _ONE, "kg/m²": _ONE, "kg/(m2)": _ONE},
    "factor": {"times": _ONE},
    "count": {"classes": _ONE, "class": _ONE, "drugs": _ONE, "trials": _ONE, "infusions": _ONE},
}
_NUMBER = re.compile(r"(?P<number>[0-9]{1,12}(\.[0-9]{1,9})?)\s*(?P<unit>\S.*)")
_FOLDED = {dimension: {name.casefold(): factor for name, factor in names.items()} for dimension, names in UNITS.items()}
CALENDAR = {"day": 1, "days": 1, "d": 1, "week": 7, "weeks": 7, "wk": 7}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit as written, for example 0.5 mg/kg."""

    number: Fraction
    unit: str
    dimension: str
    value: Fraction = field(init=False, compare=False)
    """The amount in the internal unit of its dimension."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", self.number * UNITS[self.dimension][self.unit])
        object.__setattr__(self, "_hash", hash((self.number, self.unit, self.dimension)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        unit = self.unit
        if self.dimension == "time" and unit.endswith("s") and self.number == 1:
            unit = unit[:-1]
        return f"{decimal(self.number)}{'' if unit == '%' else ' '}{unit}"


@lru_cache(maxsize=4096)
def quantity(text: str) -> Quantity:
    """Read `0.5 mg/kg`; ValueError says what is wrong when it is not an amount with a known unit.

    Equal texts give the same object, so that what was worked out for one window serves every clause that uses it.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"`{text}` is not a number and a unit")
    unit = match["unit"].strip()
    for dimension, names in UNITS.items():
        if unit in names and not (dimension == "mass" and unit == "kg"):
            return Quantity(Fraction(match["number"]), unit, dimension)
    raise ValueError(f"the unit `{unit}` is not known")


def amount(number: Fraction, unit: str, dimension: str) -> Fraction | None:
    """A number with a unit from a chart, in the internal unit of one dimension; None when the unit is of another."""
    names = UNITS[dimension]
    factor = names.get(unit)
    if factor is None:
        factor = _FOLDED[dimension].get(unit.strip().casefold())
    return None if factor is None else number if factor is _ONE else number * factor


def exact(number: object) -> Fraction | None:
    """A JSON number (or a text that is one) as an exact fraction; None for anything else, booleans included."""
    if type(number) is int:
        return Fraction(number) if -10**30 < number < 10**30 else None
    if isinstance(number, bool) or not isinstance(number, (int, float, str)):
        return None
    text = repr(number) if isinstance(number, float) else str(number).strip()
    return None if len(text) > 40 else _exact(text)


@lru_cache(maxsize=4096)
def _exact(text: str) -> Fraction | None:
    return Fraction(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?", text) else None


def decimal(number: Fraction, digits: int = 3) -> str:
    """A fraction for people: at most three decimals, no trailing zeros."""
    if number.denominator == 1:
        return str(number.numerator)
    text = f"{float(number):.{digits}f}".rstrip("0").rstrip(".")
    return "under 0.001" if text in ("0", "-0") else text


def holds(left: Fraction, how: str, right: Fraction) -> bool:
    """Compare two amounts in the same internal unit; `how` is above, below, at least or at most."""
    first, second = left.numerator * right.denominator, right.numerator * left.denominator  # twice as fast as comparing fractions
    if how == "above":
        return first > second
    if how == "below":
        return first < second
    return first >= second if how == "at least" else first <= second
