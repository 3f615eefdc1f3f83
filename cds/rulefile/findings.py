"""`finding: RULE`: a rule that asks whether another rule is met asks the questions of that rule itself.

Each such clause becomes `all` of the other rule's `applies_when` and `met_when`, so that both evaluators answer it like any other
group and no rule waits for another.  On a hook on which the other rule does not run it is not met.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cds.rulefile.circles import circles, said
from cds.rulefile.problems import Place, Problem, did_you_mean
from cds.rulefile.rule import Ask, Clause, Exempt, Group, Question, Rule
from cds.rulefile.source import Node

MAX_CLAUSES = 500


@dataclass(frozen=True, slots=True)
class Named:
    """A rule that another one asks for, and where."""

    rule: str
    place: Place


def findings(rule: Rule) -> Iterator[Named]:
    """Every rule that a rule asks for, in the order written; what those ask for in turn is not counted in."""
    for question in (rule.applies_when, rule.met_when, *(level.when for level in rule.levels if level.when)):
        yield from (Named(_named(one), one.node.mapping["finding"].place) for one in _own(question) if _named(one))


def tie(rules: Sequence[Rule], known: Collection[str], problems: list[Problem]) -> list[Rule]:
    """The rules with every `finding` replaced by what the rule of `rules` asks now; those that cannot be are noted and left out.

    `known` holds every rule id there is, also of rules that could not be read: naming one of those is no problem of its own.
    """
    by_id = {rule.id: rule for rule in rules}
    broken = {rule.id for rule in rules if any([_unusable(rule, named, by_id, known, problems) for named in findings(rule)])}
    broken |= _circles(by_id, problems)
    done: dict[str, Rule] = {}
    sizes: dict[str, int] = {}
    for rule in rules:
        _tie(rule.id, by_id, broken, done, sizes, problems)
    return [done[rule.id] for rule in rules if rule.id in done]


def tied(rule: Rule, others: Mapping[str, Rule]) -> Rule:
    """One rule with every `finding` replaced by what a rule of `others` asks, which are tied themselves."""
    def answered(question: Question) -> Question:
        unless = tuple(Exempt(answered(exempt.question), exempt.because) for exempt in question.unless)
        name = _named(question)
        if name:
            return replace(_asked(question, others[name], rule), unless=unless)
        if isinstance(question, Ask):
            return replace(question, unless=unless)
        return replace(question, parts=tuple(answered(part) for part in question.parts), unless=unless)

    if not any(True for _ in findings(rule)):
        return rule
    levels = tuple(replace(level, when=answered(level.when) if level.when else None) for level in rule.levels)
    return replace(rule, applies_when=answered(rule.applies_when), met_when=answered(rule.met_when), levels=levels)


def _named(question: Question) -> str:
    """The rule a `finding` names, tied or not; empty for every other question."""
    if isinstance(question, Group):
        return question.finding
    return str(question.clause.head) if question.clause.verb == "finding" else ""


def _own(question: Question) -> Iterator[Question]:
    """Every clause a rule holds itself: a `finding` counts as one."""
    for exempt in question.unless:
        yield from _own(exempt.question)
    if isinstance(question, Group) and not question.finding:
        for part in question.parts:
            yield from _own(part)
    else:
        yield question


def _asked(question: Question, other: Rule, rule: Rule) -> Group:
    parts = [other.applies_when, other.met_when]
    if not set(rule.hooks) <= set(other.hooks):
        place = question.node.place
        parts.insert(0, Group("any", tuple(Ask(Clause("at", hook), Node({"at": Node(hook, place)}, place)) for hook in other.hooks), question.node))
    return Group("all", tuple(parts), question.node, finding=other.id)


def _unusable(rule: Rule, named: Named, by_id: Mapping[str, Rule], known: Collection[str], problems: list[Problem]) -> bool:
    other = by_id.get(named.rule)
    if other is None and named.rule not in known:
        problems.append(Problem(named.place, "unknown-rule", f"`{named.rule}` is not a rule of this rulebook",
                                did_you_mean(named.rule, known, "Name another rule, or write its criteria here.")))
    elif other is not None and rule.status == "active" and other.status != "active":
        problems.append(Problem(named.place, "unknown-rule", f"`{named.rule}` is {'a draft' if other.status == 'draft' else 'retired'}; "
                                "an active rule cannot rest on it", "Name an active rule, or write the criteria here."))
    else:
        return other is None
    return True


def _circles(by_id: Mapping[str, Rule], problems: list[Problem]) -> set[str]:
    """The rules that ask, over others, for themselves; each circle is noted once, at its first rule, with every rule in it."""
    asked = {rule.id: {named.rule: named.place for named in findings(rule)} for rule in by_id.values()}
    found: set[str] = set()
    for circle in circles(asked):
        found |= set(circle)
        problems.append(Problem(asked[circle[0]][circle[1]], "circular-finding", said(circle, "asks for"),
                                "Write the criteria out in one of them, so that no rule rests on itself."))
    return found


def _tie(name: str, by_id: Mapping[str, Rule], broken: set[str], done: dict[str, Rule], sizes: dict[str, int], problems: list[Problem]) -> None:
    """Tie a rule after those it asks for, unless one of them cannot be used."""
    if name in done or name in broken or name not in by_id:
        return
    rule = by_id[name]
    named = list(findings(rule))
    for one in named:
        _tie(one.rule, by_id, broken, done, sizes, problems)
    own = sum(1 for question in (rule.applies_when, rule.met_when, *(level.when for level in rule.levels if level.when)) for _ in _own(question))
    sizes[name] = own + sum(sizes.get(one.rule, 0) for one in named)
    if any(one.rule not in done for one in named):
        broken.add(name)
    elif named and sizes[name] > MAX_CLAUSES:
        broken.add(name)
        problems.append(Problem(named[0].place, "too-long", f"with the rules it asks for, `{name}` has {sizes[name]} clauses; at most {MAX_CLAUSES} fit",
                                "Ask for fewer rules, or write only the criteria that matter here."))
    else:
        done[name] = tied(rule, done)
