"""Which problems a text without a code names: denial counts only where it stands, and never hides what stands beside it."""

from __future__ import annotations

import pytest
from charts import NOW, READY, RXNORM, ZONE, bundle, facts, order
from hypothesis import given, settings
from hypothesis import strategies as st
from test_terms import FIND

from cds import pipeline
from cds.hooks.request import request

CHECK = settings(max_examples=300, deadline=None, derandomize=True, database=None)

COUNTS = {
    "COPD with exacerbation risk": "copd", "High risk pregnancy": "pregnant", "Pregnancy, high risk": "pregnant",
    "cannot rule out dissection of aorta": "arterial-dissection", "can't rule out aortic dissection": "arterial-dissection",
    "Unable to completely rule out aneurysm": "aneurysm", "CT does not exclude aneurysm": "aneurysm", "Aneurysm not ruled out": "aneurysm",
    "aneurysm cannot be excluded": "aneurysm", "Aneurysm has not been ruled out": "aneurysm", "does not deny psychosis": "psychosis-primary",
    "not well controlled psychosis": "psychosis-primary", "Psychosis not controlled": "psychosis-primary", "COPD not controlled": "copd",
    "No change in size of aneurysm": "aneurysm", "no rupture of aneurysm": "aneurysm", "no evidence of ruptured aneurysm": "aneurysm",
    "Aneurysm without rupture": "aneurysm", "Aneurysm, no symptoms": "aneurysm", "no chest pain, aneurysm of 4 cm": "aneurysm",
    "No improvement in psychosis": "psychosis-primary", "not compliant, schizophrenia": "psychosis-primary", "COPD, risk of falls": "copd",
    "Schizophrenia, negative symptoms": "psychosis-primary", "schizophrenia negative symptoms": "psychosis-primary",
    "Rule out pulmonary embolism in pregnancy": "pregnant", "no complication of pregnancy": "pregnant", "Diabetes with pregnancy": "pregnant",
    "no longer smoking; aneurysm": "aneurysm", "Denies chest pain. Aneurysm present": "aneurysm", "Migraine with aneurysm": "aneurysm",
    "Family history of stroke, schizophrenia": "psychosis-primary", "No diabetes and COPD": "copd", "COPD and heart failure": "heart-failure",
    "COPD with heart failure": "heart-failure", "Denied for transplant because of COPD": "copd", "Acute and transient psychotic disorder":
    "psychosis-brief", "Major depressive disorder, recurrent, severe with psychotic features": "psychotic-depression",
    "Risk of aneurysm rupture": "aneurysm", "No aneurysm growth": "aneurysm", "no evidence of aneurysm rupture": "aneurysm",
    "No COPD exacerbation": "copd", "no psychosis relapse since 2019": "psychosis-primary", "no pregnancy complications": "pregnant", "Positive pregnancy test": "pregnant",
    "Pregnancy test: positive": "pregnant",
    "MDD, recurrent, severe w/ psychotic features": "psychotic-depression", "MDD with psychosis": "psychotic-depression", "hx of SAH":
    "other-intracranial-bleeding", "Traumatic SDH": "traumatic-intracranial-bleeding", "Type B aortic dissection": "arterial-dissection",
    "Type A dissection": "arterial-dissection", "IUP @ 9w": "pregnant", "COPD w/o exacerbation": "copd",
    "Aneurysm risk of rupture 3 %": "aneurysm", "? aortic dissection": "arterial-dissection", "suspected aneurysm": "aneurysm"}

DENIED = (
    "no evidence of aneurysm", "rule out pregnancy", "r/o pregnancy", "R/O COPD", "rule-out aneurysm", "pregnancy test negative", "Pregnancy negative",
    "family history of schizophrenia", "Family history of early onset schizophrenia", "Family history of bipolar disorder and schizophrenia",
    "Family history of psychosis", "FHx: aneurysm", "FH of aneurysm", "Aneurysm (family history)", "denies psychosis", "Denies any current psychosis",
    "Denies mania or psychosis", "no psychosis or schizophrenia", "No chest pain or aneurysm", "aneurysm ruled out", "Aneurysm: ruled out", "Aneurysm was ruled out",
    "Aneurysm, ruled out", "Aneurysm not found", "Pregnancy excluded", "without heart failure", "Hypertension without heart failure",
    "not currently pregnant", "not pregnant", "non-pregnant", "never pregnant", "No known cerebral aneurysm", "no history of psychosis",
    "isn't pregnant", "negative for aneurysm", "at risk of psychosis", "psychosis risk", "aneurysm screening", "Screening for brain aneurysm",
    "absence of psychosis", "No thoracic aneurysm", "Hypertension w/o heart failure", "Denies SI/HI/psychosis",
    "Family h/o aneurysm", "Family history of aneurysm rupture", "Wife is pregnant", "trying to get pregnant", "Prevention of pregnancy")

PAST = {"History of psychosis": True, "h/o COPD": True, "Psychosis, resolved": True, "Psychosis resolved": True, "previous ectopic pregnancy": True,
        "psychosis history": True, "History of recurrent postpartum psychosis": True, "past psychosis": True, "COPD": False, "COPD, s/p transplant": False,
        "Pregnant, history of preeclampsia": False, "Schizophrenia, history of smoking": False, "Pregnancy, previous caesarean section": False,
        "Scar from previous caesarean section in pregnancy": False, "history of preterm labor, currently pregnant": False,
        "History of preterm labor and pregnant": False, "Status post fall, aneurysm": False, "History of COPD, schizophrenia": False}


@pytest.mark.parametrize("text", COUNTS)
def test_a_name_counts_where_something_else_is_denied_or_nothing_is_decided(text):
    assert COUNTS[text] in FIND.condition((), text).terms


@pytest.mark.parametrize("text", DENIED)
def test_a_name_beside_its_denial_does_not_count(text):
    assert FIND.condition((), text).terms.keys() <= {"hypertension"}


@pytest.mark.parametrize("text", PAST)
def test_only_what_the_words_of_the_past_stand_beside_is_past(text):
    found = FIND.condition((), text)
    assert found.terms and found.history is PAST[text]


@CHECK
@given(st.text(max_size=80) | st.lists(st.sampled_from([*"no not or and without history of with family aneurysm psychosis , ; . ruled out risk in".split()]),
                                       max_size=14).map(" ".join))
def test_no_text_breaks_the_reading_of_a_problem(text):
    FIND.condition((), text)


@CHECK
@given(st.sampled_from([*COUNTS, *DENIED]), st.lists(st.sampled_from("seen today clinic stage 3 left arm since 2019 stable note".split()), max_size=6),
       st.sampled_from(("; ", ", ", ". ")))
def test_another_part_of_the_text_changes_nothing(text, words, mark):
    other = " ".join(words)
    alone, both = FIND.condition((), text), FIND.condition((), f"{other}{mark}{text}{mark}{other}")
    assert (both.terms, both.history) == (alone.terms, alone.history)


def test_a_card_does_not_call_active_what_its_text_puts_in_the_past():
    found = facts(conditions=bundle({"resourceType": "Condition", "id": "c", "code": {"text": "Hx of SAH"}, "clinicalStatus": {"coding": [{"code": "active"}]}}))
    assert [one.text for one in found.conditions["other-intracranial-bleeding"]] == ["Hx of SAH, said to be in the past"]


def test_a_drug_that_counts_by_code_and_by_name_stands_once_on_the_card():
    drug = {"resourceType": "MedicationStatement", "id": "m", "status": "active", "effectivePeriod": {"start": "2026-06-01"},
            "dateAsserted": "2026-06-15", "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "7052"}], "text": "morphine ER"}}
    other = {**drug, "id": "n", "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "187832"}], "text": "pregabalin"}}
    asked = request({"hook": "order-sign", "hookInstance": "x", "context": {"patientId": "p1", "draftOrders": bundle(order())},
                     "prefetch": {"medicationstatements": bundle(drug, other)}})
    cards = pipeline.decide(asked, READY, NOW, ZONE, lambda: "id").cards
    assert sum(card["detail"].count("MedicationStatement m") for card in cards) == 1
