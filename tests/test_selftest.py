"""`cds selftest`: our running service passes; a service with one fault gets exactly that fault named; what cannot be reached is one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from other_service import CARD, Other, listening, outcome
from service import AS_OF, Service, at, cds, changed, free_port, running

from cds.selftest.client import Client
from cds.selftest.form import deviations
from cds.selftest.patients import PATIENT
from cds.selftest.probes import TOKEN
from cds.selftest.promises import problems
from cds.selftest.run import CHECKS, Asked, look, told
from cds.selftest.seen import PASSED, SHORT, UNTRIED, result

ACTION = ("suggestions", 0, "actions", 0)
HERE_ONLY = {"https"}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running("--as-of", AS_OF) as one:
        yield one


def states(other: Other, **more: Any) -> dict[str, str]:
    """What every check says about a service."""
    with listening(other):
        asked = Asked(other.base, **more)
        seen = look(Client(other.base, asked.headers), asked)
        return {check.id: result(check, seen).state for check in CHECKS}


def short(other: Other, **more: Any) -> set[str]:
    return {check for check, state in states(other, **more).items() if state == SHORT}


def with_card(path: tuple, value: Any) -> Other:
    """A service with one card that has another value at a path; none for `...`."""
    other = Other()
    other.response["cards"] = [changed(CARD, path, value)]
    return other


def listing(path: tuple, value: Any) -> Other:
    other = Other()
    other.discovery = changed(other.discovery, ("services", 0, *path), value)
    return other


# ---- our own service


def test_our_service_passes_every_check_that_can_be_tried(service: Service) -> None:
    ended = cds("selftest", service.base, "--json")
    printed = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr, printed["passed"], printed["counts"][SHORT]) == (0, b"", True, 0)
    assert {one["id"] for one in printed["checks"] if one["state"] == UNTRIED} == {"links", "systemActions", *HERE_ONLY}
    assert len(printed["services"]) == 3 and all(one["why"] and one["level"] in ("shall", "should") for one in printed["checks"])


def test_the_table_names_every_check_and_is_read_on_a_narrow_terminal(service: Service) -> None:
    ended = cds("selftest", f"{service.base}/cds-services/", "--no-feedback", env={"COLUMNS": "60"})
    words = " ".join(ended.stdout.decode().split())
    assert ended.returncode == 0 and all(check.title in words for check in CHECKS) and "0 fall short" in words
    assert "no feedback was sent" in words and max(map(len, ended.stdout.decode().splitlines())) <= 60


# ---- services of others


def test_a_service_of_others_that_does_everything_right_passes() -> None:
    assert {check for check, state in states(Other()).items() if state != PASSED} == {"promises", *HERE_ONLY}


FAULTY_CARDS = {
    "summary": [(("summary",), "x" * 140), (("summary",), ...), (("summary",), "two\nlines"), (("summary",), 7)],
    "indicator": [(("indicator",), "hard-stop"), (("indicator",), ...), (("indicator",), "Warning"), (("indicator",), ["info"])],
    "source": [(("source",), ...), (("source",), "Label"), (("source", "label"), ...), (("source", "url"), "other.example"), (("source", "icon"), "//x"),
               (("source", "topic", "system"), ...), (("source", "colour"), "red")],
    "uuid": [(("uuid",), "suggestion-1"), (("uuid",), 7)], "uuid-given": [(("uuid",), ...), (("suggestions", 0, "uuid"), ...)],
    "detail": [(("detail",), 7)], "card-members": [(("colour",), "red")], "empty": [(("detail",), ""), (("links",), []), (("suggestions", 0, "isRecommended"), None)],
    "suggestions": [(("suggestions", 0, "label"), ...), (("suggestions", 0, "isRecommended"), "yes"), (("suggestions", 0, "actionSelectionBehavior"), "any"),
                    (("suggestions",), [CARD["suggestions"][0], CARD["suggestions"][0] | {"uuid": "suggestion-2"}])],
    "actions": [((*ACTION, "type"), "remove"), ((*ACTION, "description"), ...), ((*ACTION, "resourceId"), ...), ((*ACTION, "resourceId"), "1"), ((*ACTION, "type"), "create"),
                (ACTION, {"type": "update", "description": "d", "resource": {"resourceType": "Task"}}), (ACTION, {"type": "create", "description": "d", "resource": "{}"})],
    "selectionBehavior": [(("selectionBehavior",), ...), (("selectionBehavior",), "all")],
    "overrideReasons": [(("overrideReasons", 0, "display"), ...), (("overrideReasons", 0, "system"), ...), (("overrideReasons",), ["r"])],
    "links": [(("links", 0, "type"), "absolute"), (("links", 0, "type"), "app"), (("links", 0, "label"), ...), (("links", 0, "url"), "javascript:alert(1)"),
              (("links", 0, "autolaunchable"), "yes")], "extension": [(("extension",), [1])]}


@pytest.mark.parametrize(("check", "path", "value"), [(check, *fault) for check, faults in FAULTY_CARDS.items() for fault in faults])
def test_a_fault_of_a_card_falls_short_of_exactly_its_check(check: str, path: tuple, value: Any) -> None:
    expected = {check} | ({"empty"} if value is None else set()) | ({"suggestions"} if path[-1] == "isRecommended" and value is None else set())
    assert short(with_card(path, value)) == expected


FAULTY_LISTS = {
    "service-members": [(("description",), 7), (("description",), ...), (("colour",), "red"), (("usageRequirements",), 7)], "service-title": [(("title",), ...)],
    "discovery-empty": [(("usageRequirements",), None)], "prefetch-relative": [(("prefetch", "drugs"), "https://other.example/MedicationStatement?patient=1"),
                                                                              (("prefetch", "drugs"), "/MedicationStatement?patient=1"), (("prefetch", "drugs"), "MedicationStatement")],
    "prefetch-tokens": [(("prefetch", "drugs"), "MedicationStatement?patient={{context.patient.id}}"), (("prefetch", "drugs"), "MedicationStatement?patient={{context.patientId}"),
                        (("prefetch", "drugs"), "MedicationStatement?patient={{context.draftOrders}}"), (("prefetch", "drugs"), "MedicationStatement?patient={{patientId}}")],
    "prefetch-simple": [(("prefetch", "drugs"), "MedicationStatement?patient=1&_include=MedicationStatement:medication"), (("prefetch", "drugs"), "MedicationStatement?patient.name=1"),
                        (("prefetch", "drugs"), "MedicationStatement?code:not=1")], "prefetch-once": [(("prefetch", "drugs"), "MedicationStatement?date=ge2020&date=le2021")]}


@pytest.mark.parametrize(("check", "path", "value"), [(check, *fault) for check, faults in FAULTY_LISTS.items() for fault in faults])
def test_a_fault_of_discovery_falls_short_of_exactly_its_check(check: str, path: tuple, value: Any) -> None:
    found = short(listing(path, value))
    assert check in found and found <= {check, "service-members"} | ({"discovery-empty"} if value is None else set())


def test_other_faults_of_discovery_are_named() -> None:
    twice = Other()
    twice.discovery["services"] *= 2
    assert short(twice) == {"service-twice"}
    assert {"hook-names"} <= short(listing(("hook",), "medication-prescribe")) and "hook-names" in short(listing(("hook",), "order_sign"))
    for odd in ([], "x", {"services": {}}, {}, {"services": [7, None]}):
        assert short(Other(discovery=odd)) & {"discovery", "service-members"}
    assert states(Other(discovery={"services": []}))["discovery"] == PASSED


def sent(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def when(test: Any, status: int, document: Any = None) -> Other:
    """A service that answers calls that pass a test in a way of its own."""
    return Other(answered=lambda method, path, body, headers: (status, outcome("invalid") if document is None else document) if test(method, path, body, headers) else None)


BEHAVIOUR = {
    "answers": when(lambda method, path, body, _: path.endswith("/other") and method == "POST" and b'"prefetch"' not in body and b'"hook":"order-sign"' in body and b'"context"' in body, 404),
    "null-prefetch": when(lambda method, path, body, _: b'"drugs":null' in body, 400), "malformed-json": when(lambda method, path, body, _: path.endswith("/other") and body and sent(body) is None, 200, {"cards": []}),
    "not-an-object": when(lambda method, path, body, _: body.startswith(b"["), 200, {"cards": []}), "no-context": when(lambda method, path, body, _: b'"hook":"order-sign"' in body and b'"context"' not in body, 200, {"cards": []}),
    "wrong-hook": when(lambda method, path, body, _: b"never-fired" in body, 200, {"cards": []}), "no-hook": when(lambda method, path, body, _: path.endswith("/other") and b'"hook"' not in body and sent(body) and "context" in sent(body), 200, {"cards": []}),
    "unknown-service": when(lambda method, path, body, _: "no-such" in path, 200, {"cards": []}), "other-method": when(lambda method, path, body, _: method == "GET" and path.endswith("/other"), 200, {"cards": []}),
    "other-type": when(lambda method, path, body, headers: headers.get("Content-Type") == "text/plain", 200, {"cards": []}),
    "operation-outcome": when(lambda method, path, body, headers: headers.get("Content-Type") == "text/plain", 415, {"error": "no"}),
    "unknown-members": when(lambda method, path, body, _: b"x-selftest" in body, 200, {"cards": []}), "null-as-absent": when(lambda method, path, body, _: b'"fhirServer":null' in body, 400),
    "fhir-access": when(lambda method, path, body, _: b"selftest.invalid" in body, 412),
    "token-hidden": when(lambda method, path, body, _: b"selftest.invalid" in body, 412, outcome("security") | {"id": TOKEN}),
    "preflight": when(lambda method, path, body, _: method == "OPTIONS", 405), "feedback": when(lambda method, path, body, _: b"overridden" in body and b"overrideReason" not in body, 400),
    "feedback-accepted": when(lambda method, path, body, _: b'"accepted"' in body, 422), "feedback-batch": when(lambda method, path, body, _: b"overrideReason" in body, 400),
    "feedback-malformed": when(lambda method, path, body, _: path.endswith("/feedback") and sent(body) is None, 200, {})}


@pytest.mark.parametrize("check", BEHAVIOUR)
def test_a_fault_in_behaviour_falls_short_of_exactly_its_check(check: str) -> None:
    assert short(BEHAVIOUR[check]) == {check} | {"feedback": {"feedback-repeated"}, "token-hidden": {"fhir-access"}}.get(check, set())


def test_a_service_that_fails_or_shows_its_inside_is_named() -> None:
    assert short(when(lambda method, path, body, _: body.startswith(b"["), 500)) == {"not-an-object", "stays-up"}
    trace = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"x","diagnostics":"Traceback (most recent call last)"}]}'
    assert short(when(lambda method, path, body, _: body.startswith(b"["), 400, trace)) == {"stack-trace"}
    counter = iter(range(1000))
    changing = Other(answered=lambda method, path, body, headers: (200, {"cards": [CARD | {"summary": str(next(counter))}]}) if b"order-sign" in body and b"context" in body and sent(body) else None)
    assert {"same-again"} <= short(changing)
    assert short(Other(cors={})) == {"preflight", "cors-answer"} and "json" in short(Other(kind="text/html"))


def test_feedback_and_cards_are_optional() -> None:
    found = states(when(lambda method, path, body, _: path.endswith("/feedback"), 404))
    assert SHORT not in found.values() and {found[check] for check in found if check.startswith("feedback")} == {UNTRIED}
    assert states(Other(response={"cards": []}))["summary"] == UNTRIED and not short(Other(response={"cards": []}))
    assert short(Other(response={"cards": None})) >= {"response", "empty"} and "systemActions" in short(Other(response={"cards": [], "systemActions": [{"type": "x"}]}))


def test_only_synthetic_patients_are_sent_and_headers_go_along() -> None:
    other, tokens = Other(), []
    other.answered = lambda method, path, body, headers: tokens.append(headers.get("Authorization"))
    assert not short(other, headers={"Authorization": "Bearer t"}) and set(tokens) == {"Bearer t"}
    charts = [one for _, body in other.received if isinstance(one := sent(body), dict) and "context" in one]
    assert charts and {one["context"]["patientId"] for one in charts} == {PATIENT}
    for resource in (entry["resource"] for one in charts for entry in one["context"].get("draftOrders", {}).get("entry", ())):
        assert resource["meta"]["tag"][0]["code"] == "HTEST" and resource["subject"]["reference"] == f"Patient/{PATIENT}"


# ---- what cannot be reached, and what cannot be read


@pytest.mark.parametrize(("status", "said"), [(404, "answers 404; is a CDS Hooks service listening there?"), (302, "answers 302"), (401, "--header"), (403, "give it a token")])
def test_what_is_no_cds_hooks_service_is_one_clear_line(status: int, said: str) -> None:
    with listening(when(lambda *_: True, status)) as other:
        ended = cds("selftest", other.base)
    assert (ended.returncode, ended.stdout) == (2, b"") and said in ended.stderr.decode() and ended.stderr.count(b"\n") == 1


def test_what_does_not_answer_is_one_clear_line() -> None:
    for url, said in ((f"http://127.0.0.1:{free_port()}", "nothing answers at"), ("ftp://x", "is not the address"), ("http://127.0.0.1:x", "is not the address")):
        ended = cds("selftest", url)
        assert (ended.returncode, ended.stdout) == (2, b"") and ended.stderr.decode().startswith("cds: ") and said in ended.stderr.decode()
        assert ended.stderr.count(b"\n") == 1
    assert cds("selftest", "http://127.0.0.1:1", "--header", "nonsense").stderr.startswith(b"cds: --header: `nonsense`")


def test_something_that_falls_short_ends_with_1_and_says_what_and_why(tmp_path: Any) -> None:
    with listening(with_card(("summary",), "x" * 200)) as other:
        ended = cds("selftest", other.base)
    said = " ".join(ended.stdout.decode().split())
    assert "SHORT shall Summaries" in said and "passed shall Details" in said
    assert ended.returncode == 1 and "$.cards[0].summary: 200 characters, at most 139" in said and "matters because a longer one is cut off" in said


def test_a_service_that_stops_answering_is_one_clear_line_and_not_a_long_wait() -> None:
    calls = iter(range(1000))

    def gone(*_: Any) -> None:
        if next(calls) > 4:
            raise ConnectionAbortedError

    with listening(Other(answered=gone)) as other:
        ended = cds("selftest", other.base)
    assert (ended.returncode, ended.stdout, ended.stderr.count(b"\n")) == (2, b"", 1) and b"stopped answering after 5 calls, at `unknown members` to other (" in ended.stderr


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, b"<html>", b"", {"cards": {}}, {"cards": [None, 7, "x", []]}, {"cards": [dict.fromkeys(CARD, 7)]}, {"cards": [dict.fromkeys(CARD)]},
                                  {"cards": [dict.fromkeys(CARD, [7, None, {}])]}, {"cards": [dict.fromkeys(CARD, {"uuid": [], "actions": 7, "type": {}})]}], ids=str)
def test_a_service_that_answers_nonsense_falls_short_and_breaks_nothing(junk: Any) -> None:
    assert short(Other(response=junk)) & {"response", "summary", "card-members"}


def test_headers_of_the_environment_go_along() -> None:
    other, tokens = Other(), []
    other.answered = lambda method, path, body, headers: tokens.append((headers.get("Authorization"), headers.get("X-Key")))
    with listening(other):
        assert cds("selftest", other.base, env={"CDS_HEADER": "Authorization: Bearer a b\nX-Key: 7"}).returncode == 0
    assert set(tokens) == {("Bearer a b", "7")}


anything = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from([*CARD, "cards", "systemActions", "type", "label", "topic"]), inner), max_leaves=20)


@settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(anything, st.sampled_from([(), ("cards",), ("cards", 0), *(("cards", 0, key) for key in CARD), ("cards", 0, *ACTION), ("cards", 0, "source", "topic")]))
def test_whatever_comes_back_is_checked_and_never_a_failure(junk: Any, path: tuple) -> None:
    good = {"cards": [CARD]}
    assert [*deviations(good)] == [] and at(good, path) is not None
    response = changed(good, path, junk) if path else junk
    problems(response)


def test_json_says_what_the_table_says() -> None:
    with listening(Other()) as other:
        seen = look(Client(other.base), Asked(other.base))
        printed = told(seen, [result(check, seen) for check in CHECKS])
    assert printed["passed"] and printed["calls"] == len(other.received) and printed["services"] == ["other (order-sign)"]
