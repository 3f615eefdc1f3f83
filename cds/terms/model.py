"""What a term is, and what recognising a chart entry yields."""

from __future__ import annotations

from dataclasses import dataclass, field

from cds.rulefile.rule import Comparison

MEDICATION, CONDITION, MEASUREMENT, PROCEDURE, REACTION = "medication", "condition", "measurement", "procedure", "reaction"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test tells one of its results: by answer code, by word (lower case), or by amount."""

    codes: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    amount: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Lasting:
    """How many days after its date a problem stays true; `own` where its code says so and not only its term."""

    days: int
    own: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A name a clinician understands and the codes and words it includes."""

    name: str
    kind: str
    says: str
    version: str
    ingredients: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    only_routes: frozenset[str] = frozenset()
    except_routes: frozenset[str] = frozenset()
    forms: frozenset[str] = frozenset()
    icd10cm: tuple[str, ...] = ()
    except_icd10cm: tuple[str, ...] = ()
    acute_icd10cm: tuple[str, ...] = ()
    icd10cm_by_name: tuple[str, ...] = ()
    snomed: tuple[str, ...] = ()
    unii: tuple[str, ...] = ()
    loinc: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    not_names: tuple[str, ...] = ()
    asked_for_as: str = ""
    sent_in: tuple[str, ...] = ()
    lasts: int | None = None
    lasts_less: dict[str, int] = field(default_factory=dict)
    results: dict[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Product:
    """One row of the product table: what a RxNorm code contains, and how it is given."""

    ingredients: tuple[str, ...]
    route: str
    form: str
    strength: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a chart entry is: the terms it belongs to, each with how it was matched (code, expanded or text).

    `exact` is true for a name that is one ingredient and nothing else; `named` is false when neither a known code nor a
    readable name was found; `conflict` says in words that code and name disagree; `lasts` names terms that end by themselves.
    """

    terms: dict[str, str]
    ingredients: tuple[str, ...] = ()
    route: str = ""
    form: str = ""
    strength: str = ""
    name: str = ""
    exact: bool = False
    named: bool = True
    history: bool = False
    acute: frozenset[str] = field(default_factory=frozenset)
    conflict: str = ""
    lasts: dict[str, Lasting] = field(default_factory=dict)
