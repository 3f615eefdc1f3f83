"""Run every extractor over one request and keep what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cds.facts import orders
from cds.facts.adverse_events import adverse_events
from cds.facts.allergies import NOTHING_RECORDED, allergies, nothing_recorded, reactions_without_agent
from cds.facts.conditions import conditions
from cds.facts.measurements import measurements
from cds.facts.medications import Asked, Record, counts_at_all, medications
from cds.facts.model import AdverseEvent, Allergy, Condition, ListState, Measurement, Medication, PatientFacts, Procedure, Unreadable, Wanted
from cds.facts.procedures import procedures
from cds.facts.recorded import recorded
from cds.facts.weights import INDEX, body_mass_index, of_earlier_orders
from cds.fhir import read
from cds.fhir.bundles import NOT_SENT, SENT_AS_NULL, Chart, Received
from cds.hooks.request import HookRequest
from cds.intervals import birth_date, is_future, moment
from cds.terms.recognise import Recogniser

TREATED_WITHIN = timedelta(days=365)
_MOST_NAMED = 3
_UNREAD = {"conditions": (("problem", "problems"), "no code and no name"), "allergies": (("allergy", "allergies"), "no code and no name"),
           "procedures": (("procedure", "procedures"), "no code and no name"),
           "adverse-events": (("adverse event report", "adverse event reports"), "a suspected drug without code and name")}
"""What an entry of a list is called, one and several, and what it lacks where it cannot be read."""
_UNSENT = ListState(False, NOT_SENT.reason, asked=False)
_Fact = TypeVar("_Fact", Medication, Condition, Measurement, Allergy, Procedure, AdverseEvent)


def gather(request: HookRequest, drafts: orders.Drafts, found: Chart, recogniser: Recogniser, asked: Asked, scope: str,
           members: tuple[str, ...], wanted: Wanted) -> PatientFacts:
    """The facts of one request: chart entries of the wanted terms, orders, and what was missing or unreadable."""
    unreadable: list[Unreadable] = []
    drugs: list[Medication] = list(drafts.others)
    unclassified: list[str] = []
    records = list(medications(found, recogniser, asked, wanted))
    for resource, known, one in records:
        if one is not None:
            drugs.append(one)
        elif not known.named and counts_at_all(resource):
            unclassified.append(read.name(resource))
    problems = _read(conditions(found, recogniser, asked, wanted), Condition, "conditions", unreadable)
    sensitive = _read(allergies(found, recogniser), Allergy, "allergies", unreadable)
    problems += reactions_without_agent(found, recogniser, wanted)
    done = _read(procedures(found, recogniser, asked.zone, wanted), Procedure, "procedures", unreadable)
    events = _read(adverse_events(found, recogniser), AdverseEvent, "adverse-events", unreadable)
    measured, implausible = _measured(found, recogniser, asked, records, scope, unreadable)
    _left_out(found, drafts, unreadable)
    unreadable += drafts.conflicts
    lists = _lists(found, asked)
    if request.hook == "order-sign" and lists["allergies"].read and nothing_recorded(found):
        lists["allergies"] = replace(lists["allergies"], open=NOTHING_RECORDED)
    if "administrations" in lists:
        unreadable.append(Unreadable(lists["administrations"].reason, "administered drugs"))
    patient = next(iter(found.resources.get("Patient", ())), {})
    ketamine = drafts.ketamine if request.draft_orders is not None else []
    if request.hook == "patient-view":
        ketamine = orders.treatments(records, asked, scope, members, TREATED_WITHIN)
    return PatientFacts(
        request.hook, asked.now, asked.zone, tuple(ketamine), by_term(drugs), by_term(problems), by_term(measured), by_term(sensitive),
        birth_date(patient.get("birthDate"), asked.zone), _sex(patient), lists, tuple(unreadable), tuple(unclassified),
        by_term(implausible), by_term(done), by_term(events), recorded(found, wanted, asked, _of(records, scope)))


def _of(records: Iterable[Record], term: str) -> frozenset[int]:
    """Which resources of a chart are of a drug of some term."""
    return frozenset(id(resource) for resource, known, _ in records if term in known.terms)


def _measured(found: Chart, recogniser: Recogniser, asked: Asked, records: Iterable[Record], scope: str,
              unreadable: list[Unreadable]) -> tuple[list[Measurement], list[Measurement]]:
    """Usable measurements, with what can be worked out from them, and implausible ones; what could not be read is noted."""
    measured, implausible, unread = measurements(found, recogniser, asked.zone)
    unreadable += unread
    unreadable += [Unreadable(f"{one.text} lies in the future and could not be used", "observations") for one in measured
                   if one.taken.latest > asked.now and is_future(one.taken, asked.now)]
    unreadable += [Unreadable(f"{said} could not be used", "observations") for said in dict.fromkeys(one.text for one in implausible)]
    index = body_mass_index(measured, (INDEX,))
    return [*measured, *([index] if index else []), *of_earlier_orders(records, asked.zone, scope)], implausible


def by_term(facts: Iterable[_Fact]) -> dict[str, tuple[_Fact, ...]]:
    """Facts indexed by each of their terms."""
    found: dict[str, list[_Fact]] = {}
    for fact in facts:
        for term in fact.terms:
            found.setdefault(term, []).append(fact)
    return {term: tuple(members) for term, members in found.items()}


def _read(found: Iterable[_Fact | Mapping[str, Any]], kind: type[_Fact], where: str, unreadable: list[Unreadable]) -> list[_Fact]:
    """The facts among what an extractor found; the entries it could not read are counted and named."""
    facts: list[_Fact] = []
    refs: list[str] = []
    for one in found:
        facts.append(one) if isinstance(one, kind) else refs.append(read.name(one))
    if refs:
        what, lacks = _UNREAD[where]
        said = f"1 {what[0]} has {lacks}" if len(refs) == 1 else f"{len(refs)} {what[1]} have {lacks}"
        unreadable.append(Unreadable(said, where, ", ".join(refs[:_MOST_NAMED]) + (", …" if len(refs) > _MOST_NAMED else "")))
    return facts


def _left_out(found: Chart, drafts: orders.Drafts, unreadable: list[Unreadable]) -> None:
    if found.other_patients:
        unreadable.append(Unreadable(f"{found.other_patients} left out", "records of another patient"))
    if drafts.of_another_patient:
        unreadable.append(Unreadable(f"{drafts.of_another_patient} left out", "draft orders of another patient"))


def _sex(patient: Mapping[str, Any]) -> str | None:
    sex = read.text(patient.get("gender")).lower()
    return sex if sex in ("female", "male", "other") else None


def _lists(found: Chart, asked: Asked) -> dict[str, ListState]:
    received = found.received
    states = {name: _state(received.get(name, NOT_SENT)) for name in ("conditions", "allergies", "procedures")}
    reports = received.get("adverseevents", NOT_SENT)
    none = reports.reason == SENT_AS_NULL  # an EHR says so that it has no such list
    states["adverse-events"] = replace(_state(reports), asked=reports.asked and not none, refused=reports.refused)
    states["medications"] = _medication_list(received.get("medicationstatements", NOT_SENT), received.get("medicationrequests", NOT_SENT))
    states["observations"] = _observation_list(received.get("observations", NOT_SENT), found, asked)
    given = received.get("medicationadministrations")
    if given is not None and not given.complete:
        states["administrations"] = _state(given)
    states["patient"] = _state(received.get("patient", NOT_SENT)) if not found.resources.get("Patient") else ListState(True)
    return states


def _state(received: Received) -> ListState:
    if received is NOT_SENT:
        return _UNSENT
    return ListState(received.complete, "" if received.complete else received.reason, asked=received.asked)


def _medication_list(statements: Received, requests: Received) -> ListState:
    """Read when one of the two answered completely and the other answered completely or was not asked for."""
    if statements.complete or requests.complete:
        other = requests if statements.complete else statements
        if other.complete or not other.asked:
            return ListState(True)
        name = "MedicationRequest" if statements.complete else "MedicationStatement"
        return ListState(False, f"{name}: {other.reason}")
    reasons = dict.fromkeys(one.reason for one in (statements, requests) if one.asked) or {NOT_SENT.reason: None}
    return ListState(False, "; ".join(reasons))


def _observation_list(received: Received, found: Chart, asked: Asked) -> ListState:
    """A page sorted by date, newest first, is complete back to its oldest entry."""
    if received.complete:
        return ListState(True)
    since: datetime | None = None
    if received.truncated:
        times = [moment(one.get("effectiveDateTime"), asked.zone) for one in found.resources.get("Observation", ())]
        if None not in times and times and times[0].earliest > times[-1].latest and all(
                earlier.latest >= later.earliest for earlier, later in zip(times, times[1:])):
            since = times[-1].latest
    return ListState(False, received.reason, since)


