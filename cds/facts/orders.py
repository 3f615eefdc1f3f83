"""The orders of the request: which are about ketamine, which are other drugs, and which cannot be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from cds.facts import dosage, routes
from cds.facts.medications import Asked, Record, identify, medication_resource, ordered_now
from cds.facts.model import Dose, Medication, Order, Unreadable, Wanted
from cds.fhir import bundles, read
from cds.fhir.bundles import Chart
from cds.intervals import Moment, moment
from cds.terms.model import Recognised
from cds.terms.recognise import Recogniser
from cds.terms.systems import LOINC, SNOMED, system

_DRUG_ORDERS = frozenset({"MedicationRequest", "MedicationOrder"})
_SERVICE_ORDERS = frozenset({"ServiceRequest", "ProcedureRequest", "ReferralRequest"})
_OTHER_ORDERS = frozenset({"NutritionOrder", "DeviceRequest", "VisionPrescription", "CommunicationRequest", "SupplyRequest", "Appointment",
                           "Task", "CarePlan", "RequestGroup", "ImmunizationRecommendation", "DeviceUseRequest", "DiagnosticOrder",
                           "RequestOrchestration"})
_BESIDE = frozenset({"Medication", "Condition", "Patient", "Practitioner", "PractitionerRole", "Organization", "Encounter", "Location",
                     "Observation", "AllergyIntolerance", "Provenance", "Coverage", "Substance", "Specimen"})
_VOID = frozenset({"cancelled", "entered-in-error", "revoked", "stopped"})
_REFERRING = frozenset({"medicationReference", "medication", "reasonReference", "reason"})
_MOST_REASONS = 50
_AHEAD = timedelta(hours=24)
_DILUENTS = ("sodium chloride", "dextrose", "0.9 %", "0.9%", "normal saline", " in ns", "premix", "infusion bag")


@dataclass(slots=True)
class Drafts:
    """Ketamine orders (and unclear ones), the other drugs ordered now, and how many orders there were at all."""

    ketamine: list[Order] = field(default_factory=list)
    others: list[Medication] = field(default_factory=list)
    readable: int = 0
    of_another_patient: int = 0
    conflicts: list[Unreadable] = field(default_factory=list)


def drafts(entries: tuple[Mapping[str, Any], ...], chart: Chart, recogniser: Recogniser, asked: Asked, scope: str,
           patient_id: str, wanted: Wanted) -> Drafts:
    """Sort the draft orders of a request; Medications in the same Bundle are known to the chart afterwards."""
    found = Drafts()
    flat = list(_flat(entries, found))
    for resource, full_url in flat:
        if resource["resourceType"] in ("Medication", "Condition"):
            bundles.add(chart, resource, full_url, patient_id)
    strangers = {url for resource, url in flat if resource["resourceType"] == "Patient" and type(url) is str
                 and bundles.is_of_another(resource, "Patient", patient_id)}
    for number, (resource, _) in enumerate(flat, 1):
        kind = resource["resourceType"]
        if kind not in _DRUG_ORDERS and kind not in _SERVICE_ORDERS:
            found.readable += kind in _OTHER_ORDERS
            if kind not in _OTHER_ORDERS | _BESIDE:
                found.conflicts.append(Unreadable(f"a {kind[:40]} cannot be read as an order", "draft orders"))
            continue
        if bundles.is_of_another(resource, kind, patient_id) or (strangers and bundles.subject(resource) in strangers):
            found.of_another_patient += 1
            continue
        found.readable += 1
        if resource.get("doNotPerform") is True or read.status(resource) in _VOID:
            continue
        _sort(resource, kind, number, found, chart, recogniser, asked, scope, wanted)
    found.ketamine = [*_told_apart(found.ketamine)]
    return found


def _told_apart(found: list[Order]) -> Iterator[Order]:
    """Orders that share an id are told apart by their place, so that none is taken for a dosage of another or deleted in its place."""
    if len(found) < 2:
        return (yield from found)
    shared = [ref for ref, times in Counter(order.ref for order in found).items() if times > 1]
    for number, order in enumerate(found, 1):
        yield replace(order, ref=f"{order.ref} (order {number})") if order.ref in shared else order


def _flat(entries: Iterable[Any], found: Drafts, depth: int = 0) -> Iterator[tuple[dict[str, Any], object]]:
    """The resources of a Bundle with their full URLs, Bundles inside it included; what is none is noted."""
    for entry in entries:
        resource = entry.get("resource") if type(entry) is dict else None
        kind = resource.get("resourceType") if type(resource) is dict else None
        if type(kind) is not str:
            found.conflicts.append(Unreadable("an entry cannot be read", "draft orders"))
        elif kind == "Bundle" and depth < 3:
            inner = resource.get("entry")
            yield from _flat(inner if type(inner) is list else [None], found, depth + 1)
        else:
            yield resource, entry.get("fullUrl")


def _sort(resource: Mapping[str, Any], kind: str, number: int, found: Drafts, chart: Chart, recogniser: Recogniser, asked: Asked,
          scope: str, wanted: Wanted) -> None:
    if kind in _DRUG_ORDERS:
        known = identify(resource, chart, recogniser)
    else:
        known = _service(resource, recogniser)
        if scope not in known.terms and (known.named or _has_public_code(resource)):
            return
    ref = read.name(resource) if resource.get("id") else f"{kind}/(draft {number})"
    if scope in known.terms:
        found.ketamine.append(_order(resource, ref, known, chart, recogniser, asked))
        if known.conflict:
            found.conflicts.append(Unreadable(known.conflict, f"order {ref}"))
    elif not known.named:
        found.ketamine.append(Order(ref, "an order without a readable drug", "", {}, unclear="its drug has no code and no name we can read"))
    elif known.terms:
        found.others.append(ordered_now(resource, known, wanted))


def needs_chart(entries: tuple[Mapping[str, Any], ...], found: Drafts) -> bool:
    """Whether the drafts refer to resources beside them, or hold a drug that cannot be told without them."""
    if any(order.unclear for order in found.ketamine):
        return True
    flat = [resource for resource, _ in _flat(entries, Drafts())]
    known = {entry.get("fullUrl") for entry in entries if type(entry) is dict}.union(map(read.name, flat))
    for resource in flat:
        for key in _REFERRING.intersection(resource):
            refs = [read.reference(resource[key]), *[read.reference(one.get("reference")) for one in read.listed(resource[key])]]
            if any([ref and not ref.startswith("#") and ref not in known for ref in refs]):
                return True
    return False


def _has_public_code(resource: Mapping[str, Any]) -> bool:
    """Whether a service is coded in LOINC or SNOMED CT, which have no code for a ketamine infusion."""
    return any(system(spelled) in (LOINC, SNOMED) for spelled, _, _ in read.concept(resource.get("code"))[0])


def _service(resource: Mapping[str, Any], recogniser: Recogniser) -> Recognised:
    concepts = [read.concept(resource.get("code")), read.concept(resource.get("orderDetail"))]
    codings = tuple(coding for found, _ in concepts for coding in found)
    return recogniser.medication(codings, " ".join(said for _, said in concepts if said))


def _order(resource: Mapping[str, Any], ref: str, known: Recognised, chart: Chart, recogniser: Recogniser, asked: Asked) -> Order:
    entries = dosage.instructions(resource)
    doses = dosage.doses(resource)
    if not entries:
        said = " ".join((known.name, *(read.text(note.get("text")) for note in read.listed(resource.get("note")))))
        by_text = dosage.text_dose(said) if resource.get("resourceType") in _SERVICE_ORDERS else None
        doses = (by_text,) if by_text else ()
    target = medication_resource(resource, read.medication(resource)[1], chart) or {}
    planned = _planned(resource, entries, asked)
    reasons, reason_known = _reasons(resource, chart, recogniser)
    modifier = resource.get("modifierExtension")
    return Order(
        ref, known.name, _text(known, doses, entries), known.terms, routes.of_order(resource, entries, known.route, known.name), doses,
        _strength(known, target), _diluted(known, target, entries), reasons, reason_known, planned,
        ahead=planned is not None and planned.earliest > asked.now + _AHEAD,
        unclear="it carries a modifier extension this service does not know" if modifier else "")


def _strength(known: Recognised, target: Mapping[str, Any]):
    texts = [known.strength, known.name]
    for part in read.listed(target.get("ingredient")):
        ratio = part.get("strength") if type(part.get("strength")) is dict else {}
        top, top_unit = read.quantity(ratio.get("numerator"))
        bottom, bottom_unit = read.quantity(ratio.get("denominator"))
        texts.append(f"{top} {top_unit}/{bottom} {bottom_unit}")
    return dosage.strengths(texts)


def _diluted(known: Recognised, target: Mapping[str, Any], entries: list[dict[str, Any]]) -> bool:
    said = " ".join((known.name, *(read.text(entry.get("text")) for entry in entries))).lower()
    return len(read.listed(target.get("ingredient"))) > 1 or any(word in said for word in _DILUENTS)


def _planned(resource: Mapping[str, Any], entries: list[dict[str, Any]], asked: Asked) -> Moment | None:
    start, _ = read.period_ends(resource.get("occurrencePeriod"))
    raw = [resource.get("occurrenceDateTime"), start]
    for timing in [timing for holder in (*entries, resource) for timing in read.listed(holder.get("timing") or holder.get("occurrenceTiming"))]:
        events = timing.get("event")
        raw += events if type(events) is list else [events]
        raw += [read.period_ends(repeat.get("boundsPeriod"))[0] for repeat in read.listed(timing.get("repeat"))]
    found = [one for one in (moment(value, asked.zone) for value in raw) if one is not None]
    return min(found, key=lambda one: one.earliest, default=None)


def _reasons(resource: Mapping[str, Any], chart: Chart, recogniser: Recogniser) -> tuple[tuple[dict[str, str], ...], bool]:
    raw = read.listed(resource.get("reasonCode") or resource.get("reason"))
    concepts = [read.concept(one.get("concept") or one) for one in raw if "reference" not in one]
    either = [one["reference"] for one in raw if type(one.get("reference")) is dict]
    for ref in (read.listed(resource.get("reasonReference")) + either)[:_MOST_REASONS]:
        target = read.reference(ref)
        held = next((one for one in read.listed(resource.get("contained")) if f"#{one.get('id')}" == target), None)
        held = held or chart.by_reference.get(target) or chart.by_reference.get(f"Condition/{read.tail(target)}") or {}
        concepts.append(read.concept(held.get("code")) if held else ((), read.text(ref.get("display"))))
    named = [recogniser.condition(codings, said) for codings, said in concepts if codings or said]
    return tuple(one.terms for one in named), bool(named)


def _text(known: Recognised, doses: tuple[Dose, ...], entries: list[dict[str, Any]]) -> str:
    said = next((one.text for one in doses if one.text), "") or next(filter(None, map(dosage.said, doses)), "")
    return f"{known.name}, {said}" if said and said not in known.name else known.name


def treatments(records: Iterable[Record], asked: Asked, scope: str,
               members: tuple[str, ...], window: timedelta) -> list[Order]:
    """On patient-view: one stand-in order per drug in scope that the chart shows within the window."""
    latest: dict[str, Order] = {}
    for _, known, one in records:
        if one is None or scope not in one.terms:
            continue
        when = max(filter(None, (one.ended, one.last_known, one.started)), key=lambda found: found.latest, default=None)
        current = one.state not in ("ended",)
        if not current and when is not None and asked.now - when.latest > window:
            continue
        key = "+".join(sorted(name for name in members if name in one.terms)) or scope
        latest.setdefault(key, Order(one.ref, one.name, one.text, one.terms, draft=False))
    return list(latest.values())
