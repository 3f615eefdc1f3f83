"""The text of INDEX.md: every rule of a folder in English, as Markdown that GitHub shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cds.authoring.markdown import escaped, indented
from cds.authoring.read import Words
from cds.examples.spoken import lines
from cds.rulebook import Rulebook
from cds.rulefile.sidefiles import Source
from cds.rulefile.english import COUNTS_IN_FULL, OFFERS, days, line, moments, untold
from cds.rulefile.language import FOLDERS
from cds.rulefile.rule import Example, Message, Rule

_WORDS_USED = """\
How to read it: a criterion is answered *yes*, *no* or *unknown*; a list that was read and does not hold an entry is a *no*, a list that could
not be read is *unknown*, an amount that was never measured is *unknown*. “The patient takes” covers drugs ordered in the same request. An uncertain
record (a provisional diagnosis, a drug on hold, a name without a code) shows a card one step milder, unless the rule says otherwise.
"""


def index(book: Rulebook, folder: Path) -> str:
    """INDEX.md of one rule folder: contents by kind, then each rule with its cards, settings, evidence and examples."""
    rules = [rule for rule in book.rules if rule.node.place.path.is_relative_to(folder)]
    found = [f"# {escaped(book.book.title)}, version {book.book.version}", "",
             "Written by `cds docs` from the rule files; change those, not this page. All clinical content supports and does not replace "
             "clinical judgement.", "", f"**For** {escaped(line(book.book.intended_for))}", "", f"**Not for** {escaped(line(book.book.not_for))}", "",
             _WORDS_USED, "## Contents", ""]
    by_kind = {name: [rule for rule in rules if rule.kind == kind] for name, kind in FOLDERS.items()}
    for name, mine in by_kind.items():
        if mine:
            found.append(f"- {_heading(name)}")
            found += [f"  - [{escaped(rule.title)}](#{rule.id})" + ("" if rule.status == "active" else f" ({rule.status})") for rule in mine]
    for name, mine in by_kind.items():
        if mine:
            found += ["", f"## {_heading(name)}"]
            found += [text for rule in mine for text in _rule(rule, book)]
    return "\n".join(found) + "\n"


def _heading(folder: str) -> str:
    return folder.replace("-", " ").capitalize()


def _rule(rule: Rule, book: Rulebook) -> Iterator[str]:
    words = Words.of(book)
    review = "awaiting clinical sign-off" if rule.review_pending else _review(rule)
    said = [f"`{rule.id}`", f"version {rule.version}", rule.status + days(rule), *([review] if review else [])]
    yield from ("", f'<a id="{rule.id}"></a>', "", f"### {escaped(rule.title)}", "", " · ".join(said), "", escaped(rule.why), "")
    if rule.node.get("replaced_by"):
        yield from (f"Replaced by `{rule.node.mapping['replaced_by'].text}`.", "")
    yield from (f"It runs when {moments(rule)}. It speaks about a request when", "", *indented(rule.applies_when, words.terms), "",
                "It is **met** when", "", *indented(rule.met_when, words.terms), "")
    yield from _cards(rule, words)
    yield from _settings(rule)
    yield from ("**Evidence**", "", *(_source(book.sources.get(one.source), one.source, f"{one.at}: {one.says} ({one.strength}, {one.verified})")
                                      for one in rule.evidence), "")
    yield from _hazards(rule)
    yield from _examples(rule.examples, words)


def _review(rule: Rule) -> str:
    review = rule.node.get("review")
    if review is None or not review.mapping:
        return ""
    return f"reviewed by {escaped(' and '.join(one.text for one in review.mapping['by'].items))} on {review.mapping['on'].text}"


def _cards(rule: Rule, words: Words) -> Iterator[str]:
    if len(rule.levels) > 1:
        yield from ("**If it is met**, the most severe of these that holds shows, of equally severe ones the first:", "")
        for number, level in enumerate(rule.levels, 1):
            margin = " " * (len(str(number)) + 2)
            if level.when is None:
                yield from (f"{number}. in all other cases", "")
            else:
                yield from (f"{number}. when", "", *indented(level.when, words.terms, margin), "")
            yield from _message(level.message, words, margin)
            if level.keeps and not rule.keeps:
                yield from (f"{margin}{COUNTS_IN_FULL} here.", "")
    else:
        shown = _message(rule.levels[0].message, words) if rule.levels else ("Nothing is shown.", "")
        yield from ("**If it is met**", "", *shown)
    if rule.keeps:
        yield from (f"{COUNTS_IN_FULL}: {escaped(rule.node.mapping['soft_evidence'].mapping['because'].text)}", "")
    yield from ("**If it is not met**", "", *(_message(rule.if_not_met, words) if rule.if_not_met else ("Nothing is shown.", "")))
    unknown = _message(rule.if_unknown, words) if isinstance(rule.if_unknown, Message) else (_sentence(untold(rule)), "")
    yield from ("**If that cannot be told**", "", *unknown)
    if rule.replaces:
        names = ", ".join(f"`{one}`" for one in rule.replaces)
        yield from (f"Where it is met, it takes the place of less or equally severe findings of: {names}.", "")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _message(message: Message, words: Words, margin: str = "") -> Iterator[str]:
    yield from (f"{margin}> **{message.show}** {escaped(message.summary)}", "")
    if message.advice:
        yield from (f"{margin}Options: {escaped(message.advice)}", "")
    if message.suggest:
        yield from (f"{margin}It offers: {', '.join(OFFERS.get(one, one) for one in message.suggest)}.", "")
    if message.override_reasons:
        yield from (f"{margin}Reasons to go on: {escaped('; '.join(words.reasons.get(one, one) for one in message.override_reasons))}.", "")


def _settings(rule: Rule) -> Iterator[str]:
    if rule.settings:
        yield from ("**Numbers a site may change**", "", "| setting | is | a site may use | what it is |", "|---|---|---|---|")
        yield from (f"| `{one.name}` | {one.amount} | {one.lowest} to {one.highest} | {escaped(one.what)} |" for one in rule.settings.values())
        yield ""


def _source(source: Source | None, name: str, rest: str) -> str:
    if source is None:
        return f"- `{name}`, {escaped(rest)}"
    label = escaped(f"{source.label} ({source.year})" if source.year else source.label)
    return f"- {f'[{label}](<{source.link}>)' if source.link else label}, {escaped(rest)}"


def _hazards(rule: Rule) -> Iterator[str]:
    hazards = rule.node.get("hazards")
    if hazards is not None and hazards.items:
        said = ["; ".join(f"{key}: {one.text}" for key, one in entry.mapping.items()) for entry in hazards.items]
        yield from ("**Hazards**", "", *(f"- {escaped(one)}" for one in said), "")


def _examples(examples: Sequence[Example], words: Words) -> Iterator[str]:
    yield from ("<details>", f"<summary>{len(examples)} examples</summary>", "", "| example | when the chart says | the answer is |", "|---|---|---|")
    for one in examples:
        answer = f"{one.answer}, {one.show}" if one.show else one.answer
        yield f"| {escaped(one.name)} | {escaped('; '.join(lines(one, words.terms)) or 'nothing')} | {answer} |"
    yield from ("", "</details>")
