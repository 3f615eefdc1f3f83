"""Tolerant reading of single FHIR fields (R4, with the R5 and STU3 spellings that cost nothing).

Nothing here raises on odd input: what cannot be read comes back empty and is reported by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

Coding = tuple[str, str, str]
Concept = tuple[tuple[Coding, ...], str]
NO_CONCEPT: Concept = ((), "")
MOST = 600
"""Characters that are read of any text; names and dosages are far shorter."""
_WHOLE = itemgetter("system", "code", "display")
_ID = re.compile(r"[A-Za-z0-9._-]{1,256}")
_JOINED = {"enteredinerror": "entered-in-error", "onhold": "on-hold", "inprogress": "in-progress", "nottaken": "not-taken", "notdone": "not-done"}
"""Codes of FHIR as some EHRs write them, in one word."""


def text(value: object) -> str:
    """A string field, stripped; a number as its digits; anything else empty."""
    if type(value) is str:
        return value.strip()[:MOST]
    return str(value) if type(value) is int and abs(value) < 10**18 else ""


def listed(value: object) -> list[dict[str, Any]]:
    """The objects of a field that should be a list of objects; a lone object counts as a list of one."""
    if type(value) is list:
        return [one for one in value if type(one) is dict]
    return [value] if type(value) is dict else []


def concept(value: object) -> Concept:
    """The codings (system, code, display) and the text of a CodeableConcept (or R5 CodeableReference), a list of them, a Coding or text."""
    if type(value) is dict:
        codings, said = value.get("coding"), value.get("text")
        if type(codings) is list and (said is None or type(said) is str):
            return _codings(codings), said.strip()[:MOST] if said else ""
        return _odd_concept(value)
    if type(value) is list:
        found = [concept(one) for one in value]
        return tuple(coding for codings, _ in found for coding in codings), next((said for _, said in found if said), "")
    return (), text(value)


def _codings(codings: list[Any]) -> tuple[Coding, ...]:
    """Nearly all are three texts each, which are taken at once; any other is read member by member."""
    try:
        found = tuple(map(_WHOLE, codings))
    except (KeyError, TypeError, IndexError):
        return tuple([_coding(one) for one in codings if type(one) is dict])
    for system, code, display in found:
        if not (type(system) is type(code) is type(display) is str and len(display) < MOST > len(code)):
            return tuple([_coding(one) for one in codings if type(one) is dict])
    return found


def _odd_concept(value: dict[str, Any]) -> Concept:
    codings = value.get("coding")
    if codings is None and type(value.get("concept")) is dict:
        return concept(value["concept"])
    if type(codings) is dict:
        codings = [codings]
    elif type(codings) is not list:
        codings = [value] if type(value.get("code")) is str else []
    return _codings(codings), text(value.get("text"))


def _coding(one: dict[str, Any]) -> Coding:
    found = one.get("system"), one.get("code"), one.get("display")
    if type(found[0]) is type(found[1]) is type(found[2]) is str and len(found[2]) < MOST > len(found[1]):
        return found
    return text(found[0]), text(found[1]), text(found[2])


def codes(value: object) -> set[str]:
    """The bare codes and the text of a status-like concept, as FHIR spells codes."""
    if value is None:
        return set()
    if type(value) is list:
        return set().union(*map(codes, value))
    codings, said = concept(value)
    return {plain for _, code, _ in codings if (plain := _spelled(code))} or ({_spelled(said)} if said else set())


def status(resource: Mapping[str, Any]) -> str:
    """The status of a resource as FHIR spells it: lower case, joined by hyphens; empty when missing or where there are several."""
    value = resource.get("status")
    if type(value) is str or type(value) is int:
        return _spelled(text(value))
    found = codes(value)
    return found.pop() if len(found) == 1 else ""


def _spelled(code: str) -> str:
    plain = "-".join(code.lower().replace("_", " ").split())
    return _JOINED.get(plain, plain)


def reference(value: object) -> str:
    """The reference string of a Reference (a list counts by its first member); empty when there is none."""
    if type(value) is list:
        value = value[0] if value else None
    return text(value.get("reference")) if type(value) is dict else ""


def medication(resource: Mapping[str, Any]) -> tuple[object, object]:
    """The concept and the Reference that say what a drug is, in the shape of R4 or R5."""
    either, ref = resource.get("medication"), resource.get("medicationReference")
    concept = resource.get("medicationCodeableConcept")
    if concept is not None or ref is not None or type(either) is not dict:
        return concept, ref
    ref = either.get("reference")
    return either.get("concept"), either if type(ref) is str else ref


def tail(ref: str) -> str:
    """The id at the end of a relative or absolute reference, history stripped."""
    return ref.split("/_history/", 1)[0].rstrip("/").rsplit("/", 1)[-1]


def name(resource: Mapping[str, Any]) -> str:
    """`Type/id` of a resource, for naming it to people; an id that cannot be one (FHIR R4 id, any length to 256) is left out."""
    kind, identity = text(resource.get("resourceType"))[:64], resource.get("id")
    if type(identity) is not str or not identity:
        return kind
    return f"{kind}/{identity}" if is_id(identity) else f"{kind}/(id unreadable)"


def source(resource: Mapping[str, Any], fields: Iterable[str]) -> str:
    """Who an entry comes from: the first of some references, else the system that `meta.source` names; empty where it does not say."""
    meta = resource.get("meta")
    return next((ref for ref in (reference(resource.get(field)) for field in fields) if ref),
                text(meta.get("source")).partition("#")[0] if type(meta) is dict else "")


def is_id(identity: str) -> bool:
    """Whether a text can be a resource id; underscores are tolerated, as some EHRs send them."""
    return _ID.fullmatch(identity) is not None


def period_ends(value: object) -> tuple[object, object]:
    """Start and end of a Period, raw."""
    return (value.get("start"), value.get("end")) if type(value) is dict else (None, None)


def quantity(value: object) -> tuple[object, str]:
    """The raw number and the unit of a Quantity: the UCUM code where there is one, else the unit text."""
    if type(value) is not dict:
        return None, ""
    return value.get("value"), text(value.get("code")) or text(value.get("unit"))


def unit_text(value: object) -> str:
    """The human unit of a Quantity, else its code."""
    return (text(value.get("unit")) or text(value.get("code"))) if type(value) is dict else ""
