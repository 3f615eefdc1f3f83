"""The clinicians' list of changes: who is affected, from when, and why, one entry for each release, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from cds.authoring.markdown import escaped, indented
from cds.authoring.versions import MAJOR, MINOR, NEW, PATCH, UNREADABLE, Changed
from cds.examples.spoken import lines
from cds.rulebook import Rulebook
from cds.rulefile.english import moments
from cds.rulefile.rule import Message, NotChecked, Rule

FILE = "CHANGELOG.md"
_HEAD = """\
# Changes for clinicians

What changes in the advice that shows while ketamine is ordered: who is affected, from when, and why. Newest first. The rules in full
stand in [INDEX.md](INDEX.md).
"""


@dataclass(frozen=True, slots=True)
class Release:
    """One release of the rulebook: its version, its first day, and why it was made, in words for clinicians."""

    version: str
    start: date
    because: str


def updated(text: str, release: Release, changes: Sequence[Changed], book: Rulebook) -> str:
    """The list of changes with the entry of a release on top; an entry of the same version is replaced."""
    head, *entries = text.split("\n## ") if text.strip() else [_HEAD]
    kept = [one.rstrip() for one in entries if not one.startswith(f"{release.version},")]
    return "\n\n## ".join([head.rstrip(), _entry(release, changes, book), *kept]) + "\n"


def _entry(release: Release, changes: Sequence[Changed], book: Rulebook) -> str:
    found = [f"{release.version}, from {_day(release.start)}", "", f"**Why:** {escaped(release.because)}"]
    for size, heading in ((NEW, "New"), (MAJOR, "Other answers than before"), (MINOR, "Other criteria, numbers or cards"), (PATCH, "Words only")):
        mine = [one for one in changes if one.size == size]
        if mine:
            found += ["", f"### {heading}"]
            found += [line for one in mine for line in _change(one, book)]
    return "\n".join(found)


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _change(one: Changed, book: Rulebook) -> Iterator[str]:
    versions = one.version if one.old is None else f"{one.old.version} to {one.version}"
    yield from ("", f"**{escaped(one.rule.title)}** (`{one.rule.id}` {versions})", "")
    if one.size == PATCH:
        yield "Nobody is affected: wording only, every card shows to the same patients as before."
        return
    says = {term.name: term.says for term in book.terms.values()}
    yield from (f"Who is affected: clinicians, when {moments(one.rule)} and", "", *indented(one.rule.applies_when, says), "")
    yield from ("What is new:" if one.old is None else "What changes:", "")
    yield from _cards(one.rule) if one.old is None else _differences(one, one.old, says)


def _cards(rule: Rule) -> Iterator[str]:
    """What a new rule can show."""
    yield f"- {escaped(rule.why)}"
    yield from (f"- can show as {message.show}: {escaped(message.summary)}" for message in _messages(rule))
    if isinstance(rule.if_unknown, NotChecked):
        yield "- is named on the “not checked” card where the chart does not say enough"


def _differences(one: Changed, old: Rule, says: dict[str, str]) -> Iterator[str]:
    rule = one.rule
    if rule.status == "retired" and old.status != "retired":
        until = f" The last day was {_day(rule.effective_until)}." if rule.effective_until else ""
        yield f"- no longer in use: its cards do not show any more.{until}"
        return
    for answer in one.answers:
        chart = "; ".join(lines(answer.example, says)) or "the chart is empty"
        yield (f"- for example “{escaped(answer.example.name)}” ({escaped(chart)}): so far {_words(answer.before, old)}, "
               f"from now on {_words(answer.after, rule)}")
    for name, setting in rule.settings.items():
        was = old.settings.get(name)
        if was is None or was.amount != setting.amount:
            yield f"- {escaped(setting.what.rstrip('.'))}: {setting.amount}" + (f", so far {was.amount}" if was else ", new")
    cards = [escaped(f"{message.show}: {message.summary}") for message in _messages(rule)]
    before = [escaped(f"{message.show}: {message.summary}") for message in _messages(old)]
    yield from (f"- new card or new text: {text}" for text in cards if text not in before)
    yield from (f"- no longer shown: {text}" for text in before if text not in cards)
    if one.terms:
        words = "; ".join(says[name] for name in one.terms)
        yield f"- the records that count were revised for: {escaped(words)}"
    yield f"- the criteria now in force: [{escaped(rule.title)}](INDEX.md#{rule.id})"


def _messages(rule: Rule) -> list[Message]:
    cards = [level.message for level in rule.levels]
    return [*cards, *(one for one in (rule.if_not_met, rule.if_unknown) if isinstance(one, Message))]


def _words(said: str, rule: Rule) -> str:
    """An answer as a clinician meets it."""
    answer, _, show = said.partition(" ") if said.startswith("met") else (said, "", "")
    if said == UNREADABLE:
        return "not comparable, because a word of this chart is no longer known"
    if show:
        return f"a card ({show})"
    own = rule.if_not_met if answer == "not met" else rule.if_unknown if answer == "unknown" else None
    if isinstance(own, Message):
        return f"a card ({own.show})"
    return "named as not checked" if isinstance(own, NotChecked) else "no card"
