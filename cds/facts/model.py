"""Facts about one patient and the orders under evaluation.  Knows no FHIR, no HTTP and no clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from fractions import Fraction
from typing import Any

from cds.intervals import Moment, Within, since, start_of
from cds.quantities import Quantity

LISTS = {"medications": "medication list", "conditions": "problem list", "observations": "measurements",
         "allergies": "allergy list", "patient": "patient record", "procedures": "procedure list",
         "adverse-events": "adverse event reports"}

MOST_DOSAGES = 16
DOSED_FOR = "weight-of-earlier-order"
"""Under this name stands, among the measurements, the body weight an earlier order says it was dosed for."""
CURRENT, POSSIBLE, ON_HOLD, ENDED, ORDERED = "current", "possibly current", "on hold", "ended", "ordered now"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The terms that are looked for in a chart, those of them whose daily dose is asked for, the lists that are asked about as a whole, and those of them
    of which the newest entry is asked for."""

    terms: frozenset[str]
    dosed: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    dated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListState:
    """Whether a list was read completely; if not, why, and from which instant on it is complete all the same.

    `asked` is False where the EHR sent nothing at all under its key; `open` says why a list that was read proves no absence;
    `refused` means that the EHR has no such list for us, where few EHRs have one.
    """

    read: bool
    reason: str = ""
    complete_since: datetime | None = None
    asked: bool = True
    open: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """A list as a whole: whether any entry counts, and the newest one that says when it was made, else one of those that do not say it.

    `refuted` is True where none counts and some were refuted or entered in error, `denied` where the chart says that there are none.
    """

    entries: bool = False
    refuted: bool = False
    denied: bool = False
    newest: Moment | None = None
    ref: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Medication:
    """One drug in a chart or among the other draft orders; `terms` says how each term was matched, `source` who recorded it."""

    ref: str
    name: str
    text: str
    terms: dict[str, str]
    ingredients: tuple[str, ...]
    exact: bool
    state: str
    started: Moment | None = None
    ended: Moment | None = None
    last_known: Moment | None = None
    doubts: tuple[str, ...] = ()
    daily_mg: Fraction | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """One problem or diagnosis that counts; `history` marks a history code, which never has a date; `source` is who recorded it.

    `true_until` holds the terms that end by themselves, each with its last instant, or None where the record has no date.
    """

    ref: str
    name: str
    text: str
    terms: dict[str, str]
    active: bool
    in_remission: bool = False
    onset: Moment | None = None
    recorded: Moment | None = None
    acute_terms: frozenset[str] = frozenset()
    history: bool = False
    doubts: tuple[str, ...] = ()
    true_until: dict[str, datetime | None] = field(default_factory=dict)
    codes: frozenset[str] = frozenset()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured amount in the internal unit of its dimension, or (dimension `result`) what a test came out as, empty where unclear."""

    ref: str
    terms: tuple[str, ...]
    value: Fraction
    dimension: str
    taken: Moment
    text: str
    result: str = ""


@dataclass(frozen=True, slots=True)
class Allergy:
    """One allergy or intolerance that counts.

    `recorded_as` is allergy, intolerance, over (inactive or resolved) or empty where not stated; `reactions` holds, for each
    manifestation, the terms it belongs to (none where it belongs to none of ours).
    """

    ref: str
    name: str
    text: str
    terms: dict[str, str]
    doubts: tuple[str, ...] = ()
    recorded_as: str = ""
    reactions: tuple[frozenset[str], ...] = ()
    criticality: str = ""


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure that was done, perhaps; `doubts` say why only perhaps."""

    ref: str
    name: str
    text: str
    terms: dict[str, str]
    done: Moment | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdverseEvent:
    """One adverse event that happened, with the terms of the drugs it is laid to; `reaction` holds the terms of the event itself."""

    ref: str
    name: str
    text: str
    terms: dict[str, str]
    seriousness: str = ""
    reaction: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Dose:
    """One way an order states how much: mass or mass per kg, volume, rate, duration; None where not stated.

    Units: mg, mg/kg, mL, mg/h, mg/kg/h, mL/h, hours.
    """

    mass: Fraction | None = None
    per_kg: Fraction | None = None
    volume: Fraction | None = None
    rate: Fraction | None = None
    rate_per_kg: Fraction | None = None
    flow: Fraction | None = None
    duration: Fraction | None = None
    bolus: bool = False
    text: str = ""
    unreadable: str = ""

    @property
    def states_amount(self) -> bool:
        """Whether it says how much, readable or not, and not only how long."""
        return bool(self.unreadable) or any(one is not None for one in (self.mass, self.per_kg, self.volume, self.rate, self.rate_per_kg, self.flow))


@dataclass(frozen=True, slots=True)
class Order:
    """One draft order that is about ketamine, or may be.

    `terms` is empty and `unclear` says why when its drug cannot be told.  `strength` is in mg/mL; `route` is empty when
    not stated; `planned` is the planned start.  On patient-view it stands for ketamine treatment in the chart.
    """

    ref: str
    name: str
    text: str
    terms: dict[str, str]
    route: str = ""
    doses: tuple[Dose, ...] = ()
    strength: Fraction | None = None
    diluted: bool = False
    reasons: tuple[dict[str, str], ...] = ()
    reason_known: bool = True
    planned: Moment | None = None
    ahead: bool = False
    unclear: str = ""
    draft: bool = True

    def dosages(self) -> tuple[Order, ...]:
        """The order once for each dose it states, so that the dose of one dosage never meets the infusion time of another."""
        if len(self.doses) < 2:
            return (self,)
        stated = [one for one in dict.fromkeys(self.doses) if one.states_amount]
        if len(stated) < 2:
            return (self,)
        if len(stated) > MOST_DOSAGES:
            return (replace(self, unclear=f"it states {len(stated)} different doses; at most {MOST_DOSAGES} are judged"),)
        beside = tuple(one for one in self.doses if not one.states_amount)
        return tuple(replace(self, doses=(one, *beside)) for one in stated)

    @property
    def what(self) -> str:
        """What is unclear, for people: the draft order, or the list that should show the treatment."""
        return f"order {self.ref}" if self.draft else LISTS["medications"]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that could not be used, in words; `list` is the list it belongs to, or a name of its own."""

    what: str
    list: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """All that is known for one request; lists are indexed by term.  `memo` keeps what clauses have worked out from it."""

    hook: str
    asked_at: datetime
    zone: tzinfo
    orders: tuple[Order, ...] = ()
    medications: dict[str, tuple[Medication, ...]] = field(default_factory=dict)
    conditions: dict[str, tuple[Condition, ...]] = field(default_factory=dict)
    measurements: dict[str, tuple[Measurement, ...]] = field(default_factory=dict)
    allergies: dict[str, tuple[Allergy, ...]] = field(default_factory=dict)
    birth: Moment | None = None
    sex: str | None = None
    lists: dict[str, ListState] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()
    unclassified: tuple[str, ...] = ()
    unusable: dict[str, tuple[Measurement, ...]] = field(default_factory=dict)
    procedures: dict[str, tuple[Procedure, ...]] = field(default_factory=dict)
    adverse_events: dict[str, tuple[AdverseEvent, ...]] = field(default_factory=dict)
    recorded: dict[str, Recorded] = field(default_factory=dict)
    memo: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    now: float = field(init=False, compare=False, repr=False)
    """When it is asked, in seconds since 1970."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "now", self.asked_at.timestamp())

    def within(self, when: Moment, window: Quantity) -> Within:
        """Whether a moment lies in a window that ends when the question is asked."""
        start = self.memo.get(id(window))  # windows live as long as the clauses they stand in
        if start is None:
            start = self.memo[id(window)] = start_of(window, self.asked_at, self.zone).timestamp()
        return since(when, start, self.now)
