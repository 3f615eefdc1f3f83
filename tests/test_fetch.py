"""Fetching what prefetch left out: what is asked for, how, in which time, and that nothing goes on afterwards."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from charts import NOW, READY, ago
from fetching import AT_ONCE, SLOW, busy_threads, fetched, lines
from misbehaving import MANNERS, OUTCOME, Document, searchset, serving
from service import OTHER, asked, drug, measured, of, theophylline

from cds.fhir.bases import registered
from cds.fhir.breaker import REST
from cds.fhir.fetch import Ehr
from cds.fhir.paging import MOST_PAGES
from cds.fhir.queries import filled, searches

PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1980-01-01", "gender": "male"}
NO_ALLERGY = {"resourceType": "AllergyIntolerance", "id": "a-1", "patient": of("p1"), "code": {"text": "No known allergies"}}
CHART = [PATIENT, NO_ALLERGY, theophylline()]
SIGN = ("Patient/p1", "Condition", "MedicationStatement", "MedicationRequest", "Observation", "AllergyIntolerance", "Procedure", "AdverseEvent")
DRUGS = {"MedicationStatement", "MedicationRequest", "MedicationAdministration"}


def bare(base: str, hook: str = "order-sign", **more: object) -> Document:
    """A request without any prefetch."""
    return {**asked(hook, **more), "prefetch": {}, "fhirServer": base}


def test_everything_the_rules_of_the_hook_read_is_asked_for_once_and_together():
    with serving(CHART) as ehr:
        found = fetched(bare(ehr.base), [ehr.base])
        assert sorted(ehr.paths()) == sorted(SIGN)
        assert found.facts.medications["xanthines"] and found.facts.birth is not None
        assert all(found.facts.lists[name].read for name in ("conditions", "medications", "observations", "allergies", "patient", "procedures"))
        assert found.decision.evaluable


def test_a_request_carries_what_fhir_wants_and_nothing_else():
    with serving(CHART) as ehr:
        granted = {"access_token": "abc.DEF-1", "token_type": "bearer", "expires_in": 300}
        fetched({**bare(ehr.base + "/"), "fhirAuthorization": granted}, [ehr.base])
        for _, query, headers in ehr.asked:
            assert headers == {"Host": ehr.base[7:-5], "Accept": "application/fhir+json", "Accept-Encoding": "identity",
                               "User-Agent": "ketamine-cds", "Authorization": "Bearer abc.DEF-1"}
        queries = {path: query for path, query, _ in ehr.asked}
        assert queries["MedicationRequest"] == {"patient": "p1", "_count": "100", "_include": "MedicationRequest:medication"}
        assert queries["Observation"]["_sort"] == "-date" and "http://loinc.org|8480-6" in queries["Observation"]["code"].split(",")
        assert queries["AdverseEvent"]["subject"] == "Patient/p1" and queries["Patient/p1"] == {}


@pytest.mark.parametrize("token, says", [
    ({"expires_in": 0}, "the EHR sent an access token that has expired"), ({"expires_in": -1.5}, "the EHR sent an access token that has expired"),
    ({"expires_in": "soon"}, "the EHR sent an access token without a readable expiry"),
    ({"expires_in": True}, "the EHR sent an access token without a readable expiry"),
    ({"token_type": "MAC"}, "the EHR sent an access token that is not a bearer token"), ({"token_type": None}, "the EHR sent an access token that is not a bearer token"),
    ({"access_token": "a\r\nX: y"}, "the EHR sent no usable access token"), ({"access_token": 7}, "the EHR sent no usable access token"),
    ({"access_token": ""}, "the EHR sent no usable access token"), ({"access_token": "é"}, "the EHR sent no usable access token")])
def test_without_a_usable_token_nothing_is_asked_and_that_is_said(token: Document, says: str):
    with serving(CHART) as ehr:
        granted = {"access_token": "abc", "token_type": "Bearer", "expires_in": 300} | token
        found = fetched({**bare(ehr.base), "fhirAuthorization": granted}, [ehr.base])
        assert ehr.asked == [] and lines(found.cards)["Medication list"] == says
        assert "abc" not in repr(found.chart)


def test_a_token_that_expires_meanwhile_is_not_sent():
    def late(*given):
        time.sleep(0.5)
        MANNERS["paging"](*given)

    chart = [{"resourceType": "Condition", "id": f"c-{number}", "subject": of("p1"), "code": {"text": "COPD"}} for number in range(3)]
    with serving(chart, Condition=late) as ehr:
        granted = {"access_token": "abc", "token_type": "Bearer", "expires_in": 0.3}
        found = fetched({**bare(ehr.base), "fhirAuthorization": granted}, [ehr.base])
        assert lines(found.cards)["Problem list"] == "the EHR sent an access token that has expired" and ehr.paths().count("Condition") == 1


@pytest.mark.parametrize("manner", ["slow", "slow drip", "dripping header"])
def test_all_lists_share_one_deadline_and_nothing_goes_on_after_it(manner: str):
    ehr = Ehr(())
    with serving(CHART, every=manner) as server:
        ehr = Ehr(registered([server.base], local=True))
        started = time.monotonic()
        found = fetched(bare(server.base), [], SLOW, ehr)
        assert time.monotonic() - started < 5, "eight lists in a row, or a drip to its end, would take far longer"
        assert busy_threads() == []
        assert server.until_nobody_is_connected() == 0, "every connection was cut"
        assert not found.decision.evaluable
        assert set(lines(found.cards).values()) >= {f"the EHR did not answer within {SLOW * 8 // 10} ms"}
    ehr.close()


def test_what_arrived_before_the_deadline_counts():
    with serving(CHART, Condition="slow", Observation="slow drip") as ehr:
        found = fetched(bare(ehr.base), [ehr.base], 2000)
        assert found.facts.medications["xanthines"] and found.facts.lists["allergies"].read
        assert {name for name, state in found.facts.lists.items() if not state.read} == {"conditions", "observations"}


def test_a_server_that_neither_accepts_nor_refuses_tls_is_left_at_the_deadline():
    with serving(CHART, every="slow") as plain:
        base = plain.base.replace("http:", "https:")
        found = fetched(bare(base), [base])
        assert lines(found.cards)["Problem list"] == "no secure connection to the EHR's server could be made"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"https://127.0.0.1:{silent.getsockname()[1]}/fhir"
        found = fetched(bare(base), [base], SLOW)
        assert lines(found.cards)["Problem list"] == f"the EHR did not answer within {SLOW * 8 // 10} ms" and busy_threads() == []


def test_connections_are_used_again():
    with serving(CHART) as server:
        ehr = Ehr(registered([server.base], local=True))
        for _ in range(5):
            fetched(bare(server.base), [], AT_ONCE, ehr)
        assert server.connections <= len(SIGN) and len(server.asked) == 5 * len(SIGN)
        ehr.close()
        assert server.until_nobody_is_connected() == 0


def test_requests_at_the_same_time_do_not_cut_each_other():
    with serving(CHART, Condition="slow") as server:
        ehr = Ehr(registered([server.base], local=True))
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: fetched(bare(server.base), [], 4000, ehr), range(8)))
        assert all(one.facts.lists["medications"].read and not one.facts.lists["conditions"].read for one in found)
        assert busy_threads() == []
        ehr.close()


@pytest.mark.parametrize("status", [500, 429])
def test_a_server_that_fails_or_asks_for_less_is_left_alone_and_then_tried_with_one_request(status: int):
    with serving(CHART, every=status) as server:
        ehr = Ehr(registered([server.base], local=True))
        for _ in range(5):
            fetched(bare(server.base), [], AT_ONCE, ehr)
        before = len(server.asked)
        found = fetched(bare(server.base), [], AT_ONCE, ehr)
        assert len(server.asked) == before
        assert lines(found.cards)["Problem list"] == "the EHR's server failed 5 times in a row and is left alone for some seconds"
        assert ehr.told() == {server.base: "failed 5 times in a row"}
        server.manners["every"] = "up"
        ehr.server(server.base).breaker._opened -= REST + 1  # as if it had rested
        assert fetched(bare(server.base), [], AT_ONCE, ehr).decision.evaluable
        assert ehr.told() == {server.base: "asked"}
        ehr.close()


def test_a_server_that_lacks_one_list_does_not_count_as_failing():
    with serving(CHART, MedicationStatement=500) as server:
        ehr = Ehr(registered([server.base], local=True))
        for _ in range(7):
            found = fetched(bare(server.base), [], AT_ONCE, ehr)
        assert lines(found.cards)["Medication list"] == "MedicationStatement: the EHR answered 500" and ehr.told() == {server.base: "asked"}
        ehr.close()


@pytest.mark.parametrize("manner, asked_for", [("reset once", 2), ("busy once", 2), (500, 1), (503, 1), (401, 1), ("outcome", 1), ("redirect", 1)])
def test_only_what_failed_at_once_and_left_nothing_behind_is_asked_again(manner: str | int, asked_for: int):
    with serving(CHART, every=manner) as ehr:
        fetched(bare(ehr.base), [ehr.base])
        assert ehr.paths().count("Condition") == asked_for and "elsewhere" not in ehr.paths()


def test_orders_are_asked_by_intent_where_a_server_insists_and_that_is_remembered():
    with serving([theophylline(kind="MedicationRequest")], every="by intent") as server:
        ehr = Ehr(registered([server.base], local=True))
        for _ in range(3):
            assert fetched(bare(server.base), [], AT_ONCE, ehr).facts.medications["xanthines"]
        intents = [query.get("intent", "")[:10] for path, query, _ in server.asked if path == "MedicationRequest"]
        assert intents == ["", "plan,order", "plan,order", "plan,order"]
        ehr.close()


def test_a_hook_about_another_drug_fetches_nothing():
    with serving(CHART) as ehr:
        assert fetched(bare(ehr.base, orders=[OTHER]), [ehr.base]).cards == [] and ehr.asked == []


def test_an_opened_chart_without_ketamine_is_only_asked_for_its_drugs():
    with serving(CHART) as ehr:
        assert fetched(bare(ehr.base, "patient-view"), [ehr.base]).cards == [] and set(ehr.paths()) == DRUGS
    ketamine = drug("ketamine", "6130", "k-1", "MedicationRequest", authoredOn=ago(3))
    with serving([*CHART, ketamine]) as ehr:
        found = fetched(bare(ehr.base, "patient-view"), [ehr.base])
        assert found.cards and set(ehr.paths()) == DRUGS | {*SIGN}


@pytest.mark.parametrize("statements, requests, says", [
    (404, "up", None), ("up", 404, "MedicationRequest: the EHR answered 404"), (403, "up", "MedicationStatement: the EHR answered 403"),
    (404, 404, "the EHR answered 404"), ("slow", "up", f"MedicationStatement: the EHR did not answer within {SLOW * 8 // 10} ms")])
def test_a_server_without_medication_statements_is_no_failure_but_everything_else_is(statements: str | int, requests: str | int, says: str | None):
    with serving(CHART, MedicationStatement=statements, MedicationRequest=requests) as ehr:
        found = fetched(bare(ehr.base), [ehr.base], SLOW if "slow" in (statements, requests) else AT_ONCE)
        assert lines(found.cards).get("Medication list") == says


def test_lists_few_servers_have_are_not_missed_where_they_answer_404():
    with serving(CHART, Procedure=404, AdverseEvent=404) as ehr:
        found = fetched(bare(ehr.base), [ehr.base])
        assert not found.facts.lists["procedures"].asked and not found.facts.lists["adverse-events"].asked
        assert "Adverse event reports" not in lines(found.cards)


def test_measurements_sorted_by_date_are_complete_back_to_the_last_page_that_was_read():
    times = [f"2026-06-{day:02}T09:00:00Z" for day in range(30, 0, -1)]

    def newest_first(self, kind, identity, query):
        number = int(query.get("page", 0))
        found = searchset(measured("8480-6", 120, "mmHg", f"o-{number}", times[number]), total=len(times))
        self.page(found, f"{self.server.base}/Observation?page={number + 1}")

    with serving(CHART, Observation=newest_first) as ehr:
        state = fetched(bare(ehr.base), [ehr.base], now=NOW).facts.lists["observations"]
        assert not state.read and state.complete_since is not None and state.complete_since.isoformat().startswith(times[MOST_PAGES - 1][:10])


def test_a_newer_copy_of_a_record_replaces_the_one_that_was_sent():
    stopped = theophylline(status="stopped", effectivePeriod={"start": "2026-03-01", "end": "2026-04-01"})
    document = {**asked(statements=(theophylline(),)), "fhirServer": "x"}
    document["prefetch"]["medicationstatements"]["link"] = [{"relation": "next", "url": "x"}]
    with serving([stopped]) as ehr:
        found = fetched({**document, "fhirServer": ehr.base}, [ehr.base])
        assert [one.state for one in found.facts.medications["xanthines"]] == ["ended"] and found.facts.lists["medications"].read


def test_records_of_another_patient_in_an_answer_are_left_out_and_said():
    with serving([theophylline(subject=of("p2")), *CHART[:2]], every="drops filters") as ehr:
        found = fetched(bare(ehr.base), [ehr.base])
        assert not found.facts.medications and lines(found.cards)["Records of another patient"] == "1 left out"


@pytest.mark.parametrize("identity", [".", "..", "a", "Patient/a~b", "p1._-~"])
def test_a_patient_id_cannot_lead_to_another_path(identity: str):
    with serving(CHART) as ehr:
        document = bare(ehr.base)
        document["context"]["patientId"] = identity
        document["context"]["draftOrders"]["entry"][0]["resource"].pop("subject")
        fetched(document, [ehr.base])
        bare_id = identity.removeprefix("Patient/")
        assert ("Patient/" + bare_id in ehr.paths()) == (set(identity) != {"."}) and all(path.count("/") < 2 for path in ehr.paths())


def test_a_list_that_moves_while_it_is_read_is_not_taken_for_whole():
    """The first record again on the second page, and so the last one never."""
    chart = [{"resourceType": "Condition", "id": f"c-{number}", "subject": of("p1"), "code": {"text": "COPD"}} for number in range(3)]

    def moving(self, kind, identity, query):
        again = "page" in query
        self.say(searchset(chart[0], total=3)) if again else self.page(searchset(*chart[:2], total=3), f"{self.server.base}/Condition?page=2")

    with serving(CHART, Condition=moving) as ehr:
        assert lines(fetched(bare(ehr.base), [ehr.base]).cards)["Problem list"] == "only 2 of 3 entries were sent"


def test_a_record_of_another_patient_does_not_push_out_one_of_this_patient():
    document = asked(statements=(theophylline(),))
    document["prefetch"]["medicationstatements"]["link"] = [{"relation": "next", "url": "x"}]
    with serving([theophylline(subject=of("p2"))], every="drops filters") as ehr:
        found = fetched({**document, "fhirServer": ehr.base}, [ehr.base])
        assert found.facts.medications["xanthines"] and not found.facts.lists["medications"].read


def test_whatever_json_a_server_answers_the_request_is_decided():
    odd = [None, 7, "x", [], {}, {"resourceType": 7}, {"resourceType": "Bundle", "entry": 7}, {"resourceType": "Bundle", "entry": [None, {}, {"resource": []}]},
           {"resourceType": "Bundle", "link": [{"relation": "next", "url": 7}]}, {"resourceType": "Bundle", "link": {"relation": "next", "url": "../x"}},
           {"resourceType": "Bundle", "link": [{"relation": "next"}], "total": "x"}, OUTCOME,
           json.loads('{"resourceType": "Bundle", "entry": ' + '[{"x": ' * 200 + "1" + "}]" * 200 + "}")]
    for answer in odd:
        with serving(CHART, every=lambda self, *_, answer=answer: self.say(json.dumps(answer).encode())) as ehr:
            found = fetched(bare(ehr.base), [ehr.base])
            assert not found.decision.evaluable and found.cards


def test_addresses_stay_short_enough_for_usual_servers():
    for hook in ("order-sign", "order-select", "patient-view"):
        for ways in searches(hook, READY.rulebook).values():
            assert all(len(filled(way, "x" * 200)) < 6000 for way in ways)
