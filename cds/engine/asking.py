"""The answers to the clauses of a rulebook for one request, each worked out when it is first asked for.

Of a rule that can no longer say anything most clauses are never asked, which is what makes a further rule cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from cds.engine import clauses, ordered
from cds.engine.answers import Answer, listed
from cds.engine.formula import NO, value
from cds.engine.guards import Guards
from cds.engine.plan import Plan
from cds.facts.model import Order, PatientFacts
from cds.terms.model import Term


class OfPatient:
    """What all orders of a request share: the facts and the answers that do not depend on the order, None where not asked yet.

    Clauses over a list whose term the chart does not hold share one answer; `held` names the others over lists, and all
    where absence proves nothing.
    """

    __slots__ = ("plan", "facts", "terms", "answers", "held")

    def __init__(self, plan: Plan, facts: PatientFacts, terms: dict[str, Term]) -> None:
        self.plan, self.facts, self.terms = plan, facts, terms
        self.answers: list[Answer | None] = list(plan.unasked)
        self.held: list[int] = []
        for name, by_term in plan.of_list.items():
            absent, found = listed(name, (), facts), getattr(facts, name)
            if absent.value:
                for members in by_term.values():
                    self.held += members
                    for number in members:
                        self.answers[number] = absent
            for term in by_term.keys() & found.keys():
                self.held += by_term[term]
                for number in by_term[term]:
                    self.answers[number] = None


class Answers(Sequence[Answer]):
    """The answer to every clause by its number, for one order."""

    __slots__ = ("_shared", "_order", "_found", "_memo", "_own")

    def __init__(self, shared: OfPatient, order: Order) -> None:
        self._shared, self._order = shared, order
        self._found = list(shared.answers)
        self._memo: ordered.Memo = {}
        self._own = shared.plan.of_order_ahead if order.ahead else shared.plan.of_order

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, number: int) -> Answer: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Answer]: ...

    def __getitem__(self, number):
        found = self._found[number]
        if found is None:
            found = self._found[number] = self._asked(number)
        return found

    def _asked(self, number: int) -> Answer:
        shared = self._shared
        clause = shared.plan.clauses[number]
        if number in self._own:
            return clauses.of_order(clause, self._order, shared.facts, shared.terms, self._memo)
        found = shared.answers[number]
        if found is None:
            found = shared.answers[number] = clauses.of_patient(clause, shared.facts, shared.terms)
        return found

    def ask(self, numbers: Iterable[int], values: list[int]) -> None:
        """Note the values of some clauses."""
        found = self._found
        for number in numbers:
            answer = found[number]
            if answer is None:
                answer = found[number] = self._asked(number)
            values[number] = answer.value

    def that_matter(self) -> list[int]:
        """The value of each clause, and a no for those that were not asked because they cannot change any verdict."""
        plan, hook = self._shared.plan, self._shared.facts.hook
        values = [NO] * len(plan.clauses)
        self.ask(self._shared.held, values)
        self.ask(plan.at_hand, values)
        for index in plan.in_question(values):
            ready = plan.rules[index]
            if hook in ready.rule.hooks and value(ready.applies, values) != NO:
                for block in ready.blocks:
                    if _is_open(block.guards, values):
                        self.ask(block.clauses, values)
        return values


def _is_open(guards: Guards, values: Sequence[int]) -> bool:
    for group in guards:
        for clause in group:
            if values[clause]:
                break
        else:
            return False
    return True
