"""attacks.yaml: every attack that was thought of has tests, or says what is not built; and those that fit into no other file."""

from __future__ import annotations

import ast
import json
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from fetching import lines
from foreign import PLACE
from service import AS_OF, JSON, Document, Service, accepted, asked, cds, order, running, theophylline

from cds.web.service import unexpected

HERE = Path(__file__).resolve().parent
ATTACKS = yaml.safe_load((HERE / "attacks.yaml").read_text())
LISTED = PLACE.parent / "attacks.json"
GOOD = asked(statements=(theophylline(),))


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running("--as-of", AS_OF) as one:
        yield one


def without_identifiers(cards: list[Document]) -> list[Document]:
    return [{key: value for key, value in card.items() if key not in ("uuid", "suggestions")} for card in cards]


# ---- the list itself


def test_every_attack_names_tests_that_exist_or_says_what_is_not_built() -> None:
    known = {path.name: {one.name for one in ast.parse(path.read_text()).body if isinstance(one, ast.FunctionDef)} for path in HERE.glob("test_*.py")}
    for attack in ATTACKS:
        named = [one.split("::") for one in attack.get("tests", ())]
        assert attack["attack"] and (named or attack["not_built"])
        assert [one for one in named if one[1] not in known[one[0]]] == [], attack["id"]


def test_no_attack_stands_twice_and_none_got_lost() -> None:
    found = [one for attack in ATTACKS for one in attack["id"]]
    assert len(found) == len({*found}) == 71
    if LISTED.exists():
        assert sorted(found) == sorted(one["id"] for one in json.loads(LISTED.read_text()))


# ---- attacks that fit into no other file


def test_a_token_of_a_caller_is_not_read_and_leads_nowhere(service: Service) -> None:
    """Without registered clients nobody is trusted more for a token, and no key is fetched for it."""
    plain = without_identifiers(accepted(service.ask(GOOD)))
    with socket.create_server(("127.0.0.1", 0)) as keys:
        keys.settimeout(0.3)
        url = f"http://127.0.0.1:{keys.getsockname()[1]}/jwks.json"
        for head in ({"alg": "none"}, {"alg": "HS256", "kid": "../../etc/passwd"}, {"alg": "ES384", "jku": url, "kid": "a"}, {"alg": "RS384", "x5u": url, "jwk": {"kty": "oct"}}):
            parts = [urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in (head, {"iss": url, "aud": service.base, "exp": 10**11})]
            for token in (".".join([*parts, ""]), ".".join([*parts, "AAAA"])):
                assert without_identifiers(accepted(service.ask(GOOD, headers={**JSON, "Authorization": f"Bearer {token}"}))) == plain
        with pytest.raises(TimeoutError):
            keys.accept()
    assert accepted(service.ask(GOOD, headers={**JSON, "Authorization": "Bearer " + "x" * 30_000}))


@pytest.mark.parametrize("name", ["x", "ketamine-order-sign/", "ketamine-order-sign/..", "../cds-services/ketamine-order-sign", "%2e%2e/readyz", "ketamine%2Dorder%2Dsign%00",
                                  "ketamine-order-sign%2Ffeedback", "KETAMINE-ORDER-SIGN", "kеtamine-order-sign", "ketamine-order-sign;x=1", "\\ketamine-order-sign", "%"])
def test_a_service_id_that_leads_elsewhere_is_not_found(service: Service, name: str) -> None:
    line = f"POST /cds-services/{name} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    with service.connect() as connection:
        connection.sendall(line.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split()[1] in (b"400", b"404", b"405") and b"Traceback" not in answer


@pytest.mark.parametrize("piece", ["{}", '{"resource":{}}', '{"resource":{"resourceType":"Observation"}}', "null", "[]"])
def test_as_many_tiny_entries_as_a_body_may_hold_are_told_within_seconds(service: Service, piece: str) -> None:
    document = changed_list(f'[{",".join([piece] * (4_000_000 // (len(piece) + 1)))}]')
    started = time.monotonic()
    cards = accepted(service.ask(document))
    assert time.monotonic() - started < 20 and "Measurements" in lines(cards)
    assert len(json.dumps(cards)) < 50_000


def changed_list(entries: str) -> bytes:
    document = GOOD | {"prefetch": GOOD["prefetch"] | {"observations": {"resourceType": "Bundle", "type": "searchset", "entry": "HERE"}}}
    return json.dumps(document).replace('"HERE"', entries).encode()


def test_the_order_of_epics_documentation_is_read() -> None:
    """`category` as an object, the dose directly in the dosage."""
    epic = order(category={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": "inpatient"}]}, dosageInstruction=[
        {"route": {"coding": [{"system": "http://snomed.info/sct", "code": "47625008"}]}, "doseQuantity": {"value": 400, "unit": "mg"},
         "timing": {"repeat": {"duration": 40, "durationUnit": "min"}}}], contained=None)
    told = json.loads(cds("evaluate", "-", "--answers", "--as-of", AS_OF, stdin=json.dumps(asked(orders=[epic])).encode()).stdout)
    assert told["answers"]["dose-and-rate"]["answer"] == "met"


def test_an_unexpected_failure_is_found_in_the_log_by_its_number_without_a_word_of_the_patient(caplog: pytest.LogCaptureFixture) -> None:
    def deep(resource: Document) -> None:
        try:
            raise KeyError(resource["note"])
        except KeyError as error:
            raise ValueError(f"cannot read {resource}") from error

    try:
        deep(json.loads('{"note": "Zyx' + 'wvut"}'))
    except ValueError as error:
        answer = unexpected(error)
    outcome = json.loads(answer.body)
    assert answer.status == 500 and outcome["resourceType"] == "OperationOutcome" and b"Zyxwvut" not in answer.body
    number = outcome["issue"][0]["diagnostics"].partition("Failure ")[2].split()[0]
    assert number in caplog.text and "Zyxwvut" not in caplog.text
    assert "ValueError" in caplog.text and "KeyError" in caplog.text and "in deep" in caplog.text, "enough to find the place"


def test_no_amount_of_overrides_silences_a_rule(service: Service) -> None:
    before = accepted(service.ask(GOOD))
    told = [{"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": AS_OF} for card in before for _ in range(900 // len(before))]
    assert service.ask({"feedback": told}, "ketamine-order-sign/feedback").status_code == 200
    assert without_identifiers(accepted(service.ask(GOOD))) == without_identifiers(before)


def test_the_time_zone_of_the_machine_changes_nothing() -> None:
    leap = theophylline(status="stopped", effectivePeriod={"start": "2026-03-01", "end": "2026-06-29T23:59:60Z"})
    body = json.dumps(asked(statements=(leap, theophylline("ms-2", effectivePeriod={"start": "2026-06-29T23:30:00+05:30"})))).encode()
    answers = [json.loads(cds("evaluate", "-", "--as-of", AS_OF, stdin=body, env={"TZ": zone}).stdout)["cards"] for zone in ("UTC", "Asia/Kolkata", "America/St_Johns")]
    assert len({json.dumps(without_identifiers(cards)) for cards in answers}) == 1 and answers[0]
