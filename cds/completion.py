"""What the EHR left out of a request, fetched from its registered FHIR server before the request is decided.

No more is asked for than the rules of the hook read, and nothing for a patient without ketamine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from cds.fhir.access import granted
from cds.fhir.bundles import Chart, chart
from cds.fhir.fetch import Asking, Ehr, missing, unnamed
from cds.fhir.outbound import running
from cds.fhir.queries import Searches, searches
from cds.hooks.request import ORDER_HOOKS, HookRequest
from cds.pipeline import Ready, concerned

SHARE = 0.8
"""The part of the deadline after which a list that is still missing counts as unreadable."""
_DRUGS = ("medicationstatements", "medicationrequests", "medicationadministrations")


@dataclass(frozen=True, slots=True)
class Gap:
    """A request that lacks something which can be asked for: its chart so far, and what is needed to complete it."""

    request: HookRequest
    found: Chart
    ready: Ready
    now: datetime
    zone: tzinfo | None
    searches: Searches
    asking: Asking


def gap(request: HookRequest, ready: Ready, now: datetime, zone: tzinfo | None, searches: Searches, ehr: Ehr,
        arrived: float, deadline: int) -> Gap | Chart | None:
    """What a request lacks where it can be had; else its chart as it was sent, or None where nobody looked.

    `arrived` is an instant of the running clock, `deadline` are the milliseconds from then on.
    """
    server = ehr.server(request.fhir_server)
    if server is None or request.hook in ORDER_HOOKS and not request.draft_orders:
        return None
    if request.hook in ORDER_HOOKS and not concerned(request, Chart(), ready, now, zone):
        return None
    found = chart(request.prefetch, request.patient_id)
    if not missing(found, searches) and not unnamed(found, [*_ordered(request), *_recorded(found)], server.base):
        return found
    within = int(deadline * SHARE)
    asking = Asking(server, granted(request.authorization, arrived), request.patient_id, arrived + within / 1000, within)
    return Gap(request, found, ready, now, zone, searches, asking)


def completed(lack: Gap, ehr: Ehr) -> Chart:
    """The chart with what could be fetched until the deadline; what could not says why.  Blocks; never raises for what a server does."""
    request, found, asking = lack.request, lack.found, lack.asking
    tried: set[str] = set()

    def name(resources: Sequence[Mapping[str, Any]]) -> None:
        refs = [ref for ref in unnamed(found, resources, asking.server.base) if ref not in tried]
        tried.update(refs)
        ehr.drugs(found, refs, asking)

    name(_ordered(request))
    if request.hook not in ORDER_HOOKS:
        drugs = [key for key in missing(found, lack.searches) if key in _DRUGS]
        if drugs:
            ehr.complete(found, drugs, lack.searches, asking)
        name(_recorded(found))
    if not concerned(request, found, lack.ready, lack.now, lack.zone):
        return found
    keys = [key for key in missing(found, lack.searches) if key not in _DRUGS or request.hook in ORDER_HOOKS]
    if keys:
        ehr.complete(found, keys, lack.searches, asking)
    name(_recorded(found))
    return found


def fetched(request: HookRequest, ready: Ready, now: datetime, zone: tzinfo | None, bases: Sequence[str], deadline: int) -> Chart | None:
    """The chart of one request, completed from one of some registered bases; the deadline begins now."""
    ehr = Ehr(bases)
    try:
        lack = gap(request, ready, now, zone, searches(request.hook, ready.rulebook), ehr, running(), deadline)
        return completed(lack, ehr) if isinstance(lack, Gap) else lack
    finally:
        ehr.close()


def _ordered(request: HookRequest) -> list[Mapping[str, Any]]:
    resources = [entry.get("resource") for entry in request.draft_orders or ()]
    return [one for one in resources if isinstance(one, dict)]


def _recorded(found: Chart) -> Sequence[Mapping[str, Any]]:
    return [one for kind in ("MedicationStatement", "MedicationRequest", "MedicationAdministration") for one in found.resources.get(kind, ())]
