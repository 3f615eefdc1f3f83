"""`cds explain`: the answer tree of a rule for an example or a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from pathlib import Path

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from cds import clock, pipeline, rulebook
from cds.authoring.at_site import at_site, changes
from cds.authoring.read import chosen
from cds.engine.decide import MET, NOT_APPLICABLE, NOT_MET, UNDECIDED, Verdict
from cds.engine.explain import SOFT, UNKNOWN, WORDS, YES, Step, steps
from cds.engine.plan import plan
from cds.examples.run import Outcome, at_settings, run
from cds.facts.model import Order
from cds.hooks.request import ORDER_HOOKS, HookRequest, RequestRefused, parse, request
from cds.options import stop
from cds.pipeline import Decision, Ready
from cds.rulebook import Rulebook
from cds.rulefile.english import line, moments, untold
from cds.rulefile.problems import Problem, RulesRefused
from cds.rulefile.rule import Message, Rule

_LINE = re.compile(r"\[line/(?=\d+\]$)")  # a line of an example's chart is no record of an EHR
_COLOURS = {YES: "green", SOFT: "yellow", UNKNOWN: "magenta"}
_ANSWERS = {MET: "bold red", UNDECIDED: "bold magenta", NOT_MET: "bold green", NOT_APPLICABLE: "bold"}


@dataclass(frozen=True, slots=True)
class At:
    """The instant (None: now), the time zone (None: the site's, else UTC) and the site file that a request is judged by."""

    as_of: datetime | None = None
    zone: tzinfo | None = None
    site: Path | None = None


def explain(folders: Sequence[Path], name: str, case: str | None, at: At = At()) -> int:
    """Show the answer tree of a rule for an example (by name or number) or for a request file."""
    now = at.as_of or clock.now()
    day = now.astimezone(at.zone or timezone.utc).date()
    whole = rulebook.load_whole(folders, day)
    book = at_site(whole, at.site, day)
    rule = next((one for one in book.rules if one.id == name), None) or chosen(whole, name)[0]
    if rule.id not in {one.id for one in book.rules}:
        print(f"{rule.id}: {'; '.join(changes(book, rule))}")
        return 0
    if case is not None and (case.endswith(".json") or Path(case).is_file()):
        if not rulebook.is_in_force(rule, day, drafts=True):
            raise LookupError(f"{rule.id} is not in force on {day} ({rule.status}{_dates(rule)}), so it answers no request; "
                              "choose another day with --as-of")
        ready = pipeline.prepare(folders, day, drafts=rule.status == "draft", site=at.site)
        return _explain_request(ready, rule, _request(Path(case)), now, at.zone)
    problems: list[Problem] = []
    outcomes = list(run((rule,), book, problems))
    if problems:
        raise RulesRefused(problems)
    shown = [(number, one) for number, one in enumerate(outcomes, 1) if case in (None, one.example.name, str(number))]
    if not shown:
        raise LookupError(f"`{case}` is neither a request file nor an example of {rule.id}; its examples are\n"
                          + "\n".join(f"  {number}. {one.example.name}" for number, one in enumerate(outcomes, 1)))
    for number, one in shown:
        _explain_example(book, rule, number, one)
    return 0


def _dosage(order: Order) -> str:
    """An order with the dosage it is judged by here, where its own text does not say it."""
    said = order.doses[0].text if order.doses else ""
    return order.text if said in order.text else f"{order.text}: {said}"


def _dates(rule: Rule) -> str:
    return (f", from {rule.effective_from}" if rule.effective_from else "") + (f", until {rule.effective_until}" if rule.effective_until else "")


def _request(path: Path) -> HookRequest:
    try:
        return request(parse(path.read_bytes()))
    except OSError as error:
        stop(f"`{path}` cannot be read: {error.strerror}")
    except RequestRefused as refused:
        stop(f"{path}: {refused}")


def _explain_example(book: Rulebook, rule: Rule, number: int, one: Outcome) -> None:
    instead = "but the example expects" if book.site is None else f"at {book.site.name}; the example, written for the rule as shipped, expects"
    failed = "" if one.passed else f", {instead}: {one.example.answer} {one.example.show or ''}".rstrip()
    heading = f"Example {number}, {one.example.name}"
    if one.evaluation is None or one.verdict is None:
        says = book.terms[book.book.scope].says
        return _show(heading, one.answer, failed, [f"no order of this example is for {says}, and only such orders are looked at"], ())
    rule = at_settings(rule, one.example.settings, book)
    _show(heading, one.answer, failed, _outcome(one.verdict, one.facts.hook, None),
          list(steps(one.verdict.rule, plan((one.verdict.rule,)), one.evaluation, one.facts, book.terms)))


def _explain_request(ready: Ready, rule: Rule, asked: HookRequest, now: datetime, zone: tzinfo | None) -> int:
    decision = pipeline.decide(asked, ready, now, zone, clock.new_identifier)
    answer = decision.answers[rule.id]
    if not decision.evaluations or decision.facts is None:
        _show("The request", answer["answer"], "", [_without_order(ready.rulebook, asked, decision)], ())
        return 0
    planned = next(one.rule for one in ready.plan.rules if one.rule.id == rule.id)
    for one in decision.evaluations:
        verdict = next(found for found in one.verdicts if found.rule.id == rule.id)
        instead = None if answer["shown"] else next((other for other in one.verdicts if other.answer == MET and rule.id in other.rule.replaces), None)
        _show(f"{one.order.ref}, {_dosage(one.order)}", verdict.answer, "", _outcome(verdict, decision.facts.hook, instead),
              list(steps(planned, ready.plan, one, decision.facts, ready.rulebook.terms)))
    if len(decision.evaluations) > 1:
        shown = "named on a card" if answer["shown"] else "on no card"
        Console(highlight=False).print(Text(f"For the whole request: {answer['answer']}, {shown}.", "bold"))
    return 0


def _without_order(book: Rulebook, asked: HookRequest, decision: Decision) -> str:
    """Why no rule was asked at all."""
    if decision.cards:
        return f"no rule could be asked: {decision.cards[0]['summary']}"
    says = book.terms[book.book.scope].says
    if asked.hook not in ORDER_HOOKS:
        return f"the chart shows no treatment with {says} within a year, and rules speak about such patients only"
    count = len(asked.draft_orders or ())
    return f"none of the {count} draft orders is for {says}" if count > 1 else f"the draft order is not for {says}"


def _outcome(verdict: Verdict, hook: str, instead: Verdict | None) -> Iterator[str]:
    """In words: which part of the scope failed, what shows or why nothing does, what made it milder, what is missing."""
    rule = verdict.rule
    if verdict.answer == NOT_APPLICABLE:
        yield (f"this is {hook}; the rule only runs when {moments(rule)}" if hook not in rule.hooks
               else "the situation it speaks about is not there; what was answered “no” below says why")
        return
    if instead is not None:
        yield f"not on a card: {instead.rule.id} {instead.rule.version} is met and takes the place of this finding"
    else:
        yield _shown(verdict)
    if verdict.soft and verdict.level is not None:
        doubts = f": {'; '.join(verdict.doubts)}" if verdict.doubts else ""
        yield f"one step milder than {verdict.level.message.show}, or as mild as can be, because the evidence is uncertain{doubts}"
    yield from (f"also holds: {line(one)}" for one in verdict.also)
    yield from (f"could not be judged: {line(one)}" for one in verdict.higher)
    yield from (f"missing: {one}" for one in verdict.missing)


def _shown(verdict: Verdict) -> str:
    rule, answer = verdict.rule, verdict.answer
    if verdict.level is not None:
        return f"shows as {verdict.show}: {line(verdict.level.message.summary)}"
    if answer == MET:
        return "nothing is shown: the rule says `if_met: nothing`"
    if answer == NOT_MET:
        return _message(rule.if_not_met) if rule.if_not_met else "nothing is shown: the rule says `if_not_met: nothing`"
    if isinstance(rule.if_unknown, Message):
        return _message(rule.if_unknown)
    return "nothing is shown: the rule says `if_unknown: nothing`" if rule.if_unknown is None else untold(rule)


def _message(message: Message) -> str:
    return f"shows as {message.show}: {line(message.summary)}"


def _show(heading: str, answer: str, failed: str, said: Sequence[str] | Iterator[str], found: Sequence[Step]) -> None:
    """One tree: the answer, what follows from it, then every clause with its records indented below it."""
    console = Console(highlight=False)
    root = Tree(Text.assemble((heading, "bold"), ": ", (answer, _ANSWERS[answer]), (failed, "bold red")), guide_style="dim")
    branches = [root]
    for one in said:
        root.add(Text(one))
    for step in found:
        text = Text.assemble((WORDS[step.value], _COLOURS.get(step.value, "dim")), "  ", (step.asked, "" if step.depth else "italic"))
        text.append("".join(f"\n· {_LINE.sub('[line ', why)}" for why in step.why), "dim")
        del branches[step.depth + 1:]
        branches.append(branches[step.depth].add(text))
    console.print(root)
    console.print()
