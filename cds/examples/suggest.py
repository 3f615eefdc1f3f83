"""Look for the example that would notice a break: charts around the broken clause, tried on the rule and on the broken rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path

from cds.engine.outline import NOT_APPLICABLE
from cds.examples import chart
from cds.examples.bench import Answers, Asked, Bench, same
from cds.examples.breaks import Tried
from cds.examples.palette import Line, Move, moves
from cds.examples.run import at_settings
from cds.facts.model import PatientFacts
from cds.quantities import Quantity
from cds.rulebook import Rulebook
from cds.rulefile.breaks import Break, Neighbours, breaks, settings_beside
from cds.rulefile.problems import Place, Problem
from cds.rulefile.rule import Ask, Clause, Example, Question, Rule, asks
from cds.rulefile.source import Node

MOST_CHARTS = 800
Lines = tuple[Line, ...]
Settings = tuple[tuple[str, Quantity], ...]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An example on which a rule and a broken rule differ: its lines, what the rule answers, and what the broken rule answers otherwise."""

    lines: Lines
    answer: str
    show: str
    card: str
    otherwise: str
    settings: Settings = ()

    def __str__(self) -> str:
        said = ["- name: …"]
        said += ["  settings:", *(f"    {name}: {amount}" for name, amount in self.settings)] if self.settings else []
        said += ["  chart:"] if self.lines else ["  chart: []"]
        for line in self.lines:
            said += [f"    {'- ' if place == 0 else '  '}{word}: {value}" for place, (word, value) in enumerate(line)]
        said.append(f"  expect: {f'{self.answer} {self.show}'.strip()}")
        return "\n".join(said + [f'  card: "{self.card}"'] if self.card else said)


def suggestions(tried: Tried, book: Rulebook, neighbours: Neighbours) -> dict[str, Suggestion]:
    """For the breaks no example notices the examples that would, as far as they are found: with the settings as they are, else at an end."""
    rule, found = tried.rule, Search(tried.rule, tried.unnoticed, book).run(MOST_CHARTS)
    for name, setting in rule.settings.items():
        beside = {one.name for one in tried.unnoticed if name in settings_beside(rule, one)}
        for end in dict.fromkeys((setting.lowest, setting.highest)):
            if beside - found.keys() and end.value != setting.amount.value:
                there = at_settings(rule, ((name, end),), book)
                left = [one for one in breaks(there, neighbours) if one.name in beside - found.keys()]
                found |= Search(there, left, book, ((name, end),)).run(MOST_CHARTS // 4)
    return found


class Search:
    """Charts tried for the breaks of one rule; what one chart tells apart is kept for every break it notices."""

    def __init__(self, rule: Rule, breaks: Sequence[Break], book: Rulebook, settings: Settings = ()) -> None:
        self._rule, self._book, self._settings = rule, book, settings
        self._bench = Bench((rule, *(one.rule for one in breaks)), book.terms)
        self._whole = self._bench.asked[0]
        self._left = {one.name: (one, asked, self._whole.changes(asked)) for one, asked in zip(breaks, self._bench.asked[1:])}
        self._seeds = tuple(dict.fromkeys([((("ordering", book.drugs[0]),),), *map(_plain, rule.examples)]))
        self._seen: set[Lines] = set()
        self.found: dict[str, Suggestion] = {}

    def run(self, most: int) -> dict[str, Suggestion]:
        """For each break for which one was found, a chart as short as it can be."""
        for name in tuple(self._left):
            if name not in self.found:
                for lines in islice(self._charts(self._left[name][0]), most):
                    self._try(lines)
                    if name in self.found:
                        break
        return self.found

    def _charts(self, one: Break) -> Iterator[Lines]:
        about = _about(one, self._book)
        yield from self._seeds
        yield from (seed[:place] + seed[place + 1:] for seed in self._seeds for place in range(len(seed)))
        short = sorted(self._seeds, key=len)[:6]
        yield from (_moved(seed, move) for seed in short for move in about)
        beside = _context(self._rule, self._book)
        yield from (_moved(_moved(seed, other), move) for seed in short[:2] for move, other in _diagonal(about, beside))
        yield from (_moved(seed, move) for seed in self._seeds for move in about)
        yield from (_moved(_moved(seed, first), second) for seed in self._seeds for first, second in _diagonal(about, about) if first is not second)

    def _try(self, lines: Lines) -> None:
        if lines in self._seen:
            return
        self._seen.add(lines)
        facts = self._facts(lines)
        answers = self._bench.answers(facts) if facts is not None else None
        if answers is None:
            return
        for name, (_, asked, changes) in tuple(self._left.items()):
            if name not in self.found and not same(changes, answers):
                if self._told(asked, answers) is not None:
                    self.found[name] = self._shortest(lines, asked)

    def _told(self, asked: Asked, answers: Answers) -> Suggestion | None:
        mine, its = self._whole.standing(answers), asked.standing(answers)
        if (mine.answer, mine.show) != (its.answer, its.show):
            return Suggestion((), mine.answer, mine.show, "", f"{its.answer} {its.show}".strip(), self._settings)
        own, other = self._whole.level(mine), asked.level(its)
        if own is None or other is None or own.message.summary == other.message.summary:
            return None
        return Suggestion((), mine.answer, mine.show, _beginning(own.message.summary, other.message.summary), other.message.summary, self._settings)

    def _shortest(self, lines: Lines, asked: Asked) -> Suggestion:
        """The chart without every line and word it does not need, with what the two rules answer on it."""
        place = 0
        while place < len(lines):
            without = [lines[:place] + lines[place + 1:],
                       *(lines[:place] + (lines[place][:word] + lines[place][word + 1:],) + lines[place + 1:] for word in range(1, len(lines[place])))]
            shorter = next((one for one in without if self._tried(one, asked) is not None), None)
            lines, place = (lines, place + 1) if shorter is None else (shorter, place)
        told = self._tried(lines, asked)
        assert told is not None
        return replace(told, lines=lines)

    def _tried(self, lines: Lines, asked: Asked) -> Suggestion | None:
        facts = self._facts(lines)
        answers = self._bench.answers(facts) if facts is not None else None
        return self._told(asked, answers) if answers is not None else None

    def _facts(self, lines: Lines) -> PatientFacts | None:
        problems: list[Problem] = []
        nodes = tuple(_node(line, number) for number, line in enumerate(lines, 1))
        hook = next((value for line in lines for word, value in line if word == "at"), "order-sign")
        example = Example("", hook, nodes, NOT_APPLICABLE, None, _node((), 0))
        return chart.facts(example, self._book.recogniser, self._book.terms, self._book.book.scope, problems)


def _diagonal(first: Sequence[Move], second: Sequence[Move]) -> list[tuple[Move, Move]]:
    """Every pair, those that stand early in both lists first."""
    places = sorted(product(range(len(first)), range(len(second))), key=sum)
    return [(first[one], second[other]) for one, other in places]


def _node(line: Line, number: int) -> Node:
    place = Place(Path("chart"), number)
    return Node({word: Node(value, place) for word, value in line}, place)


def _plain(example: Example) -> Lines:
    return tuple(tuple((word, child.text) for word, child in line.mapping.items()) for line in example.chart)


def _moved(lines: Lines, move: Move) -> Lines:
    """A chart after a change."""
    if move.order is None:
        same_amount = [line for line in lines if move.line and line[0] == move.line[0] and line[0][0] in ("measured", "age", "sex", "at")
                       or move.line and line[0][0] == move.line[0][0] and line[0][0] in ("age", "sex", "at")]
        return (*(line for line in lines if line not in same_amount), move.line)
    changed = []
    for line in lines:
        if line[0][0] == "ordering" and not any(one and one[0][0] == "ordering" for one in changed):
            words = dict(line) | move.order
            line = tuple((word, value) for word, value in words.items() if value is not None)
        changed.append(line)
    return tuple(changed)


def _about(one: Break, book: Rulebook) -> list[Move]:
    """Changes that bear on the clauses a break touches, each by the clauses as they were and as they are read now."""
    clauses = list(dict.fromkeys(ask.clause for question in one.about for ask in asks(question)))
    heads = {head for clause in clauses for head in _heads(clause)}
    found: dict[object, Move] = {}
    for clause in clauses:
        others = tuple(sorted(heads - set(_heads(clause)))) if len(clauses) == 2 else ()
        for move in moves(clause, others, book.recogniser):
            found.setdefault((move.line, tuple((move.order or {}).items())), move)
    return list(found.values())


def _heads(clause: Clause) -> tuple[str, ...]:
    if isinstance(clause.head, tuple):
        return clause.head
    return (clause.head,) if isinstance(clause.head, str) and clause.verb != "at" else ()


def _context(rule: Rule, book: Rulebook) -> list[Move]:
    """One or two plain changes for every clause of a rule: what else a chart may hold."""
    questions: list[Question] = [rule.applies_when, rule.met_when, *(level.when for level in rule.levels if level.when)]
    clauses = dict.fromkeys(ask.clause for question in questions for ask in asks(question) if isinstance(ask, Ask))
    found: dict[object, Move] = {}
    for clause in clauses:
        every = list(moves(clause, (), book.recogniser))
        for move in every if clause.verb in ("age", "at", "sex") else (every[:1] + every[-2:-1]) if clause.verb != "measured" else every[5:7]:
            found.setdefault((move.line, tuple((move.order or {}).items())), move)
    return list(found.values())


def _beginning(own: str, other: str) -> str:
    """The first words of a text that another does not hold."""
    words = own.split(" ")
    return next((said for said in (" ".join(words[:count]) for count in range(2, len(words))) if said not in other), own)
