"""Problems, allergies and measurements as EHRs send them: which count, which are doubtful, and which are named as unreadable."""

from __future__ import annotations

import pytest
from charts import CONDITION, SYS, ago, bundle, facts, observation

DISPLAYED = {"system": "http://terminology.hl7.org/CodeSystem/x"}


def status(*codes: str, **more) -> dict:
    return {"coding": [{**DISPLAYED, "code": code, "display": code.title()} for code in codes], **more}


def problem(**more):
    """Whether the problem is there, active, and what is doubtful; None where it does not count, else what is said about it."""
    sent = {key: value for key, value in {**CONDITION, **more}.items() if value is not ...}
    found = facts(any_key=bundle(sent))
    told = found.conditions.get("copd", ())
    return (told[0].active, told[0].doubts) if told else ", ".join(one.what for one in found.unreadable) or None


PRESENT, GONE = (True, ()), (False, ())


@pytest.mark.parametrize("code, expected", [
    ("confirmed", PRESENT), ("refuted", None), ("Refuted", None), ("refuted ", None), ("entered-in-error", None), ("entered-in-error ", None),
    ("Entered In Error", None), ("entered_in_error", None), ("provisional", (True, ("provisional diagnosis",))),
    ("differential", (True, ("differential diagnosis",))), ("unconfirmed", (True, ("unconfirmed diagnosis",))), ("unknown", PRESENT),
    ("suspected", (True, ("verification status “suspected” is not a FHIR status",)))])
def test_a_problem_counts_by_its_verification_in_any_case_and_shape(code, expected):
    for sent in (status(code), {"coding": [{"code": code}]}, code, {"text": code}):
        assert problem(verificationStatus=sent) == expected


@pytest.mark.parametrize("sent, expected", [
    (..., PRESENT), (None, PRESENT), ({}, PRESENT), ({"coding": []}, PRESENT), ({"extension": [{"url": "x", "valueCode": "unknown"}]}, PRESENT),
    (status("unknown"), PRESENT), (status("ACTIVE"), PRESENT), (status("active "), PRESENT), ("active", PRESENT), (status("relapse"), PRESENT),
    (status("active", text="Active problem"), PRESENT), (status("inactive"), GONE), (status("resolved "), GONE), ("Resolved", GONE),
    (status("bogus"), (True, ("clinical status “bogus” is not a FHIR status",))),
    (status("active", "resolved"), (True, ("recorded as active and as resolved",)))])
def test_a_problem_is_present_unless_its_status_clearly_says_that_it_is_over(sent, expected):
    assert problem(clinicalStatus=sent) == expected


@pytest.mark.parametrize("more, expected", [
    ({"abatementDateTime": ago(90)}, GONE), ({"abatementPeriod": {"end": ago(90)}}, GONE), ({"abatementBoolean": True}, GONE),
    ({"abatementBoolean": False}, PRESENT), ({"abatementAge": {"value": 30, "unit": "a"}}, GONE), ({"abatementString": "2019"}, GONE),
    ({"abatementDateTime": ago(-90)}, PRESENT), ({"abatementPeriod": {"start": ago(9), "end": ago(-90)}}, PRESENT),
    ({"abatementDateTime": "2026"}, (True, ("its end is only known as 2026",))),
    ({"abatementDateTime": "soon"}, (True, ("its end “soon” is not a date",))),
    ({"abatementDateTime": "1970-01-01"}, (True, ("its end “1970-01-01” is not a date",))),
    ({"abatementString": "ongoing"}, (True, ("its end “ongoing” is not a date",))),
    ({"abatementPeriod": {"start": ago(9)}}, (True, ("its end is not recorded",)))])
def test_without_a_status_a_problem_is_over_only_where_its_end_has_passed(more, expected):
    assert problem(**more) == expected
    assert problem(clinicalStatus=status("active"), **more) == PRESENT


NAMELESS = "1 problem has no code and no name"


@pytest.mark.parametrize("code, expected", [
    (..., NAMELESS), ({}, NAMELESS), ({"text": "Unknown"}, NAMELESS), ({"coding": [{"code": "J44.9"}]}, NAMELESS),
    ({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown", "display": "Unknown"}]}, NAMELESS),
    ({"coding": [{"system": "http://hl7.org/fhir/sid/icd-9-cm", "code": "496"}]}, NAMELESS),
    ({"coding": [{"system": "http://hl7.org/fhir/sid/icd-9-cm", "code": "496", "display": "COPD"}]}, PRESENT),
    ({"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99213"}]}, NAMELESS), ({"text": "COPD"}, PRESENT),
    ({"coding": [{"code": "J44.9", "display": "Chronic obstructive pulmonary disease"}]}, PRESENT)])
def test_a_problem_in_a_code_we_do_not_know_is_known_by_its_name_or_named_as_unreadable(code, expected):
    assert problem(code=code) == expected
    if expected == NAMELESS:
        assert problem(code=code, verificationStatus=status("refuted ")) is None


@pytest.mark.parametrize("dated, onset, recorded", [
    ({"onsetDateTime": "1970-01-01T00:00:00Z", "recordedDate": ago(3)}, None, ago(3)), ({"onsetDateTime": "1969-12-31"}, None, None),
    ({"onsetDateTime": "1970"}, "1970", None), ({"onsetPeriod": {"start": ago(9)}}, ago(9), None), ({"assertedDate": ago(3)}, None, ago(3)),
    ({"dateRecorded": ago(3)}, None, ago(3)), ({"onsetDateTime": ago(-300)}, ago(-300), None), ({"onsetDateTime": 20240101}, None, None)])
def test_a_date_that_stands_for_none_is_no_date_of_a_problem(dated, onset, recorded):
    (found,) = facts(any_key=bundle({**CONDITION, **dated})).conditions["copd"]
    assert (found.onset and found.onset.day(), found.recorded and found.recorded.day()) == (onset, recorded)


def sensitive(**more):
    sent = {"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": "ketamine"}, **more}
    found = facts(any_key=bundle({key: value for key, value in sent.items() if value is not ...}))
    told = found.allergies.get("ketamine", ())
    return told[0].recorded_as if told else ", ".join(one.what for one in found.unreadable) or None


@pytest.mark.parametrize("more, expected", [
    ({}, ""), ({"clinicalStatus": status("active ")}, ""), ({"clinicalStatus": status("bogus")}, ""), ({"clinicalStatus": status("resolved ")}, "over"),
    ({"clinicalStatus": status("active", "resolved")}, ""), ({"verificationStatus": status("refuted ")}, None),
    ({"verificationStatus": "entered-in-error"}, None), ({"verificationStatus": status("unconfirmed")}, ""),
    ({"code": ...}, "1 allergy has no code and no name"), ({"code": ..., "substance": {"text": "ketamine"}}, "1 allergy has no code and no name"),
    ({"type": "intolerance"}, "intolerance"), ({"type": status("allergy", text="Drug allergy")}, "allergy"), ({"type": {"coding": [{"code": "allergy"}]}}, "allergy")])
def test_an_allergy_counts_unless_its_status_clearly_says_otherwise(more, expected):
    assert sensitive(**more) == expected


@pytest.mark.parametrize("more, expected", [
    ({}, ()), ({"status": "completed "}, ()), ({"status": "unknown"}, ("status unknown",)), ({"status": "done"}, ("status done",)),
    ({"status": None}, ("status not recorded",)), ({"modifierExtension": [{"url": "x"}]}, ("carries a modifier extension this service does not know",)), ({"status": "not_done"}, None), ({"notDone": True}, None), ({"notPerformed": True}, None),
    ({"code": {"text": "Unknown"}}, "1 procedure has no code and no name"), ({"code": None}, "1 procedure has no code and no name")])
def test_a_procedure_counts_once_it_was_begun(more, expected):
    found = facts(any_key=bundle({"resourceType": "Procedure", "id": "x1", "status": "completed", "code": {"text": "EVAR"}, **more}))
    told = [one.doubts for members in found.procedures.values() for one in members]
    assert (told[0] if told else ", ".join(one.what for one in found.unreadable) or None) == expected


def pressure(**more):
    found = facts(observations=bundle({**observation(SYS, 190), **more}))
    return [int(one.value) for one in found.measurements.get("systolic-blood-pressure", ())], [one.what for one in found.unreadable]


@pytest.mark.parametrize("sent", ["final", "Final ", "AMENDED", "preliminary", "unknown", "", None])
def test_a_measurement_with_a_status_that_is_not_void_is_used(sent):
    assert pressure(status=sent) == ([190], [])


@pytest.mark.parametrize("sent", ["entered-in-error", "Entered in Error ", "entered_in_error", "cancelled", "registered"])
def test_a_void_measurement_is_not_used(sent):
    assert pressure(status=sent) == ([], [])


def test_a_measurement_with_a_strange_status_is_used_and_that_is_said_once():
    told = "status of 2 measurements: “verified” is not a FHIR status; they are used all the same"
    sent = [observation(SYS, value, status="Verified") for value in (190, 180)]
    found = facts(observations=bundle(*sent))
    assert [f"{one.list}: {one.what}" for one in found.unreadable] == [told] and len(found.measurements["systolic-blood-pressure"]) == 2


@pytest.mark.parametrize("when, told", [
    ("1969-12-31", "systolic blood pressure without a usable date could not be read"),
    ("1970-01-01T00:00:00Z", "systolic blood pressure without a usable date could not be read"),
    (20260630, "systolic blood pressure without a usable date could not be read"),
    ("2062-01-01T00:00:00Z", "systolic blood pressure 190 mmHg on 2062-01-01 01:00 lies in the future and could not be used")])
def test_a_measurement_at_a_time_that_cannot_be_is_named(when, told):
    assert told in pressure(effectiveDateTime=when)[1]
