"""`cds evaluate --check-fhir`: where a request departs from FHIR R4, as advice that changes nothing."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from charts import CONDITION, SYS, THEOPHYLLINE, bundle, drug, observation, order
from hypothesis import given, settings
from hypothesis import strategies as st
from service import cds

from cds.authoring.departures import tell
from cds.fhir.r4 import of_request, of_resource

HOME = Path(__file__).resolve().parent.parent
PATIENT = {"reference": "Patient/p1"}
DRUG, PROBLEM = drug(subject=PATIENT), {**CONDITION, "subject": PATIENT}
KNOWN = "R4 knows active, completed, entered-in-error, intended, stopped, on-hold, unknown, not-taken"
DATE_TIME = "no dateTime of R4: YYYY, YYYY-MM, YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss with a time zone"


def told(resource) -> list[tuple[str, str, str]]:
    return [(one.path.removeprefix("x."), one.value, one.says) for one in of_resource(resource, "x")]


@pytest.mark.parametrize("more, path, value, says", [
    ({"status": "Active"}, "status", '"Active"', KNOWN), ({"status": "active "}, "status", '"active "', KNOWN), ({"status": 7}, "status", "7", "R4 wants text here"),
    ({"status": ...}, "status", "", "R4 requires it"), ({"adherence": {"code": {}}}, "adherence", '{"code": {}}', "R4 has no such element here"),
    ({"taken": "y"}, "taken", '"y"', "R4 has no such element here"), ({"effectiveDateTime": 20240101}, "effectiveDateTime", "20240101", "R4 wants text here"),
    ({"effectiveDateTime": "2024-01-01T10:00:00"}, "effectiveDateTime", '"2024-01-01T10:00:00"', DATE_TIME),
    ({"effectivePeriod": {"end": "soon"}}, "effectivePeriod.end", '"soon"', DATE_TIME), ({"dosage": []}, "dosage", "[]", "R4 leaves out what is empty"),
    ({"dosage": {"text": "1"}}, "dosage", '{"text": "1"}', "R4 wants a list without nulls here"), ({"id": "a_b"}, "id", '"a_b"', "an id of R4 has letters, digits, - and . only"),
    ({"id": "e" * 65}, "id", '"' + "e" * 56 + "...", "an id of R4 has at most 64 characters, this has 65"),
    ({"medicationReference": {"reference": "Medication/1"}, "medicationCodeableConcept": {"text": "x"}}, "medicationCodeableConcept",
     '{"medicationCodeableConcept": {"text": "x"}, "medicationR...', "R4 allows only one of medicationCodeableConcept, medicationReference"),
    ({"medicationCodeableConcept": ...}, "medicationCodeableConcept", "", "R4 requires one of medicationCodeableConcept, medicationReference"),
    ({"medicationCodeableConcept": {"coding": [{"display": ""}]}}, "medicationCodeableConcept.coding[0].display", '""', "R4 allows no empty text"),
    ({"subject": "Patient/p1"}, "subject", '"Patient/p1"', "R4 wants an object here"),
    ({"\u202eodd": 1}, 'x["\\u202eodd"]', "1", "R4 has no such element here"),
    ({"contained": [{"resourceType": "Nothing"}]}, "contained[0].resourceType", '"Nothing"', "R4 has no resource of this type"),
    ({"contained": [{"resourceType": "Medication", "status": "on"}]}, "contained[0].status", '"on"', "R4 knows active, inactive, entered-in-error")])
def test_each_departure_is_told_with_its_place_its_value_and_what_r4_says(more, path, value, says):
    resource = {key: value for key, value in {**DRUG, **more}.items() if value is not ...}
    assert told(resource) == [(path, value, says)]


@pytest.mark.parametrize("resource, path, says", [
    ({**PROBLEM, "clinicalStatus": "active"}, "clinicalStatus", "R4 wants an object here"),
    ({**PROBLEM, "clinicalStatus": {"coding": [{"code": "bogus"}]}}, "clinicalStatus.coding[0].code",
     "R4 knows active, recurrence, relapse, inactive, remission, resolved"),
    ({**observation(SYS, 1), "status": "verified"}, "status",
     "R4 knows registered, preliminary, final, amended, corrected, cancelled, entered-in-error, unknown"),
    ({**observation(SYS, "12")}, "valueQuantity.value", "R4 wants a number here"), ({"resourceType": "Patient", "birthDate": "1970-01-01T00:00:00Z"}, "birthDate",
     "no date of R4: YYYY, YYYY-MM or YYYY-MM-DD"), (7, "x", "no resource of FHIR: an object with a resourceType"),
    ({"resourceType": "Bundle", "entry": [{"resource": DRUG}]}, "type", "R4 requires it"),
    (bundle({**DRUG, "taken": "y"}), "entry[0].resource.taken", "R4 has no such element here"), (bundle(DRUG, 7), "entry[1].resource",
     "no resource of FHIR: an object with a resourceType")])
def test_what_the_models_let_pass_and_what_a_bundle_holds_is_told_too(resource, path, says):
    if isinstance(resource, dict) and resource["resourceType"] == "Observation":
        resource = {**resource, "id": "o1"}
    assert [(where, why) for where, _, why in told(resource)] == [(path, says)]


@pytest.mark.parametrize("resource", [
    DRUG, PROBLEM, {**observation(SYS, 1), "id": "o1", "status": "corrected"}, {"resourceType": "Patient", "birthDate": "1970", "_birthDate": {"id": "a"}},
    {"resourceType": "Patient", "name": [{"given": ["A", None], "_given": [None, {"extension": [{"url": "u", "valueCode": "x"}]}]}]},
    {"resourceType": "Bundle", "type": "searchset", "total": 0}, {**DRUG, "contained": [{"resourceType": "Medication", "id": "m", "code": THEOPHYLLINE}]}])
def test_what_is_r4_is_not_told(resource):
    assert told(resource) == []


def test_drafts_and_every_prefetch_value_are_looked_at_under_their_own_paths():
    context = {"patientId": "p1", "draftOrders": bundle(order(subject=PATIENT, status="Draft"))}
    prefetch = {"medicationstatements": bundle({**DRUG, "taken": "y"}), "a key": {"response": {"status": "200"}, "resource": PROBLEM | {"a": 1}}, "none": None}
    found = of_request({"context": context, "prefetch": prefetch})
    assert [one.path for one in found] == ["context.draftOrders.entry[0].resource.status", "prefetch.medicationstatements.entry[0].resource.taken",
                                           'prefetch["a key"].resource.a']
    assert [one.path for one in of_request({"context": 7, "prefetch": []})] == []


KEYS = st.sampled_from(["resourceType", "entry", "resource", "contained", "status", "extension", "code", "coding", "id", "subject", "valueQuantity", "_id"])
LEAF = st.none() | st.booleans() | st.integers(-9, 9999) | st.floats() | st.sampled_from(["Bundle", "Patient", "Observation", "Parameters", "", "\ud800"])
JSON = st.recursive(LEAF, lambda one: st.lists(one, max_size=3) | st.dictionaries(KEYS, one, max_size=4), max_leaves=12)


@given(st.dictionaries(st.sampled_from(["context", "prefetch"]), st.dictionaries(st.sampled_from(["draftOrders", "patient", "x"]), JSON, max_size=3)),
       st.sampled_from(["Bundle", "Parameters", "Observation", "MedicationRequest"]), st.dictionaries(KEYS, JSON, max_size=4))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_whatever_is_sent_the_comparison_never_fails_and_says_it_in_ascii(document, kind, members):
    for one in (*of_request(document), *of_resource({"resourceType": kind, **members}, "x")):
        assert one.path and one.says and (one.path + one.value).isascii()


def hook(*statements) -> bytes:
    return json.dumps({"hook": "order-sign", "hookInstance": "1", "context": {"patientId": "p1", "draftOrders": bundle(order(subject=PATIENT))},
                       "prefetch": {"medicationstatements": bundle(*statements)}}).encode()


def without_identifiers(printed: bytes) -> bytes:
    return re.sub(rb'"uuid": "[0-9a-f-]{36}"', b"", printed)


def test_advice_goes_to_standard_error_one_line_for_each_place_and_the_response_is_the_same():
    document = hook({**DRUG, "taken": "y", "note": "\x1b[2Jx"})
    plain, advised = (cds("evaluate", "-", "--as-of", "2026-06-30T10:00:00Z", *more, stdin=document) for more in ((), ("--check-fhir",)))
    assert (plain.returncode, advised.returncode, plain.stderr) == (0, 0, b"")
    assert without_identifiers(advised.stdout) == without_identifiers(plain.stdout)
    assert sorted(advised.stderr.decode().splitlines()) == [
        "FHIR R4: 2 places depart from it (advice only; the response is the same)",
        'prefetch.medicationstatements.entry[0].resource.note: "\\u001b[2Jx": R4 wants a list without nulls here',
        'prefetch.medicationstatements.entry[0].resource.taken: "y": R4 has no such element here']


@pytest.mark.parametrize("statements, lines, last", [
    ([DRUG], 1, "FHIR R4: no departure found in its elements, types, codes and dates"),
    ([{**DRUG, "taken": "y"}], 2, "FHIR R4: 1 place departs from it (advice only; the response is the same)"),
    ([{**DRUG, "taken": "y"}] * 501, 501, "FHIR R4: 501 places depart from it, 500 are listed (advice only; the response is the same)")])
def test_at_most_500_places_are_listed_and_all_are_counted(capsys, statements, lines, last):
    tell(json.loads(hook(*statements)))
    written = capsys.readouterr()
    assert (written.out, len(written.err.splitlines()), written.err.splitlines()[-1]) == ("", lines, last)


def test_on_a_terminal_advice_is_a_table(tmp_path):
    (tmp_path / "request.json").write_bytes(hook({**DRUG, "taken": "y"}))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cds", "evaluate", str(tmp_path / "request.json"), "--check-fhir"]
    done = subprocess.run(command, cwd=HOME, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "COLUMNS": "160", "TERM": "xterm"}, timeout=60)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    assert done.returncode == 0 and json.loads(done.stdout)["cards"]
    for words in ("Where the request departs from FHIR R4", "┃", "What R4 says", "entry[0].resource.taken", "R4 has no such element here"):
        assert words in seen.decode(), words


def test_the_help_names_it():
    assert b"--check-fhir" in cds("evaluate", "--help").stdout
