"""A request through every stage, once, front to back: the only place besides the command line and the web that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cds import rulebook as books
from cds.cards.compose import Told, compose, could_not_run
from cds.cards.findings import Finding, answers, findings
from cds.engine import durable
from cds.engine.canary import canary
from cds.engine.decide import NOT_APPLICABLE, UNDECIDED
from cds.engine.evaluate import Evaluation, evaluate
from cds.engine.gaps import gaps
from cds.engine.plan import Plan, plan
from cds.facts import orders
from cds.facts.gather import TREATED_WITHIN, gather
from cds.facts.medications import Asked, medications
from cds.facts.model import Order, PatientFacts, Wanted
from cds.fhir.bundles import Chart, chart
from cds.hooks import order_select
from cds.hooks.request import ORDER_HOOKS, HookRequest
from cds.rulebook import Rulebook

CHART_LISTS = ("medications", "conditions", "observations")


@dataclass(frozen=True, slots=True)
class Ready:
    """A rulebook compiled for serving; `inference` is None where durable-rules is not used, and `engine_note` says why.

    `wanted` is what is looked for in charts: what clauses ask for, and the drugs the rulebook is about.
    """

    rulebook: Rulebook
    plan: Plan
    inference: durable.Inference | None
    engine_note: str = ""
    wanted: Wanted = field(init=False)
    has_silent_rules: bool = field(init=False)

    def __post_init__(self) -> None:
        wanted = self.plan.wanted
        object.__setattr__(self, "wanted", replace(wanted, terms=wanted.terms | {self.rulebook.book.scope}))
        object.__setattr__(self, "has_silent_rules", any(rule.silent for rule in self.rulebook.rules))

    @property
    def zone(self) -> tzinfo:
        """The time zone of the site, for dates without an offset."""
        return self.rulebook.site and self.rulebook.site.zone or ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Decision:
    """The response to one request: cards, answers of every rule, the facts and verdicts behind them, and engine events.

    `told` puts the answers together when they are asked for.  `silent` holds what rules that a site made silent would have told.
    `evaluable` is False where ketamine is ordered and nothing of the chart could be read.
    """

    cards: list[dict[str, Any]]
    told: Callable[[], dict[str, dict[str, Any]]]
    evaluable: bool = True
    facts: PatientFacts | None = None
    evaluations: tuple[Evaluation, ...] = ()
    findings: tuple[Finding, ...] = ()
    silent: tuple[Finding, ...] = ()

    @property
    def answers(self) -> dict[str, dict[str, Any]]:
        """The answer of every rule."""
        return self.told()

    @property
    def events(self) -> tuple[str, ...]:
        """Faults and disagreements of the inference engine, in words."""
        return tuple(one.event for one in self.evaluations if one.event)


def prepare(folders: Sequence[Path], today: date, use_engine: bool = True, drafts: bool = False, site: Path | None = None) -> Ready:
    """Read, check and compile a rulebook as a site wants it; RulesRefused or CompileLimit say why it cannot be used."""
    book = books.load(folders, today, drafts, site)
    compiled = plan(book.rules)
    if not use_engine:
        return Ready(book, compiled, None, "switched off")
    durable.compiled(compiled.conclusions)
    reason = durable.why_unavailable() or canary(compiled.conclusions)
    if not reason:
        try:
            return Ready(book, compiled, durable.Inference(compiled.conclusions))
        except durable.EngineFault as fault:
            reason = str(fault)
    return Ready(book, compiled, None, reason)


def prepare_at(folders: Sequence[Path], now: datetime, zone: tzinfo | None, site: Path | None, use_engine: bool = True, drafts: bool = False) -> Ready:
    """The rulebook of the day that an instant falls on in a time zone, else in that of the site."""
    day = now.astimezone(zone or timezone.utc).date()
    ready = prepare(folders, day, use_engine, drafts, site)
    there = now.astimezone(zone or ready.zone).date()  # the time zone of the site is known once its file was read
    return ready if there == day else prepare(folders, there, use_engine, drafts, site)


def decide(request: HookRequest, ready: Ready, now: datetime, zone: tzinfo | None, new_identifier: Callable[[], str],
           found: Chart | None = None) -> Decision:
    """Evaluate one request at one instant; without a zone, in that of the site.  `found` is its chart where more than prefetch is known."""
    book, asked = ready.rulebook, Asked(now, zone or ready.zone)
    told = Told(book, (), (), new_identifier)
    drafts = orders.Drafts()
    if request.hook in ORDER_HOOKS:
        if not request.draft_orders:
            return _nothing_to_read(request.draft_note or "no order could be read", request.hook, told)
        chosen = order_select.chosen(request)
        drafts = _drafts(request, Chart(), chosen, ready, asked)
        refers = orders.needs_chart(request.draft_orders, drafts)
        if drafts.ketamine or refers:
            found = found or chart(request.prefetch, request.patient_id)
            if refers:
                drafts = _drafts(request, found, chosen, ready, asked)
        if not drafts.ketamine:
            return _without_ketamine(request, drafts, ready, told)
    else:
        found = found or chart(request.prefetch, request.patient_id)
    facts = gather(request, drafts, found, book.recogniser, asked, book.book.scope, book.drugs,
                   ready.wanted)
    if not facts.orders:
        return _no_treatment(facts, ready, new_identifier)
    return _evaluated(facts, ready, new_identifier)


def concerned(request: HookRequest, found: Chart, ready: Ready, now: datetime, zone: tzinfo | None) -> bool:
    """Whether rules will read a chart: a draft order is about ketamine, or may be; on patient-view the chart shows treatment with it."""
    asked, book = Asked(now, zone or ready.zone), ready.rulebook
    if request.hook in ORDER_HOOKS:
        return bool(_drafts(request, found, order_select.chosen(request), ready, asked).ketamine)
    records = list(medications(found, book.recogniser, asked, ready.wanted))
    return bool(orders.treatments(records, asked, book.book.scope, book.drugs, TREATED_WITHIN))


def _without_ketamine(request: HookRequest, drafts: orders.Drafts, ready: Ready, told: Told) -> Decision:
    """Nothing to say where every order was read; where one was not, it might have been ketamine."""
    if drafts.of_another_patient:
        return _nothing_to_read("a draft order belongs to another patient", request.hook, told)
    if drafts.conflicts:
        return _nothing_to_read(drafts.conflicts[0].what, request.hook, told)
    return _nothing_to_read("no order could be read", request.hook, told) if not drafts.readable else Decision([], lambda: _none_apply(ready))


def _evaluated(facts: PatientFacts, ready: Ready, new_identifier: Callable[[], str]) -> Decision:
    book = ready.rulebook
    evaluations = evaluate(ready.plan, facts, ready.inference, book.terms)
    told = findings(evaluations, facts.hook)
    blind = not any(facts.lists[name].read or facts.lists[name].complete_since for name in CHART_LISTS)
    cards = compose(told, Told(book, facts.orders, facts.unreadable, new_identifier, not blind, book.full,
                               gaps(facts, ready.plan.reads.get(facts.hook, ()))))
    evaluable = not blind or any(one.message is not None for one in told)
    shown = {one.verdict.rule.id for one in told}
    return Decision(cards, lambda: _answers(evaluations, ready, shown), evaluable, facts, evaluations, tuple(told),
                    tuple(findings(evaluations, facts.hook, silent=True)) if ready.has_silent_rules else ())


def _drafts(request: HookRequest, found: Chart, chosen: frozenset[str], ready: Ready, asked: Asked) -> orders.Drafts:
    book = ready.rulebook
    drafts = orders.drafts(request.draft_orders or (), found, book.recogniser, asked, book.book.scope, request.patient_id, ready.wanted)
    if chosen:
        drafts.ketamine = [order for order in drafts.ketamine if _is_chosen(order.ref.partition(" (order ")[0], chosen)]
    return drafts


def _is_chosen(ref: str, chosen: frozenset[str]) -> bool:
    return ref in chosen or ref.rpartition("/")[2] in chosen


def _nothing_to_read(why: str, hook: str, told: Told) -> Decision:
    asked = {rule.id: hook in rule.hooks for rule in told.rulebook.rules}
    answered = {rule.id: {"answer": UNDECIDED if asked[rule.id] else NOT_APPLICABLE, "shown": asked[rule.id] and not rule.silent,
                          "version": rule.version} for rule in told.rulebook.rules}
    return Decision([could_not_run(why, hook, told)], lambda: _as_at_site(answered, told.rulebook))


def _no_treatment(facts: PatientFacts, ready: Ready, new_identifier: Callable[[], str]) -> Decision:
    """Patient-view without ketamine in the chart: silent where the medication list was read, else it says that it was not."""
    state = facts.lists["medications"]
    given = facts.lists.get("administrations")
    if state.read and given is None and not facts.unclassified:
        return Decision([], lambda: _none_apply(ready), facts=facts)
    reason = state.reason or (f"administered drugs: {given.reason}" if given else "") or f"{len(facts.unclassified)} medications could not be classified"
    stand_in = Order("chart", "ketamine treatment", "ketamine treatment", {}, unclear=reason, draft=False)
    return replace(_evaluated(replace(facts, orders=(stand_in,)), ready, new_identifier), evaluable=True)


def _none_apply(ready: Ready) -> dict[str, dict[str, Any]]:
    return _answers((), ready, set())


def _answers(evaluations: Sequence[Evaluation], ready: Ready, shown: set[str]) -> dict[str, dict[str, Any]]:
    rules = ready.rulebook.rules
    found = answers(evaluations, [rule.id for rule in rules], {rule.id: rule.version for rule in rules}, shown)
    return _as_at_site(found, ready.rulebook)


def _as_at_site(answered: dict[str, dict[str, Any]], book: Rulebook) -> dict[str, dict[str, Any]]:
    """The answers, in which rules that the site made silent or switched off are marked."""
    if book.site is None:
        return answered
    for rule in book.rules:
        if rule.silent:
            answered[rule.id]["silent"] = True
    off = {rule.id: {"answer": NOT_APPLICABLE, "shown": False, "version": rule.version, "switched_off": True} for rule in book.switched_off}
    return dict(sorted((answered | off).items()))
