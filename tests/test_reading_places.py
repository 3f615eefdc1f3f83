"""Code systems, dates and subjects in the spellings EHRs use; another patient's record is never used."""

from __future__ import annotations

from datetime import timezone

import pytest
from charts import CODED, CONDITION, NOW, READY, SYS, ZONE, bundle, drug, facts, measured, observation, order, state

from cds import pipeline
from cds.facts.model import CURRENT
from cds.hooks.request import request
from cds.intervals import moment
from cds.terms.systems import ABSENT, ICD10, LOINC, RXNORM, SNOMED, UNII, system

SPELLINGS = {
    RXNORM: ("http://www.nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88", "RxNorm"),
    ICD10: ("http://hl7.org/fhir/sid/icd-10-cm", "2.16.840.1.113883.6.90", "ICD-10-CM"),
    SNOMED: ("http://snomed.info/sct", "2.16.840.1.113883.6.96", "SNOMED CT"),
    LOINC: ("http://loinc.org", "2.16.840.1.113883.6.1", "LOINC"), UNII: ("http://fdasis.nlm.nih.gov", "2.16.840.1.113883.4.9", "UNII"),
    ABSENT: ("http://terminology.hl7.org/CodeSystem/data-absent-reason", "2.16.840.1.113883.5.1008", "NullFlavor")}


@pytest.mark.parametrize("known", SPELLINGS)
def test_a_code_system_is_known_by_address_by_oid_and_by_name(known):
    address, oid, name = SPELLINGS[known]
    split = address.replace("//", " //")
    for spelled in (address, f" {address} ", split, address.upper(), address.replace("http:", "https:"), f"{address}/", f"{address}|2026-03",
                    oid, f"urn:oid:{oid}", f"URN:OID:{oid} ", f"oid:{oid}", f"urn:oid: {oid}", name, name.lower()):
        assert system(spelled) == known, spelled


@pytest.mark.parametrize("spelled, known", [
    ("http://snomed.info/sct/731000124108", SNOMED), ("http://snomed.info/sct/731000124108/version/20260301", SNOMED),
    ("http://hl7.org/fhir/sid/icd-10", ICD10), ("urn:oid:2.16.840.1.113883.6.3", ICD10), ("http://hl7.org/fhir/sid/icd-9-cm", ""),
    ("https://icd.who.int/browse10/2019/en", ICD10), ("https://icd.who.int/browse11/l-m/en", ""), ("2.16.840.1.113883.6.881", ""), ("http://snomed.info/sctx", ""), ("http://loinc.org.example.org", ""), ("", ""), ("urn:oid:", ""),
    ("http://hl7.org/fhir/sid/ndc", ""), ("http://hl7.org/fhir/sid/icd-10-gm", ""), ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "")])
def test_a_code_system_is_not_taken_for_a_neighbour(spelled, known):
    assert system(spelled) == known


def test_codes_in_such_systems_are_found_in_a_chart():
    for name, code in (("http: //www.nlm.nih.gov/research/umls/rxnorm", " 10438 "), ("URN:OID:2.16.840.1.113883.6.88", "10438"),
                       ("RxNorm", 10438)):
        assert state(drug(**{CODED: {"coding": [{"system": name, "code": code}]}})) == CURRENT
    for name, code in (("http: //snomed.info/sct", "13645005"), ("https://snomed.info/sct/", "13645005"), ("ICD-10-CM", "J44.9 ")):
        assert facts(any_key=bundle({**CONDITION, "code": {"coding": [{"system": name, "code": code}]}})).conditions["copd"]
    for name in ("http://loinc.org/", "LOINC", "http://LOINC.org", "urn:oid:2.16.840.1.113883.6.1"):
        sent = {**observation(SYS, 150), "code": {"coding": [{"system": name, "code": f"{SYS} "}]}}
        assert measured("systolic-blood-pressure", sent) == [150]


OURS = ("Patient/p1", "https://ehr.example.org/FHIR/R4/Patient/p1", "Patient/p1/_history/2", " Patient/p1 ", "patient/p1", "p1", "Patient/p1/",
        "#pat", "urn:uuid:1", "Patient?identifier=x|1", "")
FOREIGN = ("Patient/p2", "https://ehr.example.org/FHIR/R4/Patient/p2", "Patient/p2/_history/2", " Patient/p2 ", "patient/p2", "p2", "Patient/xp1",
           "Patient/P1", "Patient/p1x", "https://ehr.example.org/Patient/xp1", "Group/p1", "Practitioner/p1", "https://ehr.example.org/Group/g")


@pytest.mark.parametrize("ref, ours", [*((one, True) for one in OURS), *((one, False) for one in FOREIGN)])
def test_a_record_counts_for_the_patient_it_names_however_the_reference_is_written(ref, ours):
    named = {"reference": ref}
    for subject in ({"subject": named}, {"subject": [named]}, {"subject": ref}, {"patient": named}):
        found = facts(medicationstatements=bundle(drug(**subject)))
        assert bool(found.medications) is ours
        assert [f"{one.list}: {one.what}" for one in found.unreadable] == ([] if ours else ["records of another patient: 1 left out"])
        assert found.lists["medications"].read is ours


@pytest.mark.parametrize("length", [1, 64, 130, 256])
@pytest.mark.parametrize("before", ["", "Patient/"])
def test_a_patient_has_an_id_of_any_length_with_or_without_its_type(length, before):
    identity = ("eSynthetic.Identifier-" * 12)[:length]
    context = {"patientId": before + identity, "draftOrders": bundle(order(subject={"reference": f"Patient/{identity}"}))}
    sent = {"medicationstatements": bundle(drug(subject={"reference": f"https://ehr.example.org/R4/Patient/{identity}"}))}
    asked = request({"hook": "order-sign", "hookInstance": "x", "context": context, "prefetch": sent})
    found = pipeline.decide(asked, READY, NOW, ZONE, lambda: "id").facts
    assert found.orders and found.medications["xanthines"] and not found.unreadable


def test_an_id_that_cannot_be_one_is_not_repeated_and_its_record_counts():
    for identity in ("x" * 257, "a b", "<b>", "\u202e"):
        (found,) = facts(any_key=bundle(drug(id=identity))).medications["xanthines"]
        assert found.ref == "MedicationStatement/(id unreadable)"


def test_a_reason_is_never_another_patients_problem():
    reason = {"resourceType": "Condition", "id": "c9", "code": {"text": "COPD"}, "subject": {"reference": "Patient/p2"}}
    sent = order(reasonReference=[{"reference": "Condition/c9"}])
    assert facts([sent], conditions=bundle(reason)).orders[0].reasons == ()
    assert facts([sent], conditions=bundle({**reason, "subject": {"reference": "Patient/p1"}})).orders[0].reasons != ()


@pytest.mark.parametrize("identity, ours", [("p1", True), (None, True), ("p2", False)])
@pytest.mark.parametrize("patient_first", [True, False])
def test_a_subject_inside_the_bundle_is_the_patient_that_stands_there(identity, ours, patient_first):
    patient = {"resourceType": "Patient", **({"id": identity} if identity else {})}
    entries = [{"fullUrl": "urn:uuid:7", "resource": patient}, {"resource": drug(subject={"reference": "urn:uuid:7"})}]
    sent = {"resourceType": "Bundle", "entry": entries if patient_first else entries[::-1]}
    found = facts(medicationstatements=sent)
    assert bool(found.medications) is ours
    assert sum("left out" in one.what for one in found.unreadable) == (not ours)


def test_an_order_for_another_patient_of_the_same_bundle_is_left_out_and_named():
    for identity, left_out in (("p2", ["draft orders of another patient: 1 left out"]), ("p1", [])):
        entries = [{"resource": order()}, {"resource": order(id="draft-2", subject={"reference": "urn:uuid:7"})},
                   {"fullUrl": "urn:uuid:7", "resource": {"resourceType": "Patient", "id": identity}}]
        context = {"patientId": "p1", "draftOrders": {"resourceType": "Bundle", "entry": entries}}
        found = pipeline.decide(request({"hook": "order-sign", "hookInstance": "x", "context": context}), READY, NOW, ZONE, lambda: "id").facts
        assert [f"{one.list}: {one.what}" for one in found.unreadable] == left_out and len(found.orders) == 2 - len(left_out)


@pytest.mark.parametrize("subject", [{"reference": "patient/p2"}, [{"reference": "Patient/p2"}], "Patient/p2", {"reference": "p2"}])
def test_an_order_for_another_patient_is_left_out_and_named(subject):
    found = facts([order(), order(id="draft-2", subject=subject)])
    assert [one.ref for one in found.orders] == ["MedicationRequest/draft-1"]
    assert [f"{one.list}: {one.what}" for one in found.unreadable] == ["draft orders of another patient: 1 left out"]


@pytest.mark.parametrize("text, expected", [
    ("2026-06-30T16: 09: 08.000Z", "2026-06-30T16:09:08"), ("2026-06-30 09:00:00", "2026-06-30T07:00:00"), (" 2026-06-30T09:00Z ", "2026-06-30T09:00:00"),
    ("2026-06-30t09:00:00z", "2026-06-30T09:00:00"), ("2026-06-30T09:00:00 +0200", "2026-06-30T07:00:00"), ("2026-06-30T09:00:60Z", "2026-06-30T09:00:59"),
    ("2026 - 06 - 30T09:00Z", "2026-06-30T09:00:00"), ("2026-06-30T09:00:00", "2026-06-30T07:00:00"), ("2026-12-30T09:00:00", "2026-12-30T08:00:00")])
def test_an_instant_with_stray_blanks_or_without_a_time_zone_is_read(text, expected):
    assert moment(text, ZONE).earliest.astimezone(timezone.utc).isoformat()[:19] == expected


@pytest.mark.parametrize("text", [
    "1969-12-31", "1970-01-01", "1970-01-01T00:00:00Z", "1969-12-31T19:00:00-05:00", "1900-01-01", "1899-12-30T00:00:00Z", "0001-01-01", "9999-12-31",
    "20260630", 20260630, 1782806400, "30.06.2026", "06/30/2026", "2026-6-3", "2026-06-30T24:00:00Z", "2026-06-30T09", "unknown"])
def test_a_date_that_stands_for_none_or_is_none_is_not_guessed(text):
    assert moment(text, ZONE) is None


def test_a_birth_date_may_be_the_first_day_of_computer_time():
    for day in ("1970-01-01", "1969-12-31"):
        assert facts(patient={"resourceType": "Patient", "id": "p1", "birthDate": day}).birth.day() == day
