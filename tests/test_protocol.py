"""What CDS Hooks asks of a service about users, access tokens, orders that are signed again, and cards nobody reacted to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from service import AS_OF, Service, accepted, asked, drug, order, running, theophylline
from stores import rows

from cds.selftest.responses import steady

GOOD = asked(statements=(theophylline(),))
TOKEN = "Qwrtplk-token"
GRANTED = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read", "subject": "client", "patient": "p1"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "cds.sqlite3"


@pytest.fixture(scope="module")
def service(store: Path) -> Iterator[Service]:
    with running("--as-of", AS_OF, "--store", f"sqlite:///{store}") as one:
        yield one


def records(cards: list[dict]) -> set[str]:
    return {because["resource"] for card in cards for one in card["extension"].get("org.ketamine-cds.findings", ()) for because in one.get("because", ())}


def test_the_same_hook_instance_may_come_again_and_each_call_is_judged_by_itself(service: Service) -> None:
    both = [accepted(service.ask(asked(statements=(theophylline(name),), hookInstance="the-same"))) for name in ("ms-a", "ms-b")]
    assert [records(cards) & {"MedicationStatement/ms-a", "MedicationStatement/ms-b"} for cards in both] == [{"MedicationStatement/ms-a"}, {"MedicationStatement/ms-b"}]


def test_a_request_gets_the_same_cards_with_a_server_and_a_token_and_without(service: Service) -> None:
    alone = steady(accepted(service.ask(GOOD)))
    for more in ({"fhirServer": "https://ehr.example.org/fhir"}, {"fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": GRANTED},
                 {"fhirAuthorization": GRANTED | {"scope": "patient/*.rs launch"}}):
        assert steady(accepted(service.ask(GOOD | more))) == alone != []


def test_an_access_token_is_kept_and_logged_nowhere(service: Service, store: Path) -> None:
    answer = service.ask(GOOD | {"fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": GRANTED})
    assert accepted(answer) and TOKEN not in answer.text + service.log() + service.get("/metrics").text
    kept = [path for path in store.parent.iterdir() if path.is_file()]
    assert kept and not any(TOKEN.encode() in path.read_bytes() for path in kept)


@pytest.mark.parametrize("user", ["Practitioner/1", "PractitionerRole/1", "Patient/p1", "RelatedPerson/1"])
@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_every_kind_of_user_gets_the_cards(service: Service, hook: str, user: str) -> None:
    treated = asked(hook, statements=(theophylline(),), medicationrequests=(drug("ketamine", "6130", "k", "MedicationRequest"),))
    document = treated | {"context": treated["context"] | {"userId": user, "encounterId": "e1"}}
    assert accepted(service.ask(document, f"ketamine-{hook}"))[0]["indicator"] == "critical"


def test_an_order_that_is_signed_again_is_judged_whatever_its_status(service: Service) -> None:
    for status in ("draft", "active", "on-hold"):
        signed = asked(orders=[order("again", status=status), drug("acetaminophen", "161", "new", "MedicationRequest", status="draft")], statements=(theophylline(),))
        assert accepted(service.ask(signed))[0]["indicator"] == "critical", status


def test_nothing_is_concluded_about_a_card_nobody_reacted_to(service: Service, store: Path) -> None:
    shown = accepted(service.ask(GOOD))[0]["uuid"]
    entry = {"card": "another", "outcome": "overridden", "outcomeTimestamp": "2026-06-30T10:00:05Z"}
    assert service.ask({"feedback": [entry]}, "ketamine-order-sign/feedback").status_code == 200  # by then the cards before it are stored too
    about = {row["card"] for row in rows(f"sqlite:///{store}")}
    assert shown in {row["uuid"] for row in rows(f"sqlite:///{store}", "cds_card")} and shown not in about and "another" in about
    assert not re.search(r'cds_feedback_total\{[^}]*rule="theophylline"', service.get("/metrics").text)
