"""Terms of pressor drugs, psychiatry and pregnancy on codes and texts that are easily taken for something else."""

from __future__ import annotations

import pytest
from test_terms import FIND, ICD, SNOMED, TERMS, drug, problem


@pytest.mark.parametrize("text, ingredient, term", [
    ("armodafinil", "armodafinil", "stimulants"), ("pseudoephedrine", "pseudoephedrine", "decongestants-oral"),
    ("dextroamphetamine", "dextroamphetamine", "stimulants"), ("methamphetamine", "methamphetamine", "stimulants"),
    ("Lamictal 25 mg tablet (for patients taking carbamazepine, phenytoin or primidone)", "lamotrigine", "lamotrigine")])
def test_a_name_that_holds_another_name_is_only_itself(text, ingredient, term):
    found = FIND.medication((), text)
    assert found.ingredients == (ingredient,) and term in found.terms and found.terms.keys() <= {term, "sympathomimetics"}


@pytest.mark.parametrize("code, text", [
    ("562592", "phenylephrine 1.25 MG/ML Ophthalmic Solution"), ("1867940", "epinephrine / lidocaine injection"), ("1870205", "Auvi-Q"),
    ("8163", "phenylephrine"), ("3992", "epinephrine"), ("", "EpiPen 0.3 mg auto-injector"), ("", "Uribel capsule"), ("1725058", "naloxone Nasal Spray")])
def test_local_dental_and_auto_injector_products_and_urinary_antiseptics_raise_no_pressor_card(code, text):
    assert not drug(code, text=text)


@pytest.mark.parametrize("text, terms", [
    ("Selegiline 5 mg capsule", {"selegiline-oral", "maoi-selective"}), ("Emsam 6 mg/24 hr patch", {"selegiline-not-oral", "maoi-irreversible"}),
    ("ephedrine 50 mg/mL injection", {"vasopressors", "sympathomimetics-injected", "sympathomimetics"}),
    ("norepinephrine infusion", {"vasopressors", "sympathomimetics"}), ("lidocaine 1 % with epinephrine injection", set()),
    ("epinephrine 0.3 mg auto-injector injection", set()), ("phenylephrine 2.5 % eye drops", set()),
    ("Sudafed PE 10 mg tablet", {"phenylephrine-ephedrine-oral", "decongestants-oral", "sympathomimetics"}),
    ("Vivitrol 380 mg", {"naltrexone", "naltrexone-depot"}), ("naltrexone ER 380 mg injection", {"naltrexone", "naltrexone-depot"}),
    ("naltrexone 50 mg tablet", {"naltrexone"})])
def test_the_name_of_a_drug_tells_its_route_where_a_code_does_not(text, terms):
    assert drug(text=text) == terms


@pytest.mark.parametrize("text, term", [("Ketamine 50 mg with lidocaine infusion", "ketamine"), ("diazepam rectal gel", "benzodiazepines"),
                                        ("lorazepam oral drops", "benzodiazepines")])
def test_a_word_about_the_route_hides_no_drug(text, term):
    assert term in drug(text=text)


def test_the_route_tells_selective_from_unselective_selegiline():
    assert "selegiline-oral" in drug("859186") and "maoi-irreversible" not in drug("859186")
    assert "maoi-irreversible" in drug("865206") and "maoi-selective" not in drug("865206")
    assert "maoi-irreversible" in drug("9639")


def test_an_injected_pressor_counts_by_its_product_code():
    assert "vasopressors" in drug("1232651") and "vasopressors" in drug("1660014") and "decongestants-oral" not in drug("1232651")


@pytest.mark.parametrize("code, terms", [
    ("F29", {"psychosis-primary"}), ("F20.81", {"psychosis-primary"}), ("F23", {"psychosis-brief"}), ("F53.1", {"psychosis-primary"}),
    ("F12.259", {"psychosis-substance-induced", "substance-use-disorder"}), ("F33.3", {"psychotic-depression", "depression-or-ptsd"}), ("F48.1", {"dissociative-disorder"}),
    ("F16.983", {"dissociative-disorder"}), ("F33.2", {"depression-or-ptsd"}), ("F31.2", {"bipolar"}), ("F21", set()), ("R44.0", set()), ("F05", set())])
def test_a_psychiatric_code_belongs_to_one_kind_of_psychosis(code, terms):
    assert problem(code) == terms


@pytest.mark.parametrize("code", ["724719005", "724716003", "2776000"])
def test_what_ketamine_caused_and_delirium_are_no_psychosis(code):
    assert problem(code, system=SNOMED) <= {"ketamine-induced-disorder"}


@pytest.mark.parametrize("text, term", [
    ("Schizophrenia in remission", "psychosis-in-remission"), ("schizoaffective disorder", "psychosis-primary"),
    ("Major depressive disorder with psychotic features", "psychotic-depression"), ("cirrhosis with ascites", "liver-severe"),
    ("Cannabis-induced psychosis", "psychosis-substance-induced"), ("HPPD", "dissociative-disorder")])
def test_the_longest_name_decides_what_a_text_is(text, term):
    assert problem(text=text) == {term}


@pytest.mark.parametrize("code, belongs", [
    ("Z33.1", True), ("Z34.90", True), ("O09.511", True), ("Z3A.20", True), ("Z32.01", True), ("O99.341", True), ("O60.02", True), ("Z33.2", False),
    ("Z32.02", False), ("Z32.00", False), ("O99.345", False), ("O03.9", False), ("O80", False), ("Z39.2", False), ("O60.12X0", False), ("Z36.9", False),
    ("O24.429", False), ("Z31.41", False)])
def test_only_codes_of_a_running_pregnancy_mean_one(code, belongs):
    assert ("pregnant" in problem(code)) is belongs


@pytest.mark.parametrize("code, belongs", [
    ("O80", True), ("Z37.0", True), ("Z39.2", True), ("O03.9", True), ("Z33.2", True), ("O90.0", True), ("Z39.1", False), ("O07.4", False),
    ("O92.112", False), ("O90.3", False), ("O09.90", False)])
def test_only_codes_of_an_ended_pregnancy_close_one(code, belongs):
    assert ("pregnancy-ended" in problem(code)) is belongs


@pytest.mark.parametrize("code, belongs", [("Z90.710", True), ("Z90.711", True), ("Z90.722", True), ("Z90.712", False), ("Z90.721", False)])
def test_a_cervix_or_one_ovary_removed_does_not_exclude_a_pregnancy(code, belongs):
    assert ("unable-to-conceive" in problem(code)) is belongs


def test_perimenopause_is_no_menopause():
    assert problem("N95.0") == problem("N95.2") == problem("Z78.0") == {"menopause"}
    assert not problem("N95.1") and not problem("N95.9") and not problem(text="perimenopausal symptoms")


@pytest.mark.parametrize("text", ["Not pregnant", "Pregnancy test", "no pregnancy", "ectopic pregnancy", "planning pregnancy", "Encounter for pregnancy test",
                                  "negative pregnancy test", "partner is pregnant", "denies pregnancy"])
def test_words_about_a_pregnancy_are_not_one(text):
    assert "pregnant" not in problem(text=text)


@pytest.mark.parametrize("code, days", [("Z3A.38", 28), ("Z3A.08", 280), ("O09.93", 105), ("O09.92", 203), ("O09.91", 280), ("Z33.1", 280), ("Z3A.42", 0)])
def test_a_pregnancy_code_lasts_as_long_as_the_pregnancy_it_speaks_of(code, days):
    assert FIND.condition(((ICD, code, ""),), "").lasts["pregnant"].days == days


def test_the_shortest_of_several_codes_of_one_entry_says_how_long_it_lasts():
    assert FIND.condition(((ICD, "O09.93", ""), (ICD, "Z3A.38", "")), "").lasts["pregnant"].days == 28
    assert FIND.condition(((SNOMED, "43697006", ""),), "").lasts["pregnant"].days == 35
    assert "pregnant" not in FIND.condition(((ICD, "F29", ""),), "").lasts


@pytest.mark.parametrize("text, term", [
    ("manic depression", "bipolar"), ("Bipolar depression", "bipolar"), ("Alzheimer's disease", "dementia"), ("Graves' disease", "hyperthyroidism"),
    ("Opioid dependence in remission", "substance-use-disorder"), ("bipolar hemiarthroplasty of hip", ""), ("non-toxic goitre", "")])
def test_a_problem_that_a_drug_tells_of_is_known_by_its_words(text, term):
    assert set(FIND.condition((), text).terms) == ({term} if term else set())


@pytest.mark.parametrize("code, name, term", [
    ("6448", "", "lithium"), ("197889", "", "lithium"), ("6835", "", "antithyroid-drugs"), ("", "Antabuse 250 mg", "addiction-medicines"),
    ("", "Spiriva HandiHaler", "tiotropium"), ("", "donepezil 10 mg tablet", "donepezil"), ("351264", "", "addiction-medicines"),
    ("402010", "", "antipsychotics-depot")])
def test_a_drug_that_tells_of_a_problem_is_known_by_code_or_name(code, name, term):
    assert term in drug(code) if code else term in drug(text=name)


def test_a_buprenorphine_patch_tells_of_no_addiction():
    assert "addiction-medicines" not in drug("388506")


def test_no_look_alike_of_one_term_is_a_name_of_another():
    conditions = [term for term in TERMS.values() if term.kind == "condition"]
    names = {name: term.name for term in conditions for name in term.names}
    assert [(term.name, name, names[name]) for term in conditions for name in term.not_names if name in names] == []


@pytest.mark.parametrize("text, term", [("psychotic depression", "psychotic-depression"), ("alcoholic psychosis", "psychosis-substance-induced"),
                                        ("ectopic pregnancy", "pregnancy-ended"), ("Miscarriage at 8 weeks", "pregnancy-ended"), ("Gravid", "pregnant"),
                                        ("Twin pregnancy", "pregnant")])
def test_a_term_is_found_by_its_names(text, term):
    assert problem(text=text) == {term}
