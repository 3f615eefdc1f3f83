"""Requests of a known size and content: a draft order in the context and a FHIR R4 chart in the prefetch.

Everything is drawn from a seeded generator, so two runs on one day send the same requests; only dates follow the clock, because
measurements must be of today.  Every request of a stream is about a patient of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from random import Random
from typing import Any

import orjson

from benchmarks import resources
from benchmarks.catalogue import KETAMINE, LISINOPRIL, Drug
from benchmarks.resources import Draw

PATH = "/cds-services/ketamine-order-sign"
TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request: how many entries its chart has, how many of the drugs sedate, its draft order, its
    size in bytes and how many different charts there are."""

    name: str
    medications: int
    conditions: int
    sedating: int
    draft: Drug
    size: int
    charts: int


KINDS = {one.name: one for one in (Kind("small", 30, 20, 3, KETAMINE, 58_000, 64), Kind("large", 300, 200, 9, KETAMINE, 568_000, 8),
                                   Kind("other", 30, 20, 3, LISINOPRIL, 58_000, 64))}
"""`other` is the small chart with a draft that is not ketamine."""


def document(kind: Kind, now: datetime, number: int = 0) -> dict[str, Any]:
    """The request with one of the charts of a kind; `number` chooses the chart."""
    chart = "large" if kind.name == "large" else "small"
    draw = Draw(Random(f"{chart} {number}"), now, _room(kind))
    prefetch = {
        "patient": resources.patient(draw),
        "conditions": _bundle("Condition", resources.conditions(draw, kind.conditions)),
        "medicationstatements": _bundle("MedicationStatement", resources.statements(draw, kind.medications // 2, kind.sedating // 2)),
        "medicationrequests": _bundle("MedicationRequest", resources.requests(
            draw, kind.medications - kind.medications // 2, kind.sedating - kind.sedating // 2)),
        "observations": _bundle("Observation", [resources.blood_pressure(draw), resources.weight(draw)]),
    }
    drafts = _bundle("MedicationRequest", [resources.draft(draw, kind.draft)])
    return {
        "hook": "order-sign", "hookInstance": f"9d4f3c1a-77b0-4a5e-8c1d-{resources.SERIAL}0000", "fhirServer": "https://fhir.example.org/r4",
        "context": {"userId": "Practitioner/pr-104", "patientId": resources.PATIENT, "encounterId": "enc-2087", "draftOrders": drafts},
        "prefetch": prefetch,
    }


def stream(kind: Kind, now: datetime) -> Iterator[bytes]:
    """Request bodies without end: the charts of a kind in turn, every one for a patient of its own."""
    charts: list[bytes] = []
    for serial in count():
        if serial < kind.charts:
            charts.append(_sized(kind, orjson.dumps(document(kind, now, serial))))
        yield charts[serial % kind.charts].replace(resources.SERIAL.encode(), b"%08d" % serial)


def _room(kind: Kind) -> int:
    """Bytes one chart entry may fill so that the request gets its size; a Bundle entry adds about 110 around it."""
    return (kind.size - 4_000) // (kind.medications + kind.conditions) - 110


def _bundle(name: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle", "type": "searchset", "total": len(entries),
        "link": [{"relation": "self", "url": f"https://fhir.example.org/r4/{name}?patient={resources.PATIENT}"}],
        "entry": [{"fullUrl": f"https://fhir.example.org/r4/{name}/{one['id']}", "resource": one, "search": {"mode": "match"}}
                  for one in entries],
    }


def _sized(kind: Kind, written: bytes) -> bytes:
    """The body as a FHIR server writes it: with the trailing zeros of decimals, so that it is not what our own writer would write."""
    body = written.replace(b'.5,"unit":"kg"', b'.50,"unit":"kg"')
    if abs(len(body) - kind.size) > TOLERANCE * kind.size:
        raise ValueError(f"a {kind.name} request has {len(body)} bytes, not about {kind.size}")
    return body
