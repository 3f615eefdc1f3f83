"""The detail text of a card: Why, Rule, Evidence, Options, Not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds.cards.findings import Finding, missing_lines
from cds.cards.text import inline, markdown, reference
from cds.engine.answers import Because, Missing
from cds.facts.model import LISTS, Order, Unreadable
from cds.rulebook import Rulebook
from cds.rulefile.rule import Citation, Rule

CLOSING = "Supports and does not replace clinical judgement."
_MOST_RECORDS = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the "not checked" card: what was missing, why, which rules it kept from an answer, and whether it was needed."""

    thing: str
    reasons: tuple[str, ...]
    rules: tuple[str, ...]
    needed: bool
    unreadable: bool
    on_the_day: bool


def findings(group: Sequence[Finding], rulebook: Rulebook, full: int, name_orders: bool) -> str:
    """The first findings in full, the rest one line each."""
    several = len(group) > 1
    parts = [_finding(one, rulebook, several, name_orders) for one in group[:full]]
    for one in group[full:]:
        assert one.message is not None
        parts.append(f"- **{inline(one.message.summary, 160)}** (rule {named(one.verdict.rule, False)})")
    return "\n\n".join([*parts, CLOSING])


def _finding(one: Finding, rulebook: Rulebook, several: bool, name_orders: bool) -> str:
    verdict, message = one.verdict, one.message
    assert message is not None
    lines = [f"**{inline(message.summary, 160)}**\n"] if several else []
    if name_orders:
        lines.append(f"**Order:** {'; '.join(inline(order.text, 80) for order in one.orders)}\n")
    lines.append(f"**Why:**{_why(verdict.because, verdict.rule.why)}")
    if verdict.soft:
        lines.append(f"\n{'Uncertain' if message.show == 'info' else 'Shown one step milder'}: {'; '.join(inline(doubt) for doubt in verdict.doubts) or 'the evidence is uncertain'}.")
    if verdict.disputed:
        lines.append("\n**The two rule evaluators disagree on this rule; judge by the records above.**")
    lines += [f"\nAlso: {inline(summary, 160)}" for summary in verdict.also]
    lines.append(f"\n**Rule:** {named(verdict.rule)}")
    lines.append(f"\n**Evidence:** {_evidence(one, rulebook)}")
    if message.advice:
        lines.append(f"\n**Options:** {inline(message.advice, 500)}")
    not_known = [*(f"{inline(summary.rstrip('.'), 160)} (could not be judged)" for summary in dict.fromkeys(verdict.higher)),
                 *(inline(str(missing), 160) for missing in verdict.missing)]
    if not_known:
        lines.append("\n**Not known:** " + "; ".join(not_known))
    return "\n".join(lines)


def named(rule: Rule, sign_off: bool = True) -> str:
    """A rule with its version, whether it awaits sign-off, and every setting a site changed."""
    pending = ", awaiting clinical sign-off" if sign_off and rule.review_pending else ""
    changed = "; ".join(f"{setting.name.replace('_', ' ')} {setting.amount} (rulebook: {setting.shipped})" for setting in rule.at_site)
    return f"{rule.id} {rule.version}{pending}" + (f", site setting{'s' if len(rule.at_site) > 1 else ''}: {changed}" if changed else "")


def _why(records: Sequence[Because], why: str) -> str:
    if not records:
        return f" {inline(why, 600)}"
    shown = [f"\n- {markdown(record.text, 160)}{_from(record)}" for record in records[:_MOST_RECORDS]]
    more = len(records) - _MOST_RECORDS
    return "".join(shown) + (f"\n- and {more} more" if more > 0 else "")


def _from(record: Because) -> str:
    """Where a reason stands; one about a list as a whole stands in no record."""
    return f" ({reference(record.resource)}{', matched by name' if record.matched == 'text' else ''})" if record.resource else ""


def _evidence(one: Finding, rulebook: Rulebook) -> str:
    assert one.message is not None
    key = one.verdict.rule.id, one.message.cites
    if key not in rulebook.lines:
        rulebook.lines[key] = _worded(one.verdict.rule.cited(one.message)[:3], rulebook)
    return rulebook.lines[key]


def _worded(cited: Iterable[Citation], rulebook: Rulebook) -> str:
    return "; ".join(f"{inline(rulebook.sources[entry.source].label)} {rulebook.sources[entry.source].year}".rstrip()
                     + f", {inline(entry.at)}: {inline(entry.says, 300)} \\[{entry.strength}\\]" for entry in cited)


def open_lines(open_ones: Sequence[Finding], gaps: Iterable[Missing], unreadable: Iterable[Unreadable], orders: Iterable[Order]) -> list[Line]:
    """One line per missing thing; what was left out or unreadable and kept no rule from an answer has its line too."""
    gathered: dict[tuple[str, bool], list[tuple[Missing, Sequence[str], bool]]] = {}
    found: list[tuple[Missing, Sequence[str], bool]] = [(missing, rules, True) for missing, rules in missing_lines(open_ones).items()]
    found += [(missing, (), True) for missing in gaps]
    said = " ".join(missing.reason for missing, _, _ in found)
    found += [(Missing(LISTS.get(one.list, one.list), f"{one.what} ({one.ref})" if one.ref else one.what, unreadable=True), (), False)
              for one in unreadable if one.what not in said]
    found += [(Missing(order.what, order.unclear, unreadable=True), (), False) for order in orders if order.unclear]
    for one in found:
        gathered.setdefault((one[0].thing, one[0].on_the_day), []).append(one)
    return [Line(thing, tuple(dict.fromkeys(missing.reason for missing, _, _ in all_of_it)),
                 tuple(dict.fromkeys(rule for _, rules, _ in all_of_it for rule in rules)),
                 any(needed for _, _, needed in all_of_it), any(missing.unreadable for missing, _, _ in all_of_it), on_the_day)
            for (thing, on_the_day), all_of_it in gathered.items()]


def not_checked(lines: Sequence[Line], rulebook: Rulebook) -> str:
    """The text of the "not checked" card."""
    named = {name for line in lines for name in line.rules}
    titles = {rule.id: rule.title for rule in rulebook.rules if rule.id in named}
    said = []
    for line in (one for one in lines if not one.on_the_day):
        rules = f" Not checked: {', '.join(inline(titles[rule]) for rule in line.rules)}." if line.rules else ""
        said.append(f"- **{inline(_capital(line.thing))}**: {inline('; '.join(line.reasons), 240)}.{rules}")
    due = [line.thing for line in lines if line.on_the_day]
    if due:
        said.append(f"- To be checked on the day: {', '.join(inline(thing) for thing in dict.fromkeys(due))}.")
    return "\n".join([*said, f"\nNothing above was found to be absent. {CLOSING}"])


def could_not_run(why: str) -> str:
    """The text of the card that says no order could be read."""
    return f"No rule was evaluated: {inline(why, 200)}. Judge this order without decision support. {CLOSING}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
