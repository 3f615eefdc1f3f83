"""No hazard in a request disappears without a card, however odd its FHIR is, and no chart text becomes markup.

Most requests go through the pipeline in this process, because thousands are tried; samples go over HTTP.  `bug` marks facts that do
not hold yet; each mark must go as soon as its bug is gone.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from service import (AS_OF, CRISIS, OTHER, OUTCOME, RXNORM, WEIGHT, Document, Service, asked, breathing, bundle, changed, coded, drug, medicine,
                     named, order, ordered, paths, pointing, pressure, referred, refused, routed, running, theophylline)

from cds import pipeline, rulebook
from cds.clock import new_identifier
from cds.hooks.request import RequestRefused, request
from cds.pipeline import Decision
from cds.selftest.promises import problems

NOW = datetime(2026, 6, 30, 10, tzinfo=timezone.utc)
READY = pipeline.prepare([rulebook.shipped()], NOW.date(), use_engine=False)
THEO, DOSE, PRESSURE, BREATH = "theophylline", "dose-and-rate", "blood-pressure", "sedation"
LISTS = ("conditions", "medicationstatements", "medicationrequests", "observations")
DRAFT = ("context", "draftOrders", "entry", 0)
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"


def once(why: str, *values: Any, name: str | None = None):
    """A case that once went wrong, and how."""
    return pytest.param(*values, id=name)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running("--as-of", AS_OF) as one:
        yield one
        assert "Traceback" not in one.log() and '"p1"' not in one.log() and "Hypertensive" not in one.log()


def tell(document: Document) -> Decision:
    return pipeline.decide(request(document), READY, NOW, timezone.utc, new_identifier)


def is_told(decision: Decision) -> bool:
    """Whether the answer says that something could not be checked."""
    found = [(card["source"]["topic"]["code"], card["extension"].get("org.ketamine-cds.findings", [])) for card in decision.cards]
    return not decision.evaluable or any(topic == "notchecked" or any(one["answer"] == "unknown" for one in findings) for topic, findings in found)


# ---- lists that were not read

ODD = drug("acetaminophen", "161", "odd", "MedicationDispense")
UNREAD = {
    "null": None, "text": "x", "array": [], "number": 7, "empty object": {}, "error": OUTCOME, "error inside": bundle(OUTCOME), "total": bundle(total=5),
    "entry is text": {"resourceType": "Bundle", "entry": "x"}, "entry of null": bundle() | {"entry": [None]}, "other type": bundle(ODD), "resource": ODD,
    "entry without resource": bundle() | {"entry": [{}]}, "next page": bundle(link=[{"relation": "next", "url": "x"}]),
    "next page alone": bundle(link={"relation": "next"})}
UNREAD_BUT_TAKEN = {
    "total as text": bundle(total="5"), "total as decimal": bundle(total=5.0), "links unreadable": bundle(link="next"),
    "error without severity": bundle({"resourceType": "OperationOutcome", "issue": [{"code": "exception"}]}),
    "error without issue": bundle({"resourceType": "OperationOutcome"})}


@pytest.mark.parametrize("value", [*(pytest.param(value, id=name) for name, value in UNREAD.items()),
                                   *(once("it is taken as nothing to report", value, name=name) for name, value in UNREAD_BUT_TAKEN.items())])
def test_a_list_that_was_not_read_is_told(value: Any) -> None:
    for key in LISTS:
        assert is_told(tell(changed(asked(), ("prefetch", key), value))), key


@pytest.mark.parametrize("key", ["conditions", "observations"])
def test_a_list_that_was_not_sent_is_told(key: str) -> None:
    assert is_told(tell(changed(asked(), ("prefetch", key), ...)))


def test_no_list_at_all_is_412_and_never_an_empty_answer(service: Service) -> None:
    for prefetch in ({}, None, dict.fromkeys(LISTS), dict.fromkeys(LISTS, OUTCOME)):
        assert "no list of the chart could be read" in refused(service.ask(asked() | {"prefetch": prefetch}), 412)


# ---- hazards that are broken, hidden or sent in an odd form

KEPT = {
    THEO: {
        "name only": named({"text": "THEOPHYLLINE ER 300 MG PO TB12"}), "concept in a list": named([{"text": "theophylline"}]), "no drug": named(None),
        "RxNorm as OID": named({"coding": [{"system": "urn:oid:2.16.840.1.113883.6.88", "code": " 10438 "}]}), "plain text": named("theophylline"),
        "code as number": named({"coding": {"system": RXNORM, "code": 10438}}), "vendor code": named({"coding": [{"system": "urn:x", "code": "9"}]}),
        "R5": named(None, medication={"concept": {"text": "theophylline"}}), "STU3": asked(medicationrequests=(theophylline(kind="MedicationOrder"),)),
        "dangling reference": referred("Medication/gone"), "drugs of another patient": asked(statements=(theophylline(patient="p2"),)),
        "references in a circle": referred("#a", contained=[pointing("#b", medicine("", "a")), pointing("#a", medicine("", "b"))]),
        "order of a dangling drug": ordered(pointing("Medication/gone", order())), "STU3 order": ordered(order(resourceType="MedicationOrder")),
        "order by vendor code": ordered(order(medicationCodeableConcept={"coding": [{"code": "9"}]})), "order of another patient": ordered(order(patient="p2")),
        "order in capitals": ordered(order(medicationCodeableConcept={"text": "KETAMINE HCL 50 MG/ML IJ SOLN"})), "no order": ordered(),
        "modifier extension": ordered(order(modifierExtension=[{"url": "x"}])), "no draftOrders": changed(ordered(), ("context", "draftOrders"), None),
        "drafts without a resource": changed(ordered(), DRAFT[:3], [{}, {"resource": None}]), "ServiceRequest without a code": ordered(
            {"resourceType": "ServiceRequest"}), "selection of none": changed(ordered(order(), hook="order-select"), ("context", "selections"), ["x/y"])},
    DOSE: {
        **{f"dose {mg!r:.9}": asked(orders=[order(mg=mg)]) for mg in (-40, 0, "40 mg", None, True, [], {}, "NaN", 10**25, 1e300, "9" * 5000, "1e99")},
        **{f"weight {kg!r}": asked(observations=[*pressure(120, 80), WEIGHT | {"valueQuantity": {"value": kg, "unit": "kg"}}]) for kg in (
            0, -80, 80000, None, "x", 1e300)},
        **{f"rate per {hours!r}": asked(orders=[order(dosageInstruction=[{"doseAndRate": [{"rateRatio": {"numerator": {
            "value": 900, "unit": "mg"}, "denominator": {"value": hours, "unit": "h"}}}]}])]) for hours in (0, -1, "x", None)},
        "no route": routed(None), "private route code": routed({"coding": [{"system": "urn:x", "code": "11"}]})},
    PRESSURE: {
        "values as text": asked(observations=[*pressure("190", "110"), WEIGHT]), "code without dot": coded({"system": ICD10, "code": "I161"}),
        "small letters": coded({"system": ICD10, "code": " i16.1 "}), "code without system": coded({"code": "I16.1"}), "no code": coded({}),
        "private code": coded({"system": "urn:x", "code": "7"}), "SNOMED as number": coded({"system": "http://snomed.info/sct", "code": 706882009}),
        **{f"reading of {day!r}": asked(observations=[*(one | {"effectiveDateTime": day} for one in pressure(190, 110)), WEIGHT]) for day in (
            None, "", "2026-13-45", "2026-06-31", "0000-01-01", "9999-12-31", "30.06.2026", "2026-06-30T25:00:00Z", "2026-06-30T09:00:00+99:00",
            20260630, ["2026-06-30"], "2026", "2026-06-30T09:00")}},
    BREATH: {"no value": breathing(value=None)},
}
LOST = {
    THEO: {
        "draft unreadable beside a readable one": changed(ordered(order(), OTHER), DRAFT, {}), "draft is an OperationOutcome": ordered(OUTCOME),
        "second draft unreadable": changed(ordered(order(), order("b")) | {"prefetch": asked()["prefetch"]}, (*DRAFT[:3], 1, "resource"), None),
        "draft of an unknown type": ordered(order(resourceType="MadeUp")), "order in a nested Bundle": ordered(bundle(order())),
        "order of another patient beside one of ours": ordered(order(patient="p2"), OTHER), "ketamine in a mixture": ordered(
            pointing("Medication/m-1", order()), medicine("PCA mix", ingredient=[{"itemCodeableConcept": {"text": "ketamine"}}])),
        "drug of the order is another in the chart": ordered(pointing("Medication/m-1", order()), medicine("ketamine"), medicationrequests=(
            medicine("sodium chloride"),)),
        "display hides the drug of the order": ordered(order(medicationCodeableConcept=None, medicationReference={
            "reference": "Medication/m-1", "display": "Infusion"}), medicationrequests=(medicine("ketamine"),)),
        "mixture in the chart": referred("Medication/m-1", medicine("IV mix", ingredient=[{"itemCodeableConcept": {"text": "theophylline"}}])),
        "selection by fullUrl": changed(changed(ordered(order(id=None), OTHER, hook="order-select"), (*DRAFT, "fullUrl"), "urn:uuid:1"),
                                        ("context", "selections"), ["urn:uuid:1", "MedicationRequest/other"]),
        "two drugs with one id": asked(statements=(theophylline(medicationCodeableConcept={"text": "acetaminophen"}), theophylline())),
        "ids empty": asked(statements=(ODD | {"resourceType": "MedicationStatement", "id": ""}, theophylline(""))),
        "entry unreadable beside a readable one": asked(statements=(theophylline(resourceType="?"), ODD | {"resourceType": "MedicationStatement"})),
        "STU3 entry beside another": asked(medicationrequests=(theophylline(kind="MedicationOrder"), OTHER)),
        "end unreadable": asked(statements=(theophylline(status="stopped", effectivePeriod={"start": "2026-03-01", "end": "29.06.2026"}),)),
        "stopped drug without a name": named(None, status="stopped"), "start half a minute ahead": asked(statements=(
            theophylline(effectivePeriod={"start": "2026-06-30T10:00:30Z"}),)),
        "active, with a start far ahead": asked(statements=(theophylline(effectivePeriod={"start": "2126-03-01"}),)),
        "administrations unread": changed(asked("patient-view", statements=(theophylline(),)), ("prefetch", "medicationadministrations"), OUTCOME)},
    DOSE: {"route in unknown words": routed({"text": "PICC"}), "route of the second dosage": asked(orders=[order(dosageInstruction=[
        {"route": {"text": "oral"}}, *order(mg=250)["dosageInstruction"]])])},
    PRESSURE: {"name beside an empty ICD-10 code": coded({"system": ICD10, "code": ""}, text="Hypertensive emergency"), "onset far ahead": asked(
        conditions=(CRISIS | {"onsetDateTime": "2062-06-28"},))},
    BREATH: {"half a minute ahead": breathing(at="2026-06-30T10:00:30Z"), "status unknown": breathing(status="unknown"), "code unknown": breathing("?"),
             "of 7000 %": breathing(value=7000), "below a limit": breathing(valueQuantity={"value": 92, "comparator": "<", "unit": "%"})},
}


@pytest.mark.parametrize(("rule", "document"), [
    *(pytest.param(rule, document, id=f"{rule}: {name}") for rule, cases in KEPT.items() for name, document in cases.items()),
    *(once("it disappears", rule, document, name=f"{rule}: {name}") for rule, cases in LOST.items() for name, document in cases.items())])
def test_a_hazard_in_an_odd_form_gives_its_card_or_is_told_as_not_checked(rule: str, document: Document) -> None:
    decision = tell(document)
    assert problems({"cards": decision.cards}) == []
    assert decision.answers[rule]["answer"] == "met" or is_told(decision)


def test_what_contradicts_the_patient_asked_about_is_left_out_and_told() -> None:
    for document in (changed(asked(), ("prefetch", "patient", "id"), "p2"), asked(statements=(theophylline(patient="p2"),))):
        decision = tell(document)
        assert decision.answers[THEO]["answer"] != "met" and "another patient" in json.dumps(decision.cards)


def test_what_must_not_be_performed_or_never_was_gives_no_card() -> None:
    for more in ({"doNotPerform": True}, {"status": "cancelled"}, {"status": "entered-in-error"}):
        assert tell(ordered(order(**more))).cards == []
    for more in ({"status": "entered-in-error"}, {"status": "not-taken"}, {"status": "intended"}):
        assert tell(asked(statements=(theophylline(**more),))).cards == []


def test_refills_and_combinations_give_one_finding_a_rule_with_its_right_drug() -> None:
    decision = tell(asked(medicationrequests=tuple(theophylline(f"r-{number}", "MedicationRequest") for number in range(10))))
    assert [finding["rule"] for card in decision.cards for finding in card["extension"]["org.ketamine-cds.findings"]] == [THEO]
    esketamine = drug("esketamine 28 MG nasal spray", "2119365", "e", "MedicationRequest", status="draft")
    assert {"esketamine"} == {name for one in tell(ordered(esketamine)).facts.orders for name in one.terms} - {"any-ketamine"}


# ---- everything replaced, one value at a time, and then at random

SWEPT = {name: (rule, document, part) for name, rule, part, document in (
    ("statement", THEO, "medicationstatements", asked(statements=(theophylline(), ODD | {"resourceType": "MedicationStatement"}))),
    ("request", THEO, "medicationrequests", asked(medicationrequests=(theophylline("x", "MedicationRequest"), OTHER))),
    ("reference", THEO, "medicationrequests", referred("Medication/m-1", medicine("theophylline"))),
    ("contained", THEO, "medicationrequests", referred("#m-1", OTHER, contained=[medicine("theophylline")], id="x")),
    ("stopped", THEO, "medicationstatements", asked(statements=(theophylline(status="stopped", effectivePeriod={"end": "2026-06-29"}),))),
    ("pressure", PRESSURE, "observations", asked(observations=[*pressure(190, 110), WEIGHT])), ("saturation", BREATH, "observations", breathing()),
    ("crisis", PRESSURE, "conditions", asked(conditions=(CRISIS, CRISIS | {"id": "c-2", "code": {"text": "Bunion"}}))),
    ("dose", DOSE, "draftOrders", asked(orders=[order(mg=250), OTHER])), ("time", DOSE, "draftOrders", asked(orders=[order(minutes=5), OTHER])),
    ("drafted", THEO, "draftOrders", asked(orders=[order(), theophylline("d", "MedicationRequest", status="draft")])),
    ("any part", THEO, "", ordered(order())), ("open chart", THEO, "", asked("patient-view", statements=(theophylline(),), medicationrequests=(
        drug("ketamine", "6130", "k", "MedicationRequest"),))))}
JUNK = (None, True, -1, "", "?", [], {}, [[]], [None], {"x": 1}, "\0", ...)
SEARCHSET_WITHOUT_ENTRIES = re.compile(r"\.entry$")  # is an answer: there are none
LOST_STILL = re.compile(r"""entry\.\d+(\.resource(\.resourceType)?)?$ | effectivePeriod\.end$ | conditions.*\.coding\.0\.code$ | \.0\.route$
    | observations\.entry\.3\.resource\.(status|code.*|valueQuantity)$ | prefetch\.medication(statement|request)s$
    | statements.*\.medicationCodeableConcept$""", re.X)  # each stands in LOST, or under lists that were not sent


@pytest.mark.parametrize("name", SWEPT)
def test_no_single_unreadable_value_makes_a_hazard_disappear(name: str) -> None:
    rule, document, part = SWEPT[name]
    assert tell(document).answers[rule]["answer"] == "met" and not is_told(tell(document))
    silent = []
    for path in (path for path in paths(document) if len(path) > 1 and path[0] in ("context", "prefetch") and part in ("", path[1])):
        where = ".".join(map(str, path))
        for junk in () if LOST_STILL.search(where) else JUNK:
            if junk is ... and isinstance(path[-1], int) or SEARCHSET_WITHOUT_ENTRIES.search(where) and junk in (None, ..., []):
                continue
            try:
                decision = tell(changed(document, path, junk))
            except RequestRefused as stopped:
                assert stopped.status == 400
                continue
            if decision.answers[rule]["answer"] != "met" and not is_told(decision):
                silent.append((where, junk))
    assert silent == []


numbers = st.integers(-2**63, 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(st.none() | st.booleans() | numbers | st.text(st.characters(codec="utf-8")), lambda inner: st.lists(inner, max_size=3) | (
    st.dictionaries(st.sampled_from(["resourceType", "value", "code", "coding", "text", "reference", "id"]), inner)), max_leaves=6)
fuzz = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def altered(draw: st.DrawFn) -> Document:
    """A good request in which up to three values are others, whatever they are."""
    document = draw(st.sampled_from([document for _, document, _ in SWEPT.values()]))
    for _ in range(draw(st.integers(1, 3))):
        document = changed(document, draw(st.sampled_from([path for path in paths(document) if path])), draw(anything))
    return document


def form(cards: list[Document]) -> list[str]:
    """What is wrong with the form of some cards, but for ids that were odd in the request (see the bug on suggestions)."""
    return [one for one in problems({"cards": cards}) if ".resourceId: " not in one]


@settings(fuzz, max_examples=800)
@given(altered())
def test_no_change_of_a_good_request_breaks_the_pipeline_or_the_form_of_its_cards(document: Document) -> None:
    try:
        decision = tell(document)
    except RequestRefused as stopped:
        assert stopped.status == 400 and stopped.where.startswith("$")
    else:
        assert form(decision.cards) == [] and decision.answers.keys() == {rule.id for rule in READY.rulebook.rules}


@settings(fuzz, max_examples=150)
@given(document=altered())
def test_no_change_of_a_good_request_gets_anything_but_cards_or_an_outcome(service: Service, document: Document) -> None:
    answer = service.ask(document)
    assert form(answer.json()["cards"]) == [] if answer.status_code == 200 else refused(answer, answer.status_code)
    assert answer.status_code in (200, 400, 412)


# ---- chart text on cards, ids, and long texts

EVIL = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<form action=//e.example>", "<style>body{display:none}</style>", "<!-- -->",
        "\n# STOP ALL MEDS\n", "\n---\n", "\n| a | b |\n|---|---|\n| c | d |", "```\nx\n```", "~~contraindicated~~", "\n- [ ] task", "[a](http://e.example)",
        "![a](http://e.example/x.png)", "https://e.example", "www.e.example", "javascript:alert(1)", "me@e.example", "&lt;b&gt;", "\u202egnp\u200b", "\x1b[31m"]
MARKUP = {"html_block", "html_inline", "link_open", "image", "heading_open", "table_open", "fence", "code_block", "code_inline", "hr", "s_open", "em_open"}


@pytest.mark.parametrize("evil", EVIL, ids=range(len(EVIL)))
def test_chart_text_is_literal_text_on_one_line_where_markdown_and_html_are_read(evil: str) -> None:
    called = f"theophylline {evil}"
    for document in (named({"text": called}), ordered(order(medicationCodeableConcept={"text": f"ketamine {evil}"})), named(None, status=evil, id=evil),
                     coded({"system": ICD10, "code": "I16.1"}, text=evil), asked(statements=(theophylline(status=evil, dosage={"text": called}),))):
        for card in tell(document).cards:
            pieces = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(card["detail"])
            assert not MARKUP & {piece.type for one in pieces for piece in (one, *(one.children or ()))}
            assert not re.search(r"[<>\x00-\x09\x0b-\x1f\u200b-\u200f\u202a-\u202e]|://|www\.", card["detail"] + card["summary"])
            assert "\n" not in card["summary"] and len(card["summary"]) < 140


@pytest.mark.parametrize("identity", ["a-" + "x" * 190, *(once("ids go back as they came: into delete suggestions too, and of any length", one) for one in (
    "x/../../Patient/p1", 'a"b', "a b", "a?b#c", "x" * 100_000))], ids=["long", "path", "quote", "blank", "query", "huge"])
def test_a_suggestion_names_only_what_can_be_an_id(identity: str) -> None:
    cards = tell(ordered(order(identity))).cards
    assert problems({"cards": cards}) == [] and len(json.dumps(cards)) < 10_000


LONG = {"words": named({"text": "theophylline a " * 20_000}), "accents": named({"text": "theophylline a" + "\u0316\u0301" * 15_000}),
        "digits": ordered(order(dosageInstruction=[{"text": "1" * 8000}])), "drug": ordered(order(medicationCodeableConcept={"text": "ketamine " + "1" * 8000})),
        "reasons": ordered(order(contained=[medicine("x", str(one)) for one in range(4000)], reasonReference=[{"reference": "#none"}] * 2000))}


@pytest.mark.parametrize("name", ["words", *(once("time grows with the square of the length: 30 kB of digits stop a worker for 40 s, and its watchdog "
                                                 "ends it", name) for name in ("accents", "digits", "drug", "reasons"))])
def test_the_time_for_a_long_text_grows_with_its_length_only(name: str) -> None:
    started = time.process_time()
    tell(LONG[name])
    assert time.process_time() - started < 0.25
