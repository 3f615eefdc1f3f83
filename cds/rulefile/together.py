"""What only shows when all rule files are read: names of other rules, reviews that are due, sources nobody cites, examples that contradict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date

from cds.rulefile.problems import Place, Problem, did_you_mean
from cds.rulefile.rule import Example, Rule
from cds.rulefile.source import Node


def check_rules(rules: Iterable[Rule], known: Collection[str], today: date, problems: list[Problem]) -> None:
    """Note what is wrong with single rules in the company of the others; `known` holds every rule id there is."""
    for rule in rules:
        replaced_by = rule.node.get("replaced_by")
        for entry in [*(rule.node.get("replaces") or Node([], rule.node.place)).items, *([replaced_by] if replaced_by else [])]:
            if entry.text not in known:
                problems.append(Problem(entry.place, "unknown-rule", f"`{entry.text}` is not a rule of this rulebook",
                                        did_you_mean(entry.text, known, "Name another rule, or delete the line.")))
        due = (rule.node.get("review") or Node({}, rule.node.place)).get("due")
        if due is not None and rule.status == "active" and due.text < today.isoformat():
            problems.append(Problem(due.place, "review-overdue", f"the review was due on {due.text}",
                                    "Have two people review the rule, then write their names, the day and the next one.", "warning"))


def retired_early(rules: Iterable[Rule], today: date, problems: list[Problem]) -> None:
    """Note the rules that no longer run although the last day they name lies ahead."""
    for rule in rules:
        if rule.status == "retired" and rule.effective_until is not None and rule.effective_until > today:
            problems.append(Problem(rule.node.mapping["status"].place, "bad-form",
                                    f"a retired rule runs no more, but its last day {rule.effective_until} lies ahead",
                                    "Keep `status: active` until that day is over, or write the day on which it ended under `until`."))


def check_sources(sources: Mapping[str, Place], rules: Iterable[Rule], problems: list[Problem]) -> None:
    """Note the sources of evidence.yaml that no rule cites."""
    cited = {citation.source for rule in rules for citation in rule.evidence}
    for name, place in sources.items():
        if name not in cited:
            problems.append(Problem(place, "unused-source", f"no rule cites `{name}`", "Cite it under `evidence:` of a rule, or delete it.", "warning"))


def contradicting(rule: Rule, problems: list[Problem]) -> list[Example]:
    """Note the examples of a rule that tell the same chart and expect something else, and give them back: one of each two is wrong."""
    found: list[Example] = []
    first: dict[str, Example] = {}
    for example in rule.examples:
        before = first.setdefault(repr((example.settings, example.card, sorted(map(_line, example.chart)))), example)
        if (before.answer, before.show) != (example.answer, example.show) and (before.answer != example.answer or None not in (before.show, example.show)):
            place = example.node.mapping["expect"].place
            problems.append(Problem(place, "examples-contradict",
                                    f"“{before.name}” on line {before.node.place.line} has the same chart and expects `{before.node.mapping['expect'].text}`",
                                    "Change one of the charts, or delete one of the two examples."))
            found += [before, example]
    return found


def _line(line: Node) -> str:
    return repr(sorted((word, child.text) for word, child in line.mapping.items()))
