"""What prefetch left out, asked for at the EHR's registered FHIR server: in parallel, within one deadline, and nothing goes on afterwards."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from cds.fhir import bases, bundles, paging, read
from cds.fhir.access import Access
from cds.fhir.bundles import NOT_SENT, SENT_AS_NULL, TYPES, Chart, Received
from cds.fhir.outbound import LATE, Server, running
from cds.fhir.paging import Listing
from cds.fhir.queries import Searches, filled

CALLS = 64
"""Calls of one process that are under way at the same time; further ones wait, within their deadline."""
MOST_DRUGS = 20
_GRACE = 0.05
_MEDICATION = re.compile(r"Medication/([A-Za-z0-9._-]{1,256})(?:/_history/[A-Za-z0-9._-]{1,64})?")
_NOT_OFFERED = frozenset({"medicationstatements", "medicationadministrations", "procedures", "adverseevents"})
"""Lists that many EHRs do not have: 404 for one that was not sent, or as null, says so, and not that it failed."""
_REFUSED = frozenset({400, 401, 403, 404, 405, 410, 422, 501})


@dataclass(frozen=True, slots=True)
class Asking:
    """One request's right to ask: whom, how, for which patient, by which instant of the running clock, `within` so many milliseconds."""

    server: Server
    access: Access
    patient_id: str
    until: float
    within: int


class Ehr:
    """The registered FHIR servers of a process, and the threads that ask them."""

    def __init__(self, registered: Iterable[str]) -> None:
        self._servers = {base: Server(base) for base in registered}
        self._calls = ThreadPoolExecutor(CALLS, thread_name_prefix="cds-fetch")

    def server(self, sent: str | None) -> Server | None:
        """The server that a request names, None where it is not registered."""
        base = bases.matching(sent, self._servers)
        return self._servers[base] if base else None

    def told(self) -> dict[str, str]:
        """Every registered base, and whether it is asked or was left alone after failures."""
        return {base: f"failed {server.breaker.failures} times in a row" if server.breaker.open else "asked" for base, server in self._servers.items()}

    def close(self) -> None:
        """End its threads and connections."""
        self._calls.shutdown(cancel_futures=True)
        for server in self._servers.values():
            server.close()

    def complete(self, found: Chart, keys: Collection[str], searches: Searches, asking: Asking) -> Chart:
        """The chart with what could be fetched for some prefetch keys; what could not be says why."""
        refused = self._refusal(asking)
        if refused:
            for key in keys:
                found.received[key] = _failed(found.received.get(key, NOT_SENT), refused)
            return found
        ways = {key: tuple(filled(template, asking.patient_id) for template in searches[key]) for key in keys}
        listings = self._asked(ways, asking)
        for key, listing in listings.items():
            _enter(found, key, listing, asking.patient_id)
        self._note(listings.values(), asking)
        return found

    def drugs(self, found: Chart, refs: Sequence[str], asking: Asking) -> Chart:
        """The chart with some Medications, named as `unnamed` names them, as far as they could be had."""
        if not refs or running() >= asking.until or self._refusal(asking):
            return found
        listings = self._asked({ref: (ref,) for ref in refs[:MOST_DRUGS]}, asking)
        for ref, listing in listings.items():
            for page in listing.pages:
                if isinstance(page, dict) and read.name(page) == ref:
                    bundles.add(found, page, None, asking.patient_id)
        self._note(listings.values(), asking)
        return found

    def _refusal(self, asking: Asking) -> str:
        if asking.access.refused:
            return asking.access.refused
        if set(asking.patient_id) <= {"."}:
            return "the patient's id cannot be asked for"
        if not asking.server.breaker.allows(running()):
            return f"the EHR's server failed {asking.server.breaker.failures} times in a row and is left alone for some seconds"
        return ""

    def _note(self, listings: Collection[Listing], asking: Asking) -> None:
        asked = [one for one in listings if one.begun]
        asking.server.breaker.note(not all(one.down for one in asked) if asked else None, running())

    def _asked(self, ways: Mapping[str, Sequence[str]], asking: Asking) -> dict[str, Listing]:
        """Everything at once; what is still missing when time is up is cut, and its thread is free again when this returns."""
        listings = {key: Listing() for key in ways}
        calls = [self._calls.submit(paging.fill, listings[key], key, paths, asking.server, asking.access, asking.until)
                 for key, paths in ways.items()]
        _wait(calls, asking.until - running())
        for call, listing in zip(calls, listings.values()):
            if not call.done() and not call.cancel():
                listing.call.cut()
        _wait(calls, _GRACE)
        return {key: _worded(listing, asking.within) for key, listing in listings.items()}


def missing(found: Chart, searches: Searches) -> tuple[str, ...]:
    """The prefetch keys that rules need and that did not come completely."""
    return tuple(key for key in searches if not found.received.get(key, NOT_SENT).complete
                 and not (key == "patient" and found.resources.get("Patient")))


def _wait(calls: Collection[Future[None]], seconds: float) -> None:
    wait(calls, max(0.0, seconds))


def _worded(listing: Listing, within: int) -> Listing:
    """A copy that no late thread changes any more, its failure in words."""
    reason, down, pages = listing.reason, listing.down, list(listing.pages)
    if not listing.begun:
        reason = f"the EHR could not be asked within {within} ms, too many requests are under way"
    elif reason == LATE or not listing.ended:
        reason, down = f"the EHR did not answer within {within} ms", True
    return Listing(pages, reason, listing.status, listing.begun, listing.ended, down)


def _enter(found: Chart, key: str, listing: Listing, patient_id: str) -> None:
    """Put what was fetched in the place of what was sent, and say how the list stands now."""
    was = found.received.get(key, NOT_SENT)
    if not listing.pages:
        if not (listing.status == 404 and key in _NOT_OFFERED and (not was.asked or was.reason == SENT_AS_NULL)):
            found.received[key] = _failed(was, listing.reason, listing.status in _REFUSED)
        return
    document = paging.together(listing.pages)
    _forget(found, document, patient_id)
    received = bundles.take(found, document, TYPES[key], patient_id)
    if listing.reason and (received.complete or received.truncated):
        received = Received(False, listing.reason, truncated=True)
    elif was.truncated and not (isinstance(document, dict) and document.get("resourceType") == "Bundle"):
        received = _failed(was, received.reason)
    found.received[key] = received


def _failed(was: Received, reason: str, refused: bool = False) -> Received:
    """A list that could not be fetched; a page that was sent still counts as far as it goes."""
    if was.truncated:
        return Received(False, f"{was.reason}; {reason}", truncated=True)
    return Received(False, reason, refused=refused)


def _forget(found: Chart, document: Any, patient_id: str) -> None:
    """Earlier copies of what was fetched for this patient: the newer one counts."""
    entries = read.listed(document.get("entry")) if isinstance(document, dict) else []
    fetched: dict[str, set[str]] = {}
    for resource in (entry.get("resource") for entry in entries):
        kind, identity = (resource.get(name) for name in ("resourceType", "id")) if isinstance(resource, dict) else (None, None)
        if isinstance(kind, str) and isinstance(identity, str) and not bundles.is_of_another(resource, kind, patient_id):
            fetched.setdefault(kind, set()).add(identity)
    for kind, ids in fetched.items():
        if ids.isdisjoint(found.seen.get(kind, ())):
            continue
        found.resources[kind] = [one for one in found.resources.get(kind, ()) if one.get("id") not in ids]
        found.seen[kind] = {identity: one for identity, one in found.seen[kind].items() if identity not in ids}


def unnamed(found: Chart, resources: Iterable[Mapping[str, Any]], base: str) -> tuple[str, ...]:
    """`Medication/id` of the drugs on a FHIR base that some resources refer to without a name, and that are not in the chart.

    The same id on another server is another drug, so what lies elsewhere stays unnamed.
    """
    refs: dict[str, None] = {}
    for resource in resources:
        _, named = read.medication(resource)
        if type(named) is not dict or read.text(named.get("display")):
            continue
        ref = read.reference(named)
        here = _MEDICATION.fullmatch(ref.removeprefix(base + "/"))
        if here is None:
            continue
        name = f"Medication/{here[1]}"
        if set(here[1]) != {"."} and not {ref, name} & found.by_reference.keys():
            refs[name] = None
    return tuple(refs)
