"""Which terms a coded or named chart entry belongs to: codes, products, names, and the traps of real terminology."""

from __future__ import annotations

import re
import time
from datetime import date

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cds import rulebook
from cds.terms import load
from cds.terms.model import CONDITION, MEASUREMENT, MEDICATION
from cds.terms.recognise import Recogniser

FOLDER = rulebook.shipped()
BOOK = rulebook.load([FOLDER], date(2026, 6, 30))
TERMS, FIND = BOOK.terms, BOOK.recogniser
RXNORM, SNOMED = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://snomed.info/sct"
ICD, LOINC = "http://hl7.org/fhir/sid/icd-10-cm", "http://loinc.org"
NAMES = {row["name"]: row["ingredients"] for row in load.rows(FOLDER, "names.csv")}
WRITTEN = {name: one["includes"] for path in sorted((FOLDER / "terms").glob("*.yaml"))
           for name, one in yaml.safe_load(path.read_text("utf-8")).items()}
CHECK = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def drug(code="", text="", system=RXNORM) -> set[str]:
    return set(FIND.medication(((system, code, ""),) if code else (), text).terms)


def problem(code="", text="", system=ICD) -> set[str]:
    return set(FIND.condition(((system, code, ""),) if code else (), text).terms)


@pytest.mark.parametrize("code, terms", [
    ("1431286", {"opioids", "barbiturates"}), ("1190761", {"barbiturates"}), ("403970", {"sedatives-weak"}),
    ("805679", {"sedatives-weak"}), ("317351", {"benzodiazepines", "benzodiazepines-long-acting"}),
    ("1551474", {"naltrexone"}), ("1000091", set()), ("562592", set()), ("1867940", set()), ("1725058", set()),
    ("6130", {"ketamine", "any-ketamine"}), ("2119365", {"esketamine", "any-ketamine"}), ("103943", set()),
    ("2119381", {"esketamine", "any-ketamine"}), ("10438", {"xanthines"}), ("245134", {"opioids"})],
    ids=["opioid and barbiturate", "barbiturate antispasmodic", "fluoxetine and olanzapine", "intrathecal baclofen",
         "diazepam component", "bupropion and naltrexone", "doxepin cream", "eye drops of phenylephrine",
         "lidocaine with epinephrine", "nasal naloxone", "ketamine", "esketamine", "eye drops of ciprofloxacin",
         "nasal esketamine", "theophylline", "fentanyl patch"])
def test_a_product_belongs_to_the_terms_of_what_is_in_it(code, terms):
    wider = {"sedatives-strong", "sedatives-strong-other"} if "barbiturates" in terms else set()
    assert drug(code) == terms | wider


@pytest.mark.parametrize("text, there, not_there", [
    ("esketamine 28 mg nasal spray", "esketamine", "ketamine"), ("S-ketamine", "esketamine", "ketamine"),
    ("S(+)-ketamine 25 mg/mL", "esketamine", "ketamine"), ("Spravato", "esketamine", "ketamine"),
    ("Ketalar 50 mg/mL", "ketamine", "esketamine"), ("KETAMINE HCl 500 MG/10 ML", "ketamine", "esketamine"),
    ("hydrOXYzine 25 mg", "sedatives-weak", "opioids"), ("OxyCODONE-acetaminophen 5-325", "opioids", "benzodiazepines"),
    ("carisoprodol/aspirin/codeine", "opioids", "benzodiazepines"), ("aminophylline 250 mg IV", "xanthines", "opioids"),
    ("morphine sulfate ER 30 mg", "opioids-extended-release", "methadone"), ("Uniphyl", "xanthines", "dyphylline")])
def test_a_name_in_uncoded_text_is_found_as_a_whole_word(text, there, not_there):
    found = FIND.medication((), text)
    assert found.terms[there] == "text" and not_there not in found.terms and found.named


@pytest.mark.parametrize("text", [
    "apomorphine", "hydrALAZINE 25 mg", "escitalopram", "levomilnacipran", "loxapine", "busPIRone", "naloxone", "nalmefene", "loperamide",
    "flumazenil", "pentoxifylline", "caffeine", "doxofylline", "ramelteon", "pitolisant", "tedizolid", "methylnaltrexone", "naloxegol"])
def test_a_look_alike_belongs_to_no_term_and_was_read_all_the_same(text):
    found = FIND.medication((), text)
    assert not found.terms and found.named and "carbamazepine" not in found.ingredients


@pytest.mark.parametrize("codings, text", [((), ""), ((("", "", ""),), ""), ((("urn:x", "123", ""),), ""), ((), "42")])
def test_an_entry_without_a_known_code_and_a_readable_name_is_not_named(codings, text):
    assert not FIND.medication(codings, text).named


def test_a_drug_that_is_not_ours_is_read_and_belongs_to_nothing():
    found = FIND.medication((("urn:local", "17", "Paracetamol 500 mg"),), "")
    assert (found.terms, found.named, found.name) == ({}, True, "Paracetamol 500 mg")


def test_a_code_goes_before_a_name_and_a_conflict_is_said():
    found = FIND.medication(((RXNORM, "10438", "Codeine 30 mg"),), "")
    assert found.terms == {"xanthines": "code", "opioids": "text"}
    assert found.conflict == "code says theophylline, name says codeine" and found.ingredients == ("theophylline",)
    assert FIND.condition(((SNOMED, "73430006", "COPD"),), "").terms == {"sleep-disordered-breathing": "code"}


def test_any_of_several_codings_counts():
    codings = (("urn:local", "x", ""), (RXNORM, "10438", ""), (RXNORM, "7804", ""))
    assert {"xanthines", "opioids"} <= FIND.medication(codings, "").terms.keys()


@pytest.mark.parametrize("text, exact", [("theophylline 200 mg ER tablet twice daily", True), ("Theophylline", True),
                                         ("theophylline in dextrose 5 %", False), ("codeine / guaifenesin", False)])
def test_a_name_is_exact_where_the_text_names_one_ingredient_and_nothing_else(text, exact):
    assert FIND.medication((), text).exact is exact

@pytest.mark.parametrize("code, term", [
    ("J44.9", "copd"), ("J449", "copd"), ("j44.9", "copd"), (" J44.1 ", "copd"), ("J44", "copd"),
    ("I13.0", "heart-failure"), ("I50.22", "heart-failure"), ("G47.33", "sleep-disordered-breathing"),
    ("K70.31", "liver-severe"), ("K74.60", "liver-disease"), ("I16.1", "hypertensive-crisis")])
def test_an_icd_code_belongs_by_its_prefix_with_or_without_a_dot(code, term):
    assert FIND.condition(((ICD, code, ""),), "").terms[term] == "code"


@pytest.mark.parametrize("code, term", [
    ("G47.32", "sleep-disordered-breathing"), ("G4732", "sleep-disordered-breathing"), ("K70.31", "liver-disease"),
    ("I85.01", "liver-disease"), ("J43.9", "copd"), ("I11.9", "heart-failure"), ("J4", "copd"), ("", "copd")])
def test_an_excepted_prefix_or_a_neighbour_does_not_belong(code, term):
    assert term not in FIND.condition(((ICD, code, ""),), "").terms


@pytest.mark.parametrize("code, acute", [("I16.0", "hypertensive-crisis"), ("J96.01", "respiratory-failure-severe"),
                                         ("J96.10", None)])
def test_only_acute_codes_name_an_event(code, acute):
    assert FIND.condition(((ICD, code, ""),), "").acute == ({acute} if acute else set())


@pytest.mark.parametrize("text, term", [
    ("COPD", "copd"), ("chronic obstructive pulmonary disease, stage 2", "copd"), ("CHF, NYHA II", "heart-failure"),
    ("Obstructive Sleep Apnea (Adult)", "sleep-disordered-breathing"), ("OSA on CPAP", "sleep-disordered-breathing"),
    ("Major depressive disorder, recurrent", "depression-or-ptsd"), ("Fibromyalgia", "chronic-pain"), ("manic depression", "bipolar")])
def test_a_problem_without_a_code_is_found_by_its_name(text, term):
    assert FIND.condition((), text).terms == {term: "text"}


@pytest.mark.parametrize("text", [
    "No evidence of COPD", "denies sleep apnea", "rule out hypertensive crisis", "r/o CHF", "Family history of COPD",
    "FHx: COPD", "screening for sleep apnea", "Negative screening for depression on PHQ-9", "at risk for heart failure",
    "respiratory depression", "pulmonary cirrhosis", "without heart failure", "Osaka", "scopd"])
def test_denied_screened_family_and_look_alike_problems_belong_to_nothing(text):
    found = FIND.condition((), text)
    assert not found.terms and found.named


def test_a_negative_screening_code_is_no_depression():
    assert not problem("112011000119102", "Negative screening for depression on PHQ-9", SNOMED)


def test_a_problem_of_the_past_is_marked_as_history():
    for text in ("History of hypertensive crisis", "h/o COPD", "COPD, resolved"):
        assert FIND.condition((), text).history
    assert not FIND.condition((), "COPD").history and FIND.condition((), "COPD with acute exacerbation").terms


GAPS = {
    "Cirrhosis without ascites": "liver-disease", "COPD without acute exacerbation": "copd", "Sleep apnea, not on CPAP":
    "sleep-disordered-breathing", "COPD, at risk of exacerbation": "copd"}


@pytest.mark.parametrize("text", GAPS)
def test_a_denial_of_something_else_leaves_the_problem_standing(text):
    assert GAPS[text] in problem(text=text)


@pytest.mark.parametrize("text", ["COPD, prior smoker", "Heart failure, previous EF 25 %"])
def test_a_coded_problem_is_not_history_because_its_text_speaks_of_something_earlier(text):
    assert not FIND.condition(((ICD, "J44.9", ""),), text).history


@pytest.mark.parametrize("code", ["", "IMO0001"])
def test_a_text_counts_where_the_code_beside_it_says_nothing(code):
    assert "copd" in FIND.condition(((ICD, code, ""),), "COPD").terms


@pytest.mark.parametrize("text", ["Ke\u0301tamine", "k\u00e9tamine 50 mg", "keta\u00admine", "\uff2betamine"])
def test_accents_and_hidden_characters_do_not_hide_a_drug(text):
    assert "ketamine" in drug(text=text)


def test_a_name_does_not_bring_back_what_the_route_of_its_code_left_out():
    assert not FIND.medication(((RXNORM, "103943", "ciprofloxacin 3 MG/ML Ophthalmic Solution"),), "").terms


# ---- spellings of systems

@pytest.mark.parametrize("system, code, term", [
    (f"{prefix}2.16.840.1.113883.6.{number}", code, term) for prefix in ("urn:oid:", "") for number, code, term in (
        ("88", "10438", "xanthines"), ("90", "J44.9", "copd"), ("3", "J44.9", "copd"), ("96", "13645005", "copd"))])
def test_a_code_system_may_be_spelled_by_its_oid(system, code, term):
    assert term in (drug(code, system=system) if term == "xanthines" else problem(code, system=system))


def test_a_code_of_another_system_is_never_taken_for_ours():
    for system in ("", "urn:local", SNOMED, LOINC):
        assert not drug("10438", system=system)
        assert not problem("J44.9", system=system)


# ---- every shipped code

def shipped(kind: str, key: str) -> list[tuple[str, str]]:
    return [(name, code) for name, term in TERMS.items() if term.kind == kind for code in getattr(term, key)]


def verhoeff_of(code: str) -> int:
    """The Verhoeff check sum, from the group D5 itself; 0 where the last digit is right."""
    turn, check = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4], 0
    for place, digit in enumerate(reversed(code)):
        number = int(digit)
        for _ in range(place % 8):
            number = turn[number]
        left, right = divmod(check, 5), divmod(number, 5)
        sign = -1 if left[0] else 1
        check = (left[0] ^ right[0]) * 5 + (left[1] + sign * right[1]) % 5
    return check


def test_every_snomed_code_has_a_right_check_digit_and_belongs_to_its_term():
    codes = shipped(CONDITION, "snomed")
    assert len(codes) > 300
    for name, code in codes:
        assert verhoeff_of(code) == 0 and load.verhoeff(code), code
        assert FIND.condition(((SNOMED, code, ""),), "").terms[name] == "code"


@given(st.sampled_from([code for _, code in shipped(CONDITION, "snomed")]), st.integers(0, 17), st.integers(1, 9))
@CHECK
def test_one_wrong_digit_is_always_noticed(code, place, shift):
    place %= len(code)
    wrong = code[:place] + str((int(code[place]) + shift) % 10) + code[place + 1:]
    assert not load.verhoeff(wrong)


def test_every_loinc_code_has_a_right_check_digit_and_belongs_to_its_term():
    for name, code in shipped(MEASUREMENT, "loinc"):
        digits, _, check = code.partition("-")
        doubled = "".join(str(int(one) * (2 - place % 2)) for place, one in enumerate(reversed(digits)))
        assert (sum(map(int, doubled)) + int(check)) % 10 == 0 and load.loinc_check_digit(code), code
        assert name in FIND.measurement(((LOINC, code, ""),), "")


def test_every_icd_prefix_belongs_to_its_term_with_any_ending():
    for name, prefix in shipped(CONDITION, "icd10cm"):
        if prefix not in TERMS[name].except_icd10cm:
            assert name in problem(prefix) and name in problem(prefix[:3] + "." + prefix[3:] + "9"), prefix


def test_every_ingredient_belongs_to_its_term_by_its_code_and_by_its_name():
    codes = {row["name"]: row["rxcui"] for row in load.rows(FOLDER, "ingredients.csv")}
    for name, includes in WRITTEN.items():
        if TERMS[name].kind == MEDICATION and not TERMS[name].forms and not TERMS[name].only_routes:
            for ingredient in includes.get("ingredients", ()):
                label, code = re.fullmatch(r"(.+?)(?: ([0-9]+))?", ingredient).groups()
                assert codes[label] == (code or ""), f"{name}: {ingredient} is not what ingredients.csv says"
                assert FIND.medication((), label).terms[name] == "text"
                assert not code or FIND.medication(((RXNORM, code, ""),), "").terms[name] == "code"


def test_every_product_and_every_name_is_read_as_its_ingredients():
    for row in load.rows(FOLDER, "products.csv"):
        assert FIND.medication(((RXNORM, row["rxcui"], ""),), "").ingredients == tuple(row["ingredients"].split("+"))
    for name, ingredients in NAMES.items():
        if "'s " in name:
            continue  # a possessive is not found; reported
        assert set(FIND.medication((), name).ingredients) == set(ingredients.split("+")), name


# ---- any text

WORDS = sorted(name for name in NAMES if name.isalpha())
SPELLED = sorted(name for name in NAMES if "'s " not in name)
NOISE = st.lists(st.text("qxzjkw", min_size=3, max_size=8), max_size=3).map(" ".join)


@given(st.text(max_size=200))
@CHECK
def test_no_text_ends_in_an_error(text):
    assert FIND.medication(((text, text, text),), text).name == FIND.medication(((text, text, text),), text).name
    assert isinstance(FIND.condition(((text, text, text),), text).terms, dict)


@given(st.sampled_from(WORDS), st.text("abcdefghijklmnopqrstuvwxyz0", min_size=1, max_size=4), st.booleans())
@CHECK
def test_a_name_is_never_found_inside_a_longer_word(name, more, before):
    word = more + name if before else name + more
    assert word in NAMES or not FIND.medication((), f"{word} tablet").ingredients


@given(st.sampled_from(SPELLED), NOISE, NOISE, st.sampled_from([str.upper, str.title, str.lower]))
@CHECK
def test_unrelated_words_and_capitals_never_hide_a_name(name, before, after, written):
    assert set(NAMES[name].split("+")) <= set(FIND.medication((), f"{before} {written(name)} {after}").ingredients)


def test_all_tables_load_in_under_a_third_of_a_second_of_cpu():
    times = []
    for _ in range(3):
        started = time.process_time()
        Recogniser(load.read_terms([FOLDER], [])[0], [FOLDER])
        times.append(time.process_time() - started)
    assert min(times) < 0.3
