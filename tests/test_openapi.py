"""The OpenAPI document held against the real service by schemathesis: what it says is taken is taken, what it rules out is refused, and every
answer is one that it describes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from misbehaving import Misbehaving, serving
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, positive_data_acceptance, response_schema_conformance, status_code_conformance
from service import AS_OF, ROOT, Service, asked, running, theophylline

from cds.web.openapi import document

DOCUMENT = document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item]
HOOKS = [path for path, method in OPERATIONS if method == "POST" and not path.endswith("/feedback")]
FEEDBACK = "/cds-services/ketamine-order-sign/feedback"  # the three take the same, and one call waits half a second for the cards of other workers
GETS = [path for path, method in OPERATIONS if method == "GET"]
DESCRIBED = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SIGN = "/cds-services/ketamine-order-sign"
few = settings(deadline=None, database=None, derandomize=True, max_examples=20, suppress_health_check=list(HealthCheck))
fewer = settings(few, max_examples=8)


@pytest.fixture(scope="module")
def ehr() -> Iterator[Misbehaving]:
    with serving([theophylline()]) as server:
        yield server


@pytest.fixture(scope="module")
def service(ehr: Misbehaving) -> Iterator[Service]:
    with running("--as-of", AS_OF, "--fhir-base", ehr.base, "--allow-local-fhir", "--deadline", "5000") as one:
        yield one
        assert "Traceback" not in one.log()


@pytest.fixture(scope="module")
def line() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def test_the_document_is_the_one_the_service_gives(service: Service) -> None:
    assert service.get("/openapi.json").json() == DOCUMENT


def tried(service: Service, line: requests.Session, path: str, data: st.DataObject, mode: GenerationMode) -> None:
    """Send one generated call, and hold the answer against the document."""
    case = data.draw(SCHEMA[path]["POST"].as_strategy(generation_mode=mode))
    right = mode == GenerationMode.POSITIVE
    if path == FEEDBACK and right:
        case.body["feedback"] = [entry | {"outcomeTimestamp": "2026-06-30T10:00:05Z"} for entry in case.body["feedback"]]  # no schema says "not later than now"
    case.validate_response(case.call(base_url=service.base, session=line), checks=[*DESCRIBED, *([positive_data_acceptance] if right else [])])


@pytest.mark.parametrize("path", HOOKS)
@given(data=st.data())
@few
def test_a_request_that_the_document_describes_is_taken(service: Service, line: requests.Session, path: str, data: st.DataObject) -> None:
    tried(service, line, path, data, GenerationMode.POSITIVE)


@pytest.mark.parametrize("path", HOOKS)
@given(data=st.data())
@few
def test_a_request_that_the_document_rules_out_gets_an_answer_that_it_describes(service: Service, line: requests.Session, path: str, data: st.DataObject) -> None:
    tried(service, line, path, data, GenerationMode.NEGATIVE)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@given(data=st.data())
@fewer
def test_feedback_gets_an_answer_that_the_document_describes(service: Service, line: requests.Session, mode: GenerationMode, data: st.DataObject) -> None:
    tried(service, line, FEEDBACK, data, mode)


@pytest.mark.parametrize("path", GETS)
def test_what_is_only_read_and_other_methods_are_answered_as_described(service: Service, path: str) -> None:
    case = SCHEMA[path]["GET"].Case()
    case.call_and_validate(base_url=service.base, checks=DESCRIBED)
    wrong = SCHEMA[path]["GET"].Case(method="DELETE")
    assert wrong.call(base_url=service.base).status_code == 405


def described(path: str, answer: requests.Response) -> None:
    SCHEMA[path]["POST"].validate_response(answer)


@pytest.mark.parametrize("story", sorted((ROOT / "fhir_fixtures").glob("*/request.json")), ids=lambda path: path.parent.name)
def test_the_cards_of_every_story_have_the_form_that_the_document_describes(service: Service, story: Path) -> None:
    asked_for = json.loads(story.read_text())
    path = f"/cds-services/ketamine-{asked_for['hook']}"
    answer = service.ask(asked_for, path.rpartition("/")[2])
    described(path, answer)
    assert str(answer.status_code) in DOCUMENT["paths"][path]["post"]["responses"]


@pytest.mark.parametrize("manner", ["up", 403, 500, "endless paging", "reset once"])
def test_answers_after_fetching_have_the_form_that_the_document_describes(service: Service, ehr: Misbehaving, manner: str | int) -> None:
    ehr.manners["every"] = manner
    ehr.asked.clear()
    answer = service.ask(asked(fhirServer=ehr.base) | {"prefetch": {}})
    described(SIGN, answer)
    assert answer.status_code == (200 if manner in ("up", "reset once") else 412) and len(ehr.asked) >= 8


def test_refusals_of_every_kind_have_the_form_that_the_document_describes(service: Service) -> None:
    good = asked(statements=(theophylline(),))
    refused = {400: b"{", 412: json.dumps(good | {"prefetch": {}}).encode(), 413: b'{"a":"' + b"x" * 5_000_000 + b'"}'}
    for status, body in refused.items():
        answer = service.ask(body)
        assert answer.status_code == status
        described(SIGN, answer)
    answer = service.ask(good, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    described(SIGN, answer)
