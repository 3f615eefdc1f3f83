"""`cds read`: the English of every clause word, and bullets that leave one reading only.

The English stands in tests/english/clauses.txt; `CDS_WRITE_EXPECTED=1 python -m pytest tests/test_authoring_read.py` writes
it anew, for reading before it is kept.
"""

from __future__ import annotations

import os
from datetime import date
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service import cds

from cds import rulebook
from cds.engine.formula import NO, YES
from cds.engine.ordered import order_dose
from cds.examples.chart import NOW
from cds.facts.model import Dose, Order, PatientFacts
from cds.rulefile.clauses import Reader, question
from cds.rulefile.english import _SPOKEN, GROUPS, bullets, spoken
from cds.rulefile.language import GROUPS as KINDS
from cds.rulefile.language import VERBS, Verb
from cds.rulefile.problems import Place
from cds.rulefile.rule import Ask, Clause, Exempt, Group, Question
from cds.rulefile.source import Node

EXPECTED = Path(__file__).parent / "english" / "clauses.txt"
AT = Place(Path("rule.yaml"))
TERMS = {"opioids": "medication", "benzodiazepines": "medication", "copd": "condition", "pain": "condition", "saturation": "measurement",
         "clipping": "procedure", "rash": "reaction"}
SAYS = {"opioids": "an opioid, patch or tablet", "benzodiazepines": "a benzodiazepine", "copd": "COPD or asthma", "pain": "pain",
        "saturation": "oxygen saturation",
        "clipping": "clipping of an aneurysm", "rash": "a rash"}
AMOUNTS = {"time": "3 days", "mass": "100 mg", "count": "2 classes", "pressure": "140 mmHg", "share": "10 %", "dose": "0.5 mg/kg",
           "rate": "60 mg/h", "dose rate": "2 mg/kg/h", "concentration": "50 mg/mL", "factor": "2 times"}
OPERANDS = {"by_route": "intravenous", "for": "pain", "not_in_remission": "true", "if_absent": "no", "if_cut_off": "no", "at_least": "2 drugs",
            "is": "above 140 mmHg", "because": "It is rare.", "recorded_as": "allergy", "reaction": "rash", "reaction_other_than": "rash",
            "criticality": "high", "seriousness": "serious", "not_ended_by": ["pain"], "not_refuted_by": ["saturation"],
            "left_to_the_day": "true", "by": "above 10 %", "at_most": "4 times", "without_diagnosis": ["pain", "copd"], "not_even": "refuted",
            "about": ["pain"]}
WITH = {"refuted_after": "not_refuted_by"}  # says nothing without the other
APART = {"left_to_the_day": "left_to_the_day_within"}  # says nothing more beside the other
BOOK = rulebook.load([rulebook.shipped()], date(2026, 6, 30))
CHECK = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def node(value: object) -> Node:
    if isinstance(value, dict):
        return Node({key: node(one) for key, one in value.items()}, AT)
    return Node([node(one) for one in value], AT) if isinstance(value, list) else Node(str(value), AT)


def heads(verb: str, shape: Verb) -> list[object]:
    """What may follow a clause word, one of each sort."""
    if shape.head == "comparison":
        return [*shape.choices, *(f"{how} {AMOUNTS[one]}" for one in shape.measures[verb] for how in ("at least", "below"))]
    if shape.head == "choice":
        return list(shape.choices)
    return {"medications": [["opioids", "benzodiazepines"]], "medication": ["opioids"], "condition": ["copd"],
            "measurement": ["saturation"], "procedure": ["clipping"], "rule": ["theophylline"]}[shape.head]


def operand(verb: str, word: str) -> object:
    odd = {"daily_dose": f"at least {AMOUNTS['mass']}", "at_least": AMOUNTS["factor"] if verb == "two_values_of" else None}.get(word)
    return odd or OPERANDS.get(word) or AMOUNTS[VERBS[verb].measures[word][0]]


def variants(verb: str) -> dict[str, Clause]:
    """Every way to write a clause with this word, with each set of further words, and what is read from it."""
    shape, found = VERBS[verb], {}
    optional = [word for word in shape.words if word not in (*shape.needs, "because")]
    for head in heads(verb, shape):
        odd = shape.head == "comparison" and head in shape.choices  # nothing to compare, so nothing further to say
        for words in ([()] if odd else [part for size in range(len(optional) + 1) for part in combinations(optional, size)]):
            if any(WITH.get(word, word) not in words or APART.get(word) in words for word in words) or len({*words} & {*shape.apart}) > 1:
                continue
            written = {verb: head} | {word: operand(verb, word) for word in (*shape.needs, *words)}
            written |= {"about": ["opioids"]} if head == "medications" and "about" in written else {}
            written |= {"because": OPERANDS["because"]} if {"if_absent", "if_cut_off"}.intersection(words) else {}
            reader = Reader(TERMS, {}, [], with_results=frozenset({"saturation"}))
            read = question(node(written), reader)
            assert isinstance(read, Ask) and not reader.problems
            found[", ".join(f"{word}: {' '.join(one) if isinstance(one, list) else one}" for word, one in written.items())] = read.clause
    return found


def test_every_clause_word_has_its_english_and_nothing_else_has():
    assert _SPOKEN.keys() == VERBS.keys()


def test_every_clause_word_with_all_its_further_words_reads_as_it_stands_in_the_snapshot():
    said = [f"{written}\n    {spoken(clause, SAYS)}" for verb in VERBS for written, clause in variants(verb).items()]
    if os.environ.get("CDS_WRITE_EXPECTED"):
        EXPECTED.parent.mkdir(exist_ok=True)
        EXPECTED.write_text("\n".join(said) + "\n", "utf-8")
    assert "\n".join(said) + "\n" == EXPECTED.read_text("utf-8")


def test_two_different_clauses_never_read_the_same():
    said = [spoken(clause, SAYS) for verb in VERBS for clause in set(variants(verb).values())]
    assert len(said) == len(set(said))


@pytest.mark.parametrize("how, milligrams, value", [("above", 110, NO), ("above", 111, YES), ("below", 90, NO), ("below", 89, YES)])
def test_by_more_than_moves_a_limit_away_as_the_english_says(how, milligrams, value):
    asked = question(node({"order_dose": f"{how} 100 mg", "by_more_than": "10 %"}), Reader({}, {}, []))
    assert f"{how} {110 if how == 'above' else 90}% of 100 mg" in spoken(asked.clause, {})
    order = Order("MedicationRequest/1", "ketamine", "ketamine", {"ketamine": "code"}, doses=(Dose(mass=Fraction(milligrams)),))
    facts = PatientFacts("order-sign", NOW, NOW.tzinfo)
    assert order_dose(asked.clause, order, facts, {}).value == value


LEAVES = [Ask(clause, node({"at": "x"})) for verb in VERBS for clause in variants(verb).values()]
REASONS = st.sampled_from(["It is rare.", "EU labels differ; and so: any of these:", "Two\nlines, or more"])


def with_exceptions(questions: st.SearchStrategy[Question]) -> st.SearchStrategy[tuple[Exempt, ...]]:
    return st.lists(st.builds(Exempt, questions, REASONS), max_size=2).map(tuple)


def deeper(questions: st.SearchStrategy[Question]) -> st.SearchStrategy[Question]:
    asks = st.builds(lambda ask, unless: Ask(ask.clause, ask.node, unless), st.sampled_from(LEAVES), with_exceptions(questions))
    groups = st.builds(Group, st.sampled_from(KINDS), st.lists(questions, min_size=1, max_size=3).map(tuple), st.just(node({})),
                       with_exceptions(questions))
    return asks | groups


TREES = st.recursive(st.sampled_from(LEAVES), deeper, max_leaves=12)
Tree = tuple[str, list["Tree"], list["Tree"]]


def tree(asked: Question) -> Tree:
    """A question as (words, parts, exceptions)."""
    unless = [tree(one.question) for one in asked.unless]
    return (asked.kind, [tree(part) for part in asked.parts], unless) if isinstance(asked, Group) else (spoken(asked.clause, SAYS), [], unless)


def parsed(lines: list[str], depth: int) -> list[Tree]:
    """What a reader makes of bullets by their depth and first words alone."""
    starts = [number for number, line in enumerate(lines) if line.startswith("  " * depth + "- ")]
    assert starts[:1] == [0]
    found: list[Tree] = []
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        words, inside = lines[start].strip().removeprefix("- "), lines[start + 1:end]
        below = parsed(inside, depth + 1) if inside else []
        exceptions = [one[1][0] for one in below if one[0].startswith("EXCEPTION")]
        if " counts as no where the following holds (reason: " in words:
            found.append((f"EXCEPTION {words.partition(' counts')[0]}", below, []))
        else:
            kind = next((kind for kind, lead in GROUPS.items() if lead == words), None)
            whose = "the whole list" if kind else "this"
            assert all(one[0] == f"EXCEPTION {whose}" for one in below if one[0].startswith("EXCEPTION"))
            found.append((kind or words, [one for one in below if not one[0].startswith("EXCEPTION")], exceptions))
    return found


@given(TREES)
@CHECK
def test_the_bullets_of_a_question_determine_its_tree(asked):
    assert parsed(bullets(asked, SAYS, 2), 2) == [tree(asked)]


@pytest.mark.parametrize("rule", BOOK.rules, ids=[rule.id for rule in BOOK.rules])
def test_the_whole_text_of_a_shipped_rule_names_every_criterion_setting_card_and_source(rule):
    done = cds("read", rule.id)
    said = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    says = {term.name: term.says for term in BOOK.terms.values()}
    for asked in (rule.applies_when, rule.met_when, *(level.when for level in rule.levels if level.when)):
        assert all(line.strip() in said for line in bullets(asked, says, 0) if "(reason: " not in line)
    wanted = [rule.title, rule.version, *rule.settings, *(level.message.summary for level in rule.levels)]
    wanted += [BOOK.sources[one.source].label for one in rule.evidence] + [reason.text for reason in BOOK.reasons.values() if any(
        reason.id in level.message.override_reasons for level in rule.levels)]
    assert [one for one in wanted if one not in said] == []


def test_a_misspelt_rule_is_told_with_the_nearest_name():
    done = cds("read", "theophylin")
    assert done.returncode == 2 and done.stderr.decode() == "cds: `theophylin` is not a rule of this rulebook. Did you mean `theophylline`?\n"
