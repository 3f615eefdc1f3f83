"""Every small way to break a rule on purpose; an example should notice each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from cds.quantities import Quantity
from cds.rulefile.language import VERBS
from cds.rulefile.problems import Place
from cds.rulefile.rule import Ask, Clause, Comparison, Exempt, Group, Operand, Question, Rule, asks
from cds.rulefile.source import Node

Neighbours = Mapping[str, Mapping[str, str]]
"""For each term the terms it is most easily mistaken for, by how they stand to it: a wider term, a narrower term."""
_OTHER = {"above": "at least", "at least": "above", "below": "at most", "at most": "below"}
_FACTORS = ((Fraction(1, 2), "halve"), (Fraction(2), "double"))
_UNLESS_SAID = {"weight_within": "90 days"}  # what a clause means where the word is left out: leaving it out breaks nothing


@dataclass(frozen=True, slots=True)
class Break:
    """A rule broken in one place: a name that stays when other lines change, what was done in words, and the clauses it touches.

    `about` holds the questions as they were written and as they are read after the break.
    """

    name: str
    what: str
    place: Place
    rule: Rule
    about: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class _Broken:
    """A question broken in one place."""

    name: str
    what: str
    place: Place
    question: Question
    about: tuple[Question, ...]


def breaks(rule: Rule, neighbours: Neighbours) -> tuple[Break, ...]:
    """Every break of a rule, each with a name of its own; what broken rules share is the same object."""
    found: list[Break] = []
    for part, question, put in _parts(rule):
        found += [Break(f"{part} / {slip.name}", slip.what, slip.place, put(slip.question), slip.about)
                  for slip in _slips(question, neighbours)]
    found += [*_settings(rule), *_levels(rule), *_soft_evidence(rule)]
    seen: Counter[str] = Counter()
    named = []
    for one in found:
        seen[one.name] += 1
        named.append(one if seen[one.name] == 1 else replace(one, name=f"{one.name} ({seen[one.name]})"))
    return tuple(named)


def _parts(rule: Rule) -> Iterator[tuple[str, Question, Callable[[Question], Rule]]]:
    yield "applies_when", rule.applies_when, lambda question: replace(rule, applies_when=question)
    yield "met_when", rule.met_when, lambda question: replace(rule, met_when=question)
    for place, (name, level) in enumerate(zip(_level_names(rule), rule.levels)):
        if level.when is not None:
            yield name, level.when, lambda question, place=place: _with_level(rule, place, when=question)


def _with_level(rule: Rule, place: int, **changed: object) -> Rule:
    return replace(rule, levels=(*rule.levels[:place], replace(rule.levels[place], **changed), *rule.levels[place + 1:]))


def _level_names(rule: Rule) -> list[str]:
    """`warning 2` is the second level that shows a warning: a new level of another severity renames none."""
    seen: Counter[str] = Counter()
    names = []
    for level in rule.levels:
        seen[level.message.show] += 1
        names.append(f"{level.message.show} {seen[level.message.show]}")
    return names


def _slips(question: Question, neighbours: Neighbours) -> Iterator[_Broken]:
    yield from _own(question, neighbours)
    for place, exempt in enumerate(question.unless):
        for slip in _slips(exempt.question, neighbours):
            yield replace(slip, question=_with_exempt(question, place, Exempt(slip.question, exempt.because)))
    if isinstance(question, Group):
        for place, part in enumerate(question.parts):
            for slip in _slips(part, neighbours):
                yield replace(slip, question=replace(question, parts=(*question.parts[:place], slip.question, *question.parts[place + 1:])))


def _with_exempt(question: Question, place: int, *exempt: Exempt) -> Question:
    return replace(question, unless=(*question.unless[:place], *exempt, *question.unless[place + 1:]))


def _own(question: Question, neighbours: Neighbours) -> Iterator[_Broken]:
    for place, exempt in enumerate(question.unless):
        yield _Broken(f"drop unless / {written(exempt.question)} of {written(question)}", "this exception is left out", exempt.question.node.place,
                    _with_exempt(question, place), (exempt.question, question))
    yield from _of_group(question) if isinstance(question, Group) else _of_clause(question, neighbours)


def _of_group(group: Group) -> Iterator[_Broken]:
    if len(group.parts) < 2:
        return
    for place, part in enumerate(group.parts):
        yield _Broken(f"drop / {written(part)}", f"`{written(part)}` is left out of `{group.kind}`", part.node.place,
                    replace(group, parts=group.parts[:place] + group.parts[place + 1:]), (part,))
    other = {"all": "any", "any": "all"}.get(group.kind)
    if other:
        yield _Broken(f"{group.kind} to {other} / {written(group)}", f"`{group.kind}` reads `{other}`", group.node.key_place(group.kind),
                    replace(group, kind=other), (group,))


def _of_clause(ask: Ask, neighbours: Neighbours) -> Iterator[_Broken]:
    for word, operand in _operands(ask.clause):
        value = ask.node.mapping[word]
        if isinstance(operand, Comparison):
            other = _OTHER[operand.how]
            if word != "at_least":
                yield _changed(ask, word, replace(operand, how=other), f"{operand.how} to {other}", f"`{operand.how}` reads `{other}`", value)
        if isinstance(operand, (Comparison, Quantity)) and not _setting_of(value):
            yield from _scaled_here(ask, word, operand, value)
        if word != ask.clause.verb and word not in VERBS[ask.clause.verb].needs and str(operand) != _UNLESS_SAID.get(word):
            words = tuple(pair for pair in ask.clause.words if pair[0] != word)
            yield _slip(ask, replace(ask.clause, words=words), f"without {word}", f"`{word}` is left out", ask.node.key_place(word))
        for old, how, new, changed in _swapped(operand, neighbours):
            yield _changed(ask, word, changed, f"{old} to {how}", f"`{old}` reads `{new}`", value)


def _operands(clause: Clause) -> Iterator[tuple[str, Operand]]:
    yield clause.verb, clause.head
    yield from clause.words


def _slip(ask: Ask, clause: Clause, name: str, what: str, place: Place) -> _Broken:
    broken = replace(ask, clause=clause)
    return _Broken(f"{name} / {written(ask)}", what, place, broken, (ask, broken))


def _changed(ask: Ask, word: str, operand: Operand, name: str, what: str, value: Node) -> _Broken:
    return _slip(ask, _with_operand(ask.clause, word, operand), name, what, value.place)


def _with_operand(clause: Clause, word: str, operand: Operand) -> Clause:
    if word == clause.verb:
        return replace(clause, head=operand)
    return replace(clause, words=tuple((name, operand if name == word else old) for name, old in clause.words))


def _scaled_here(ask: Ask, word: str, operand: Quantity | Comparison, value: Node) -> Iterator[_Broken]:
    amount = operand.amount if isinstance(operand, Comparison) else operand
    for factor, verb in _FACTORS:
        scaled = _scaled(operand, factor)
        new = scaled.amount if isinstance(scaled, Comparison) else scaled
        yield _changed(ask, word, scaled, f"{verb} {word} {amount}", f"`{word}` has {new} instead of {amount}", value)


def _scaled(operand: Operand, factor: Fraction) -> Operand:
    if isinstance(operand, Comparison):
        return replace(operand, amount=_scaled(operand.amount, factor))
    return replace(operand, number=operand.number * factor)


def _setting_of(value: Node) -> str:
    """The setting an operand names, or nothing: amounts start with a number."""
    last = value.text.split(" ")[-1]
    return last if last.isidentifier() and not any(part[:1].isdigit() for part in value.text.split(" ")) else ""


def _swapped(operand: Operand, neighbours: Neighbours) -> Iterator[tuple[str, str, str, Operand]]:
    """A term, or one of several, replaced by each neighbour that does not stand there already."""
    if isinstance(operand, str):
        for how, other in neighbours.get(operand, {}).items():
            yield operand, how, other, other
    elif isinstance(operand, tuple):
        for place, term in enumerate(operand):
            for how, other in neighbours.get(term, {}).items():
                if other not in operand:
                    yield term, how, other, (*operand[:place], other, *operand[place + 1:])


def _settings(rule: Rule) -> Iterator[Break]:
    for name, setting in rule.settings.items():
        uses = tuple(ask for _, question, _ in _parts(rule) for ask in asks(question) if _uses(ask, name))
        for factor, verb in _FACTORS:
            def scaled(question: Question, factor: Fraction = factor, name: str = name) -> Question:
                return _mapped(question, lambda ask: _rescaled(ask, name, factor))
            broken = replace(rule, applies_when=scaled(rule.applies_when), met_when=scaled(rule.met_when), levels=tuple(
                replace(level, when=scaled(level.when)) if level.when is not None else level for level in rule.levels))
            yield Break(f"settings / {verb} {name}", f"`{name}` is {_scaled(setting.amount, factor)} instead of {setting.amount}",
                        rule.node.mapping["settings"].mapping[name].mapping["is"].place, broken, (*uses, *(scaled(ask) for ask in uses)))


def _uses(ask: Ask, name: str) -> bool:
    return any(_setting_of(ask.node.mapping[word]) == name for word, operand in _operands(ask.clause)
               if isinstance(operand, (Comparison, Quantity)))


def _rescaled(ask: Ask, name: str, factor: Fraction) -> Ask:
    clause = ask.clause
    for word, operand in _operands(ask.clause):
        if isinstance(operand, (Comparison, Quantity)) and _setting_of(ask.node.mapping[word]) == name:
            clause = _with_operand(clause, word, _scaled(operand, factor))
    return ask if clause is ask.clause else replace(ask, clause=clause)


def _mapped(question: Question, change: Callable[[Ask], Ask]) -> Question:
    """A question with every clause changed; the same object where none is."""
    unless = tuple(Exempt(_mapped(exempt.question, change), exempt.because) for exempt in question.unless)
    if all(new.question is old.question for new, old in zip(unless, question.unless)):
        unless = question.unless
    if isinstance(question, Ask):
        changed = change(question)
        return changed if unless is question.unless else replace(changed, unless=unless)
    parts = tuple(_mapped(part, change) for part in question.parts)
    if unless is question.unless and all(new is old for new, old in zip(parts, question.parts)):
        return question
    return replace(question, parts=parts, unless=unless)


def _levels(rule: Rule) -> Iterator[Break]:
    for place, (name, level) in enumerate(zip(_level_names(rule), rule.levels)):
        if level.when is not None:
            yield Break(f"{name} / drop level", "this level is left out", level.node.place,
                        replace(rule, levels=rule.levels[:place] + rule.levels[place + 1:]), (level.when,))


def _soft_evidence(rule: Rule) -> Iterator[Break]:
    def firm(question: Question) -> Question:
        return _mapped(question, lambda ask: replace(ask, clause=replace(ask.clause, keeps=False)))

    if rule.keeps:
        levels = tuple(level if level.node.get("soft_evidence") else replace(level, keeps=False, when=firm(level.when) if level.when else None)
                       for level in rule.levels)
        yield Break("soft_evidence / drop", "`soft_evidence` is left out", rule.node.key_place("soft_evidence"),
                    replace(rule, keeps=False, applies_when=firm(rule.applies_when), met_when=firm(rule.met_when), levels=levels), (rule.met_when,))
        return
    for place, (name, level) in enumerate(zip(_level_names(rule), rule.levels)):
        if level.keeps:
            when = firm(level.when) if level.when else None
            yield Break(f"{name} / drop soft_evidence", "`soft_evidence` of this level is left out", level.node.key_place("soft_evidence"),
                        _with_level(rule, place, keeps=False, when=when), (level.when or rule.met_when,))


def settings_beside(rule: Rule, one: Break) -> set[str]:
    """The settings named by the clauses a break touches, and by those that stand with them in a group or an exception."""
    nodes = {id(question.node) for question in one.about}
    found = {_setting_of(ask.node.mapping[word]) for question in one.about for ask in asks(question) for word, _ in _operands(ask.clause)}
    for _, question, _ in _parts(rule):
        for around in _around(question, nodes)[1:3]:
            found |= {_setting_of(ask.node.mapping[word]) for ask in asks(around) for word, _ in _operands(ask.clause)}
    return found - {""}


def _around(question: Question, nodes: set[int]) -> list[Question]:
    """A question with one of these nodes, and the questions it stands in, from the inside out."""
    if id(question.node) in nodes:
        return [question]
    for inner in (*(exempt.question for exempt in question.unless), *(question.parts if isinstance(question, Group) else ())):
        found = _around(inner, nodes)
        if found:
            return [*found, question]
    return []


def written(question: Question) -> str:
    """A question on one line in the words of its file; of a group what its clauses are about, in alphabetical order."""
    if isinstance(question, Ask):
        node = question.node
        said = [f"{word} {_text(node.mapping[word])}" for word in node.mapping if word not in ("unless", "because")]
        return ", ".join(said)
    heads = sorted({_text(ask.node.mapping[ask.clause.verb]) for ask in asks(question)})
    more = f" and {len(heads) - 3} more" if len(heads) > 3 else ""
    return f"{question.kind} of {', '.join(heads[:3])}{more}"


def _text(value: Node) -> str:
    return value.text or "[" + ", ".join(child.text for child in value.items) + "]"
