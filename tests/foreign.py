"""FHIR data that nobody here wrote, as order-sign requests: one for each patient of a folder that stays out of the project.

The folder is named by CDS_FOREIGN_DATA, else it is `../shared/data` beside the checkout.  Each folder in it is a set: JSON files
(single resources, or Bundles of one patient or many) and NDJSON files as bulk exports write them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from charts import NOW, READY
from service import bundle, order

from cds.fhir import read
from cds.fhir.bundles import TYPES
from cds.fhir.queries import searches

PLACE = Path(os.environ.get("CDS_FOREIGN_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
WHY_NOT = "" if PLACE.is_dir() else "no folder of foreign data; name one with CDS_FOREIGN_DATA"
KEYS = tuple(searches("order-sign", READY.rulebook))
_DATED = ("effectiveDateTime", "issued", "authoredOn", "dateAsserted", "recordedDate", "performedDateTime")
_WHOLE = 10
"""A Bundle with at least so many entries and a single Patient is that patient's chart; smaller ones are examples, some of several patients."""
Document = dict[str, Any]


@dataclass(frozen=True)
class Patient:
    """What a set holds of one patient in the lists that are asked for, and when it is asked about: an hour after its newest entry."""

    name: str
    identity: str
    resources: tuple[Document, ...]
    now: datetime

    def request(self, turned: bool = False) -> Document:
        """A draft order of 40 mg ketamine over 40 minutes by vein, with the chart; `turned` mixes the entries of every list."""
        context = {"userId": "Practitioner/1", "patientId": self.identity, "draftOrders": bundle(order(patient=self.identity))}
        return {"hook": "order-sign", "hookInstance": self.name, "context": context, "prefetch": {key: self._list(key, turned) for key in KEYS}}

    def _list(self, key: str, turned: bool) -> Document | None:
        held = [one for one in self.resources if one["resourceType"] == TYPES[key]]
        if key == "patient":
            return held[0] if held else None
        named = {read.tail(read.reference(one.get("medicationReference"))) for one in held}
        beside = [one for one in self.resources if one["resourceType"] == "Medication" and one.get("id") in named]
        entries = held + beside
        middle = len(entries) // 3
        return bundle(*(entries[middle:][::-1] + entries[:middle] if turned else entries), total=len(held))


def patients() -> tuple[Patient, ...]:
    """Every patient of every set; those of whom least is held come first."""
    found = [one for folder in sorted(PLACE.iterdir()) if folder.is_dir() for one in _of_set(folder)]
    return tuple(sorted(found, key=lambda one: (len(one.resources), one.name)))


def _of_set(folder: Path) -> Iterator[Patient]:
    loose: list[Document] = []
    for file in sorted(folder.iterdir()):
        held = [one for document in _documents(file) for one in _inside(document, {})]
        people = {one.get("id") for one in held if one["resourceType"] == "Patient"}
        if file.suffix == ".json" and len(held) >= _WHOLE and len(people) == 1:
            yield _patient(f"{folder.name}/{file.stem}", people.pop(), held)
        else:
            loose += held
    drugs = [one for one in loose if one["resourceType"] == "Medication"]
    of: dict[str, list[Document]] = {}
    for one in loose:
        if one["resourceType"] in TYPES.values():
            of.setdefault(_whose(one), []).append(one)
    for identity, held in of.items():
        yield _patient(f"{folder.name}/{identity}", identity, [*held, *drugs])


def _patient(name: str, identity: str, held: Sequence[Document]) -> Patient:
    kept = tuple(one for one in held if one["resourceType"] in (*TYPES.values(), "Medication"))
    return Patient(name, identity, kept, max((stamp for one in kept for stamp in _stamps(one)), default=NOW) + timedelta(hours=1))


def _stamps(resource: Document) -> Iterator[datetime]:
    for value in (resource.get(name) for name in _DATED):
        if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
            found = datetime.fromisoformat(re.sub(r"\.\d+", "", value).replace("Z", "+00:00"))
            yield found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _whose(resource: Document) -> str:
    """The id of the patient; what names nobody who can be asked for is put together under `nobody`."""
    subject = resource.get("subject") or resource.get("patient")
    identity = resource.get("id") if resource["resourceType"] == "Patient" else read.tail(read.reference(subject))
    return identity if isinstance(identity, str) and read.is_id(identity) else "nobody"


def _documents(file: Path) -> list[Document]:
    text = file.read_text("utf-8-sig")
    return [json.loads(line) for line in text.splitlines() if line.strip()] if file.suffix == ".ndjson" else [json.loads(text)]


def _inside(document: Document, names: dict[str, str]) -> Iterator[Document]:
    """The resources of a document, however deep in Bundles, their patient named as a server does where the Bundle names it by full URL."""
    if document.get("resourceType") != "Bundle":
        if isinstance(document.get("resourceType"), str):
            yield {key: _renamed(value, names) if key in ("subject", "patient") else value for key, value in document.items()}
        return
    entries = [entry for entry in document.get("entry", ()) if isinstance(entry.get("resource"), dict)]
    names = names | {entry["fullUrl"]: f"{entry['resource'].get('resourceType')}/{entry['resource'].get('id')}" for entry in entries if entry.get("fullUrl")}
    for entry in entries:
        yield from _inside(entry["resource"], names)


def _renamed(subject: Any, names: dict[str, str]) -> Any:
    return {**subject, "reference": names[subject["reference"]]} if isinstance(subject, dict) and subject.get("reference") in names else subject
