"""Every way a list can be sent, times every way the EHR's server can behave: exactly what the "not checked" card says of that list, or nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fetching import AT_ONCE, SLOW, Fetched, fetched, problem_list_line
from misbehaving import OUTCOME, Document, searchset, serving
from service import asked, of

COPD = {"resourceType": "Condition", "subject": of("p1"), "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"text": "COPD"}}
CHART = [COPD | {"id": f"c-{number}"} for number in range(5)]
ONE = CHART[0]
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}
SENT = {
    "key missing": (..., "not sent by the EHR"),
    "null": (None, "sent as null"),
    "OperationOutcome": (OUTCOME, "the EHR answered with an error (forbidden)"),
    "truncated with next": (searchset(ONE, link=[{"relation": "next", "url": "x"}]), "only the first 1 entries were sent"),
    "wrong resource type": (searchset({"resourceType": "Encounter", "id": "e"}), "the list held no Condition"),
    "single resource": (ONE, "a single Condition was sent instead of a list"),
    "empty Bundle": (searchset(), None),
    "empty Bundle with a warning": (searchset(WARNING, total=0), None),
    "Bundle without type": ({"resourceType": "Bundle", "entry": [{"resource": ONE}]}, None),
    "wrapper": ({"response": {"status": "200"}, "resource": searchset(ONE)}, None),
}
NO_SERVER = ("none named", "none registered", "another registered", "another spelling")
SERVER = {
    "up": None, "paging": None,
    "slow": f"the EHR did not answer within {SLOW * 8 // 10} ms", "slow drip": f"the EHR did not answer within {SLOW * 8 // 10} ms",
    "dripping header": f"the EHR did not answer within {SLOW * 8 // 10} ms",
    "down": "the EHR's server could not be reached",
    **{status: f"the EHR answered {status}" for status in (400, 401, 403, 404, 410, 429, 500, 503)},
    "redirect": "the EHR answered with a redirect (302)", "html": "the EHR answered with HTML", "xml": "the EHR answered with XML",
    "outcome": "the EHR answered with an error (forbidden)", "empty body": "the EHR answered with an empty body",
    "not json": "the EHR answered with something that is not JSON", "a list": "sent in a form that is not FHIR",
    "too large": "the EHR answered with more than 4 MB", "compressed": "the EHR answered in a compressed form that was not asked for",
    "drops filters": "held records of another patient", "reset once": None, "busy once": None, "plain": None, "by intent": None, "cookie": None,
    "endless paging": "the EHR sent more than 10 pages; only the first 10 entries were read",
    "circle": "the EHR's pages go round in a circle", "next to another host": "the EHR sent a page of another host",
    "leaks on the last page": "held records of another patient", "lies about the total": "only 5 of 99 entries were sent",
}
ARRIVES = {"up", "paging", "drops filters", "endless paging", "circle", "next to another host", "leaks on the last page", "lies about the total",
           "reset once", "busy once", "plain", "by intent", "cookie"}
HOLDS_COPD = {"truncated with next", "single resource", "Bundle without type", "wrapper"}
TIMED = {"slow", "slow drip", "dripping header"}
STRANGER = COPD | {"id": "c-of-another", "subject": of("somebody-else")}


def request(sent: object, server: str | None) -> Document:
    document = asked(**({"fhirServer": server} if server else {}))
    document["prefetch"] |= {"conditions": sent, "procedures": searchset(), "adverseevents": searchset()}
    if sent is ...:
        del document["prefetch"]["conditions"]
    return document


@contextmanager
def behaving(manner: str | int) -> Iterator[str]:
    """The base of a server of some manner; for `down` nothing listens there."""
    if manner == "down":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            yield f"http://127.0.0.1:{free.getsockname()[1]}/fhir"
    else:
        with serving([*CHART, *([STRANGER] if manner == "drops filters" else [])], every=manner) as server:
            yield server.base


def told(manner: str | int, sent: str) -> str | None:
    """What must be said of the list after fetching."""
    before, after = SENT[sent][1], SERVER[manner]
    if before is None or after is None:
        return None
    return f"{before}; {after}" if sent == "truncated with next" and manner not in ARRIVES and after not in ODD else after


ODD = {SERVER[manner] for manner in ("outcome", "a list")}


@pytest.mark.parametrize("server", NO_SERVER)
@pytest.mark.parametrize("sent", SENT)
def test_without_a_registered_server_a_list_stays_as_it_was_sent(sent: str, server: str) -> None:
    with serving(CHART) as ehr:
        named = None if server == "none named" else ehr.base
        registered = {"none registered": [], "another registered": [ehr.base + "/r4"], "another spelling": [ehr.base.replace("127.0.0.1", "localhost")]}
        found = fetched(request(SENT[sent][0], named), registered.get(server, [ehr.base]))
        assert problem_list_line(found) == SENT[sent][1]
        assert ehr.asked == []


@pytest.mark.parametrize("manner", SERVER, ids=str)
@pytest.mark.parametrize("sent", SENT)
def test_a_list_is_fetched_where_it_is_missing_and_what_went_wrong_is_said(sent: str, manner: str | int) -> None:
    value, before = SENT[sent]
    with behaving(manner) as base:
        found: Fetched = fetched(request(value, base), [base], SLOW if manner in TIMED else AT_ONCE)
    assert problem_list_line(found) == told(manner, sent)
    arrived = manner in ARRIVES and manner != "endless paging" and before is not None
    assert bool(found.facts.conditions.get("copd")) == (arrived or sent in HOLDS_COPD)


@pytest.mark.parametrize("sent", [sent for sent, (_, said) in SENT.items() if said is None])
def test_a_list_that_came_completely_is_never_asked_for(sent: str) -> None:
    with serving(CHART, every=500) as ehr:
        fetched(request(SENT[sent][0], ehr.base), [ehr.base])
        assert ehr.asked == []
