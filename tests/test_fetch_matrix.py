"""Every way a list can be sent, times every way the EHR's server can behave, for every list the rules read: exactly what the "not checked" card says.

The large table sends all lists in one way to a server of one manner; the table by list breaks one list and leaves the others whole.
Cells in which a deadline passes wait side by side.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from charts import READY, ago
from fetching import AT_ONCE, Fetched, fetched, lines
from misbehaving import OUTCOME, Document, searchset, serving
from service import asked, drug, measured, of, theophylline

from cds.fhir.bundles import TYPES
from cds.fhir.fetch import CALLS
from cds.fhir.queries import searches

DEADLINE = 2500
LATE = f"the EHR did not answer within {DEADLINE * 8 // 10} ms"
MANY = 5
HELD: dict[str, Document] = {
    "patient": {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01", "gender": "male"},
    "conditions": {"resourceType": "Condition", "subject": of("p1"), "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"text": "COPD"}},
    "medicationstatements": theophylline(), "medicationrequests": theophylline(kind="MedicationRequest"), "observations": measured("8480-6", 120, "mmHg", "o"),
    "allergies": {"resourceType": "AllergyIntolerance", "patient": of("p1"), "code": {"text": "Penicillin"}},
    "procedures": {"resourceType": "Procedure", "subject": of("p1"), "status": "completed", "code": {"text": "Appendectomy"}},
    "adverseevents": {"resourceType": "AdverseEvent", "subject": of("p1"), "actuality": "actual", "event": {"text": "Rash"}}}
NAMES = {"patient": "Patient record", "conditions": "Problem list", "medicationstatements": "Medication list", "medicationrequests": "Medication list",
         "observations": "Measurements", "allergies": "Allergy list", "procedures": "Procedure list", "adverseevents": "Adverse event reports"}
FEW_OFFER = {"medicationstatements", "procedures", "adverseevents"}
CHART = [HELD["patient"], *(one | {"id": f"{key}-{number}"} for key, one in HELD.items() if key != "patient" for number in range(MANY))]
STRANGERS = [{**one, "patient" if "patient" in one else "subject": of("somebody-else"), "id": f"{key}-of-another"} for key, one in HELD.items() if key != "patient"]
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}
EMPTY = ("empty Bundle", "empty Bundle with a warning")
WHOLE = ("Bundle without type", "wrapper", *EMPTY)
SHAPES = ("key missing", "null", "OperationOutcome", "truncated with next", "wrong resource type", "single resource", *WHOLE)
NO_SERVER = ("none named", "none registered", "another registered", "another spelling")
TIMED = ("slow", "slow drip", "dripping header")
SERVER: dict[str | int, str | None] = {
    **dict.fromkeys(("up", "paging", "reset once", "busy once", "plain", "by intent", "cookie")), **dict.fromkeys(TIMED, LATE),
    "down": "the EHR's server could not be reached", **{status: f"the EHR answered {status}" for status in (400, 401, 403, 404, 410, 429, 500, 503)},
    "redirect": "the EHR answered with a redirect (302)", "html": "the EHR answered with HTML", "xml": "the EHR answered with XML",
    "outcome": "the EHR answered with an error (forbidden)", "empty body": "the EHR answered with an empty body",
    "not json": "the EHR answered with something that is not JSON", "a list": "sent in a form that is not FHIR",
    "too large": "the EHR answered with more than 4 MB", "compressed": "the EHR answered in a compressed form that was not asked for",
    "drops filters": "held records of another patient", "leaks on the last page": "held records of another patient",
    "endless paging": "the EHR sent more than 10 pages; only the first 10 entries were read", "circle": "the EHR's pages go round in a circle",
    "next to another host": "the EHR sent a page of another host", "lies about the total": f"only {MANY} of 99 entries were sent"}
ARRIVES = {manner for manner, said in SERVER.items() if said is None} | {
    "drops filters", "leaks on the last page", "endless paging", "circle", "next to another host", "lies about the total"}
Manner = str | int


def value(key: str, sent: str) -> Any:
    one = {"id": "sent"} | HELD[key]
    return {"null": None, "OperationOutcome": OUTCOME, "truncated with next": searchset(one, link=[{"relation": "next", "url": "x"}]),
            "wrong resource type": searchset({"resourceType": "Encounter", "id": "e"}), "single resource": one, "empty Bundle": searchset(),
            "empty Bundle with a warning": searchset(WARNING, total=0), "Bundle without type": {"resourceType": "Bundle", "entry": [{"resource": one}]},
            "wrapper": {"response": {"status": "200"}, "resource": searchset(one)}}[sent]


def request(sent: dict[str, str], server: str | None, **more: Any) -> Document:
    """A request in which some lists are sent in some ways and the others are whole."""
    document = asked(**({"fhirServer": server} if server else {}), **more)
    document["prefetch"] |= {"procedures": searchset(), "adverseevents": searchset()}
    document["prefetch"] |= {key: value(key, way) for key, way in sent.items() if way != "key missing"}
    for key in (key for key, way in sent.items() if way == "key missing"):
        document["prefetch"].pop(key, None)
    return document


# ---- what must be said


def as_sent(key: str, sent: str) -> str | None:
    """Why a list is not whole as it was sent, None where it is."""
    if key == "patient" and sent in (*EMPTY, "single resource", "truncated with next"):
        return "the answer held no Patient" if sent in EMPTY else None
    return {"key missing": "not sent by the EHR", "null": "sent as null", "OperationOutcome": "the EHR answered with an error (forbidden)",
            "truncated with next": "only the first 1 entries were sent", "wrong resource type": f"the list held no {TYPES[key]}",
            "single resource": f"a single {TYPES[key]} was sent instead of a list"}.get(sent)


def why(key: str, sent: str, manner: Manner | None) -> tuple[str | None, bool]:
    """Why a list is not whole in the end, None where it is; and whether that is a gap, and not a list that the EHR does not have."""
    before = as_sent(key, sent)
    gap = sent != "key missing" and (key, sent) != ("adverseevents", "null")
    if before is None or manner is None or manner == 404 and sent in ("key missing", "null") and key in FEW_OFFER:
        return before, gap
    if SERVER[manner] is None or key == "patient" and manner in ARRIVES:
        return None, True
    if sent == "truncated with next":
        return SERVER[manner] if manner in ARRIVES else f"{before}; {SERVER[manner]}", True
    return SERVER[manner], True


def told(sent: dict[str, str], manner: Manner | None) -> dict[str, str]:
    """The lines of the card about lists."""
    found = {key: why(key, way, manner) for key, way in sent.items()}
    lacking = {NAMES[key]: reason for key, (reason, gap) in found.items() if reason and not key.startswith("medication") and (gap or key not in FEW_OFFER)}
    if "allergies" in sent and sent["allergies"] in EMPTY:
        lacking["Allergy list"] = "empty, and no entry says that there are none"
    drugs = {key: found.get(key, (None, True)) for key in ("medicationstatements", "medicationrequests")}
    broken = {TYPES[key]: reason for key, (reason, gap) in drugs.items() if reason and gap}
    if all(reason for reason, _ in drugs.values()):
        lacking["Medication list"] = "; ".join(dict.fromkeys(broken.values())) or "not sent by the EHR"
    elif broken:
        lacking["Medication list"] = "".join(f"{kind}: {reason}" for kind, reason in broken.items())
    return lacking


def said(found: Fetched) -> dict[str, str]:
    return {name: why for name, why in lines(found.cards).items() if name in NAMES.values()}


# ---- servers


@contextmanager
def behaving(manner: Manner) -> Iterator[Any]:
    """The server of some manner; for `down` only a base, where nothing listens."""
    if manner == "down":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            yield f"http://127.0.0.1:{free.getsockname()[1]}/fhir"
    else:
        with serving([*CHART, *(STRANGERS if manner == "drops filters" else [])], every=manner) as server:
            yield server


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[Manner, Any]]:
    with ExitStack() as stack:
        yield {manner: stack.enter_context(behaving(manner)) for manner in SERVER}


Cell = tuple[str, str, Manner]
BY_SHAPE: list[Cell] = [("every list", sent, manner) for sent in SHAPES for manner in SERVER]
BY_LIST: list[Cell] = [(key, sent, manner) for key in HELD for manner in SERVER for sent in ("key missing", "truncated with next")]


def broken(cell: Cell) -> dict[str, str]:
    key, sent, _ = cell
    return dict.fromkeys(HELD, sent) if key == "every list" else {key: sent}


def asking(cell: Cell, servers: dict[Manner, Any], deadline: int) -> Fetched:
    server = servers[cell[2]]
    base = server if isinstance(server, str) else server.base
    return fetched(request(broken(cell), base), [base], deadline)


@pytest.fixture(scope="module")
def waited(servers: dict[Manner, Any]) -> dict[Cell, Fetched]:
    """All cells in which the deadline passes, asked at the same time."""
    cells = [cell for cell in (*BY_SHAPE, *BY_LIST) if cell[2] in TIMED]
    with ThreadPoolExecutor(min(len(cells), CALLS // len(NAMES))) as threads:
        return dict(zip(cells, threads.map(lambda cell: asking(cell, servers, DEADLINE), cells)))


# ---- the tables


@pytest.mark.parametrize("cell", [*BY_SHAPE, *BY_LIST], ids=lambda cell: " - ".join(map(str, cell)))
def test_a_list_is_fetched_where_it_is_missing_and_what_went_wrong_is_said(cell: Cell, servers: dict[Manner, Any], waited: dict[Cell, Fetched]) -> None:
    sent, manner = broken(cell), cell[2]
    if cell in waited:
        found = waited[cell]
    else:
        if manner != "down":
            servers[manner].asked.clear()
        found = asking(cell, servers, AT_ONCE)
    assert said(found) == told(sent, manner)
    lacking = {key for key, way in sent.items() if as_sent(key, way)}
    arrived = manner in ARRIVES - {"endless paging"}
    held = {key for key, way in sent.items() if way in ("truncated with next", "single resource", "Bundle without type", "wrapper")}
    for key, known in (("conditions", found.facts.conditions.get("copd")), ("medicationstatements", found.facts.medications.get("xanthines"))):
        assert bool(known) == any(one in held or arrived and one in lacking for one in ({key} | ({"medicationrequests"} if key != "conditions" else set())) & sent.keys())
    if manner != "down" and cell not in waited:
        assert {path.partition("/")[0] for path in servers[manner].paths()} == {TYPES[key] for key in lacking}, "no list is asked for that came completely"


@pytest.mark.parametrize(("key", "server"), [("every list", server) for server in NO_SERVER] + [(key, "none named") for key in HELD])
@pytest.mark.parametrize("sent", SHAPES)
def test_without_a_registered_server_a_list_stays_as_it_was_sent(key: str, sent: str, server: str, servers: dict[Manner, Any]) -> None:
    ehr = servers["up"]
    ehr.asked.clear()
    registered = {"none registered": [], "another registered": [ehr.base + "/r4"], "another spelling": [ehr.base.replace("127.0.0.1", "localhost")]}
    lists = broken((key, sent, "up"))
    found = fetched(request(lists, None if server == "none named" else ehr.base), registered.get(server, [ehr.base]))
    assert said(found) == told(lists, None) and ehr.asked == []


@pytest.mark.parametrize("manner", [one for one in SERVER if one not in TIMED], ids=str)
@pytest.mark.parametrize("sent", ["key missing", "truncated with next"])
def test_administered_drugs_of_an_opened_chart_are_told_in_the_same_words(sent: str, manner: Manner, servers: dict[Manner, Any]) -> None:
    server, ketamine = servers[manner], drug("ketamine", "6130", "k-1", "MedicationRequest", authoredOn=ago(3))
    base = server if isinstance(server, str) else server.base
    document = request({}, base, hook="patient-view", medicationrequests=(ketamine,))
    given = {"resourceType": "MedicationAdministration", "id": "sent", "status": "completed", "subject": of("p1"), "medicationCodeableConcept": {"text": "saline"}}
    page = searchset(given, link=[{"relation": "next", "url": "x"}])
    document["prefetch"] |= {} if sent == "key missing" else {"medicationadministrations": page}
    if not isinstance(server, str):
        server.asked.clear()
    line = lines(fetched(document, [base]).cards).get("Administered drugs")
    after = {"lies about the total": "only 0 of 99 entries were sent", "drops filters": None, "endless paging": SERVER["endless paging"]}.get(manner, SERVER[manner])
    quiet = after is None or manner == 404 and sent == "key missing"
    assert line == (None if quiet else f"only the first 1 entries were sent; {after}" if sent == "truncated with next" and manner not in ARRIVES else after)


def test_every_list_that_a_hook_asks_for_is_in_the_tables() -> None:
    asked_for = {key for hook in ("patient-view", "order-select", "order-sign") for key in searches(hook, READY.rulebook)}
    assert asked_for == HELD.keys() | {"medicationadministrations"}
