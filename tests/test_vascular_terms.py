"""Terms of aneurysms, bleeding and reactions: which codes and words belong, and which look alike and do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from charts import bundle, facts
from test_terms import FIND

ICD, SNOMED = "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct"
RULES = Path(__file__).resolve().parent.parent / "rules" / "terms" / "snomed"
NONE = frozenset()


def coded(code, text="", system=ICD):
    return FIND.condition(((system, code, text),), "").terms


@pytest.mark.parametrize("code, terms", [
    ("I71.40", {"aneurysm"}), ("I67.1", {"aneurysm"}), ("I72.0", {"aneurysm"}), ("I25.41", {"aneurysm"}), ("I71.010", {"arterial-dissection"}),
    ("I71.00", {"arterial-dissection"}), ("I77.71", {"arterial-dissection"}), ("I67.0", {"arterial-dissection"}), ("I25.42", {"arterial-dissection"}),
    ("I25.3", {"other-aneurysm"}), ("I28.1", {"other-aneurysm"}), ("Q28.3", {"cerebral-vessel-malformation"}),
    ("I61.9", {"intracerebral-bleeding"}), ("I69.151", {"intracerebral-bleeding"}), ("I60.7", {"other-intracranial-bleeding"}),
    ("I62.00", {"other-intracranial-bleeding"}), ("I69.052", {"other-intracranial-bleeding"}), ("I69.251", {"other-intracranial-bleeding"}),
    ("S06.5X0A", {"traumatic-intracranial-bleeding"}), ("S06.6X9A", {"traumatic-intracranial-bleeding"}),
    ("S06.340A", {"traumatic-intracranial-bleeding"}),
    ("S06.0X0A", NONE), ("S06.310A", NONE), ("Z86.79", NONE), ("Z82.49", NONE), ("P52.4", NONE), ("P10.0", NONE), ("Q28.2", NONE), ("I63.9", NONE),
    ("Z88.4", {"anaesthetic-reaction"}), ("T41.295A", {"anaesthetic-reaction"}), ("T41.205S", {"anaesthetic-reaction"}), ("T41.291A", NONE),
    ("Z88.0", NONE)])
def test_a_code_belongs_to_one_finding(code, terms):
    ours = coded(code).keys() & {"aneurysm", "arterial-dissection", "other-aneurysm", "cerebral-vessel-malformation", "intracerebral-bleeding",
                                 "other-intracranial-bleeding", "traumatic-intracranial-bleeding", "anaesthetic-reaction"}
    assert ours == terms


@pytest.mark.parametrize("code, text, there", [
    ("Z86.79", "History of aortic aneurysm", True), ("Z86.79", "Personal history of phlebitis", False),
    ("Z95.828", "Aortic aneurysm stent graft", True), ("R69", "Cerebral aneurysm", True), ("I67.9", "Brain aneurysm", True),
    ("Z95.828", "Presence of other vascular implants and grafts", False), ("I80.1", "Phlebitis; aneurysm clinic", False)])
def test_under_a_code_that_says_too_little_the_name_decides(code, text, there):
    assert ("aneurysm" in coded(code, text)) is there


@pytest.mark.parametrize("code, text, terms", [
    ("Z86.73", "History of hemorrhagic stroke", {"other-intracranial-bleeding"}), ("Z86.73", "History of TIA", set()),
    ("Z87.820", "History of traumatic subdural hematoma", {"traumatic-intracranial-bleeding"}), ("Z86.59", "History of psychosis", {"psychosis-in-remission"}),
    ("Z88.4", "Allergy to ketamine", {"anaesthetic-reaction", "ketamine-allergy"}), ("Z88.4", "Allergy status to anesthetic agent", {"anaesthetic-reaction"}),
    ("Z88.8", "Ketamine allergy", {"ketamine-allergy"}), ("Z88.8", "No ketamine allergy", set())])
def test_a_history_or_allergy_code_does_not_hide_what_its_text_names(code, text, terms):
    assert coded(code, text).keys() == terms


@pytest.mark.parametrize("text, term", [
    ("AAA, 3.4 cm", "aneurysm"), ("Brain aneurysm", "aneurysm"), ("Left ventricular aneurysm", "other-aneurysm"),
    ("Femoral pseudoaneurysm", "other-aneurysm"),
    ("Family history of aneurysm", None), ("Screening for abdominal aortic aneurysm", None), ("No aneurysm", None), ("Atrial septal aneurysm", None),
    ("Aneurysmal bone cyst of tibia", None), ("Carotid artery dissection", "arterial-dissection"), ("Neck dissection", None),
    ("Intracerebral haemorrhage 2010", "intracerebral-bleeding"), ("Traumatic subdural hematoma", "traumatic-intracranial-bleeding"),
    ("Non-traumatic subdural hematoma", "other-intracranial-bleeding"), ("Nontraumatic subdural hematoma", "other-intracranial-bleeding"),
    ("Spinal epidural hematoma", None), ("Intraventricular hemorrhage of newborn", None), ("Subconjunctival hemorrhage", None),
    ("Ketamine-induced psychosis", "ketamine-induced-disorder"), ("Anesthesia allergy", "anaesthetic-reaction"),
    ("Allergy to local anesthetics", None)])
def test_uncoded_text_names_one_finding_or_none(text, term):
    found = FIND.condition((), text).terms
    assert found == ({} if term is None else {term: "text"})


def test_a_non_traumatic_bleeding_never_stands_among_the_traumatic_ones():
    listed = yaml.safe_load((RULES / "bleeding.yaml").read_text("utf-8"))
    assert not [one for one in listed["traumatic-intracranial-bleeding"] if "nontraumatic" in one.lower() or "non-traumatic" in one.lower()]
    assert not [one for name in ("intracerebral-bleeding",
        "other-intracranial-bleeding") for one in listed[name] if "due to trauma" in one or " Traumatic" in one]
    codes = [one.split()[0] for members in listed.values() for one in members]
    assert len(codes) == len(set(codes))


def test_a_bleeding_from_an_aneurysm_is_no_aneurysm_of_its_own():
    assert coded("230719004", system=SNOMED) == {"other-intracranial-bleeding": "code"}


def problem(code, **more):
    sent = {"resourceType": "Condition", "id": "c-1", "code": {"coding": [{"system": ICD, "code": code}]}, "recordedDate": "2026-06-22", **more}
    return facts(conditions=bundle(sent)).conditions


@pytest.mark.parametrize("code, history", [("S06.5X0S", True), ("S06.5X0A", False), ("S065X0S", True), ("I61.9", False)])
def test_a_sequela_is_history_and_has_no_date(code, history):
    (one,), = problem(code, onsetDateTime="2026-06-01").values()
    assert (one.history, one.onset is None) == (history, history)


@pytest.mark.parametrize("category, counts", [("family-history", False), ("problem-list-item", True)])
def test_a_problem_of_the_family_is_not_the_patients(category, counts):
    assert bool(problem("I71.40", category=[{"coding": [{"code": category}]}])) is counts


@pytest.mark.parametrize("said, terms", [
    ("Anaphylaxis", {"allergic-reaction"}), ("Hives", {"allergic-reaction"}), ("Nausea and vomiting", {"ketamine-side-effect"}),
    ("Visual hallucinations", {"ketamine-side-effect"}), ("Rash, nausea", {"allergic-reaction", "ketamine-side-effect"}), ("Cardiac arrest", NONE),
    ("", NONE)])
def test_a_manifestation_is_an_allergic_reaction_a_side_effect_or_neither(said, terms):
    assert FIND.reaction((), said) == terms


def test_a_manifestation_is_known_by_its_code_too():
    assert FIND.reaction(((SNOMED, "39579001", ""),), "") == {"allergic-reaction"} and FIND.reaction(((SNOMED, "422587007", ""),),
        "") == {"ketamine-side-effect"}


def test_words_of_reactions_are_no_problems():
    assert FIND.condition((), "Hypertension").terms == {} == FIND.condition((), "Nausea").terms
