"""Run the examples of rules against both evaluators, and find answers and levels that no example shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds.engine import durable
from cds.engine.decide import NOT_APPLICABLE, NOT_MET, UNDECIDED, Verdict
from cds.engine.durable import Inference
from cds.engine.evaluate import Evaluation, evaluate
from cds.engine.plan import Plan, plan
from cds.examples import chart
from cds.facts.model import PatientFacts
from cds.quantities import Quantity
from cds.rulebook import Rulebook
from cds.rulefile.check import Known, build
from cds.rulefile.problems import Problem, RulesRefused
from cds.rulefile.rule import Example, Level, Rule


@dataclass(frozen=True, slots=True)
class Outcome:
    """One example as it went: what was expected, what the rule answered, and the facts and verdict behind it."""

    rule: Rule
    example: Example
    answer: str
    show: str
    facts: PatientFacts
    evaluation: Evaluation | None
    verdict: Verdict | None

    @property
    def passed(self) -> bool:
        """Whether the answer, and the level and the words of the card where they are named, are the expected ones."""
        return passes(self.example, self.answer, self.show, self.verdict.level if self.verdict else None)

    @property
    def said(self) -> str:
        """The answer in the words of `expect`."""
        said = f"{self.answer} {self.show}".strip()
        level = self.verdict.level if self.verdict else None
        return f"{said}: {level.message.summary}" if self.example.card and level else said

    def problem(self) -> Problem:
        """The failure as the linter reports it."""
        expected = f"{self.example.answer} {self.example.show or ''}".strip() + (f": {self.example.card}" if self.example.card else "")
        place = self.example.node.mapping["expect"].place
        return Problem(place, "example-fails", f"“{self.example.name}” expects `{expected}`, the rule answers `{self.said}`",
                       f"Run `cds explain {self.rule.id} \"{self.example.name}\"` to see why, then change the rule or the example.")


def passes(example: Example, answer: str, show: str, level: Level | None) -> bool:
    """Whether an answer, the severity shown and the level behind it are what an example expects."""
    return answer == example.answer and example.show in (None, show) and (not example.card or level is not None and example.card in level.message.summary)


def run(rules: Iterable[Rule], book: Rulebook, problems: list[Problem], use_engine: bool = True) -> Iterator[Outcome]:
    """Every example of some rules, each evaluated with its rule alone."""
    for rule in rules:
        made: dict[tuple[tuple[str, Quantity], ...], tuple[Plan, Inference | None]] = {}
        for example in rule.examples:
            if example.settings not in made:
                compiled = plan((at_settings(rule, example.settings, book),))
                made[example.settings] = compiled, _inference(compiled) if use_engine else None
            facts = chart.facts(example, book.recogniser, book.terms, book.book.scope, problems)
            if facts is not None:
                yield outcome(rule, example, facts, *made[example.settings], book)
        for _, inference in made.values():
            if inference is not None:
                inference.close()


def at_settings(rule: Rule, settings: tuple[tuple[str, Quantity], ...], book: Rulebook) -> Rule:
    """The rule with the values a site has set."""
    if not settings:
        return rule
    known = Known({name: term.kind for name, term in book.terms.items()}, frozenset(book.sources), frozenset(book.reasons))
    amounts = {name: one.amount for name, one in rule.settings.items()} | dict(settings)
    return build(rule.node, known, [], set(), amounts) or rule


def _inference(compiled: Plan) -> Inference | None:
    return Inference(compiled.conclusions, handles=1) if durable.available() else None


def outcome(rule: Rule, example: Example, facts: PatientFacts, compiled: Plan, inference: Inference | None, book: Rulebook) -> Outcome:
    """One example; without an order in scope the rule does not apply."""
    evaluations = evaluate(compiled, facts, inference, book.terms)
    if not evaluations:
        return Outcome(rule, example, NOT_APPLICABLE, "", facts, None, None)
    verdict = evaluations[0].verdicts[0]
    return Outcome(rule, example, verdict.answer, verdict.show, facts, evaluations[0], verdict)


def prove(book: Rulebook, use_engine: bool) -> None:
    """Hold every rule in force against its own examples; RulesRefused names those that fail."""
    problems: list[Problem] = []
    outcomes = list(run(book.rules, book, problems, use_engine))
    problems += [one.problem() for one in outcomes if not one.passed]
    if problems:
        raise RulesRefused(problems)


def uncovered(rule: Rule, outcomes: Iterable[Outcome]) -> list[Problem]:
    """The answers and levels an active rule can give and no example expects."""
    seen = {one.answer for one in outcomes}
    levels = {id(one.verdict.level) for one in outcomes if one.verdict is not None and one.verdict.level is not None}
    place = rule.node.key_place("examples")
    wanted = ["met", NOT_MET, NOT_APPLICABLE, UNDECIDED] if rule.levels else [NOT_MET, NOT_APPLICABLE, UNDECIDED]
    found = [Problem(place, "answer-without-example", f"no example expects `{answer}`", f"Add an example with `expect: {answer}`.")
             for answer in wanted if answer not in seen]
    found += [Problem(level.node.place, "answer-without-example", f"no example reaches level {number} (`{level.message.show}`)",
                      f"Add an example with `expect: met {level.message.show}` that only this level explains.")
              for number, level in enumerate(rule.levels, 1) if id(level) not in levels]
    return found
