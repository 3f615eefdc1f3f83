"""Dates as charts write them: `2025`, `2025-03`, a day, or an instant, each the interval it may mean."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from enum import Enum
from fractions import Fraction
from functools import lru_cache

from cds.quantities import CALENDAR, Quantity

_FORM = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([Zz]|[+-]\d{2}:?\d{2})?)?)?)?")
_BLANKS = re.compile(r"(?<=\d)\s*([:-])\s*(?=\d)")
_OLDEST, _NEWEST = 1850, 2200
_NO_DAY = frozenset({"1969-12-31", "1970-01-01", "1899-12-30", "1899-12-31", "1900-01-01"})
"""What computers write where they hold no date: the first day of their time, and the day before it to the west."""
_SKEW = 600.0  # seconds: clocks of two machines differ


class Within(Enum):
    """Where a moment lies with regard to a window that ends now."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    PARTLY = "partly"
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time known only as closely as it was written; both ends are aware and inclusive.

    `first` and `last` are the same ends in seconds since 1970, which compare several times as fast.
    """

    earliest: datetime
    latest: datetime
    text: str
    whole_days: bool
    first: float = field(init=False, repr=False, compare=False)
    last: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first = self.earliest.timestamp()
        object.__setattr__(self, "first", first)
        object.__setattr__(self, "last", first if self.latest is self.earliest else self.latest.timestamp())

    def day(self) -> str:
        """The date for people, as precise as it was written."""
        return self.text[:10]


def moment(text: object, zone: tzinfo) -> Moment | None:
    """Read a FHIR date, dateTime or instant; None when it is not one, or stands for none.  Dates without a time zone are the site's."""
    return _event(text, zone) if type(text) is str and len(text) < 60 else None


def birth_date(text: object, zone: tzinfo) -> Moment | None:
    """Read the birth date of a patient, who may be born on the first day of computer time."""
    return _moment(text, zone) if type(text) is str and len(text) < 60 else None


@lru_cache(maxsize=8192)
def _event(text: str, zone: tzinfo) -> Moment | None:
    """Charts repeat dates, within one patient and over a day's patients."""
    found = _moment(text, zone)
    return found if found is None or text[:2] == "20" or found.day() not in _NO_DAY else None


def _moment(text: str, zone: tzinfo) -> Moment | None:
    match = _FORM.fullmatch(text.strip()) or _FORM.fullmatch(_BLANKS.sub(r"\1", text.strip()))
    if match is None or not _OLDEST <= int(match[1]) <= _NEWEST:
        return None
    try:
        return _instant(match, zone) if match[4] else _days(match, zone)
    except ValueError:
        return None


def _instant(match: re.Match[str], zone: tzinfo) -> Moment:
    second = min(int(match[6] or 0), 59)  # leap seconds
    found = datetime(int(match[1]), int(match[2]), int(match[3]), int(match[4]), int(match[5]), second,
                     tzinfo=_offset(match[7], zone))
    return Moment(found, found, match[0], False)


def _offset(text: str | None, zone: tzinfo) -> tzinfo:
    if text is None:
        return zone
    if text in "Zz":
        return timezone.utc
    shift = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(shift if text[0] == "+" else -shift)


def _days(match: re.Match[str], zone: tzinfo) -> Moment:
    year, month, day = int(match[1]), match[2], match[3]
    first = date(year, int(month or 1), int(day or 1))
    last_month = int(month or 12)
    last = date(year, last_month, int(day) if day else monthrange(year, last_month)[1])
    return Moment(datetime.combine(first, time.min, zone), datetime.combine(last, time(23, 59, 59), zone), match[0], True)


def within(when: Moment, window: Quantity, now: datetime, zone: tzinfo) -> Within:
    """Whether a moment lies in the window before `now`."""
    return since(when, start_of(window, now, zone).timestamp(), now.timestamp())


def start_of(window: Quantity, now: datetime, zone: tzinfo) -> datetime:
    """The first instant of a window that ends now.

    Days, weeks, months and years count calendar days at the site, both ends included; hours and minutes are exact.
    """
    if window.unit in CALENDAR or window.unit.rstrip("s") in ("month", "year"):
        return _start_of_day(now.astimezone(zone).date(), window, zone)
    return now - timedelta(seconds=window.value.numerator * 3600 / window.value.denominator)


@lru_cache(maxsize=1024)
def _start_of_day(day: date, window: Quantity, zone: tzinfo) -> datetime:
    return datetime.combine(days_before(day, window), time.min, zone)


def is_future(when: Moment, now: datetime) -> bool:
    """Whether a moment lies wholly after `now`, more than clocks differ."""
    return when.first > now.timestamp() + _SKEW


def since(when: Moment, start: float, now: float) -> Within:
    """Whether a moment lies between an instant and `now` (seconds since 1970), both included."""
    first = when.first
    if first > now + _SKEW:
        return Within.FUTURE
    if first >= start:
        return Within.INSIDE
    return Within.OUTSIDE if when.last < start else Within.PARTLY


def days_before(day: date, window: Quantity) -> date:
    """The first day of a window of whole days, weeks, months or years that ends on `day`."""
    if window.unit in CALENDAR:
        return day - timedelta(days=_whole(window.number, CALENDAR[window.unit]))
    months = _whole(window.number, 12 if window.unit.startswith("year") else 1)
    total = day.year * 12 + day.month - 1 - months
    year, month = divmod(total, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _whole(number: Fraction, times: int) -> int:
    return number.numerator * times // number.denominator


def age_in_years(birth: Moment, now: datetime, zone: tzinfo) -> tuple[int, int]:
    """The least and the greatest age in completed years that a (perhaps partial) birth date allows."""
    today = now.astimezone(zone).date()
    return _years(birth.latest.date(), today), _years(birth.earliest.date(), today)


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
