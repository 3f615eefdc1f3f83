"""`cds read`: one rule, or all of them, in English, also as a site has them."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cds import clock, rulebook
from cds.authoring.at_site import at_site, changes
from cds.rulebook import Rulebook
from cds.rulefile.english import aloud
from cds.rulefile.problems import did_you_mean
from cds.rulefile.rule import Rule


def read(folders: Sequence[Path], name: str | None, site: Path | None = None) -> int:
    """Say one rule, or all that are not retired, in English; with a site file, as that site has them."""
    today = clock.now().date()
    whole = rulebook.load_whole(folders, today)
    book = at_site(whole, site, today)
    words, there = Words.of(book), {rule.id: rule for rule in book.rules}
    told = [there.get(rule.id, rule) for rule in chosen(whole, name) if name or rule.status != "retired"]
    text = "\n\n".join("\n".join([aloud(rule, words.terms, words.sources, words.reasons), *_at_site(book, rule)]) for rule in told)
    print(wrapped(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text)
    return 0


def wrapped(text: str, width: int) -> str:
    """A text whose lines fit a terminal; what goes on hangs below the words it belongs to, so that depth keeps its meaning."""
    found = []
    for one in text.split("\n"):
        hang = " " * (len(one) - len(one.lstrip(" -")) + (0 if one.lstrip().startswith("-") else 2 if one.startswith(" ") else 0))
        found.append(textwrap.fill(one, max(width, 40), subsequent_indent=hang, break_long_words=False, break_on_hyphens=False, drop_whitespace=True))
    return "\n".join(found)


def _at_site(book: Rulebook, rule: Rule) -> list[str]:
    """The last lines about a rule: what the site changes of it."""
    if book.site is None:
        return []
    said = changes(book, rule) or ["nothing of this rule is changed"]
    return ["", f"At {book.site.name}, approved by {book.site.approved_by}:", *(f"  {one}" for one in said)]


@dataclass(frozen=True, slots=True)
class Words:
    """How people call what rules refer to: terms, sources (label and year) and override reasons, each by its id."""

    terms: dict[str, str]
    sources: dict[str, str]
    reasons: dict[str, str]

    @classmethod
    def of(cls, book: Rulebook) -> Words:
        """The words of a rulebook."""
        return cls({term.name: term.says for term in book.terms.values()},
                   {source.id: f"{source.label} ({source.year})" if source.year else source.label for source in book.sources.values()},
                   {reason.id: reason.text for reason in book.reasons.values()})


def chosen(book: Rulebook, name: str | None) -> tuple[Rule, ...]:
    """The rule of that id, or all where none is named; LookupError lists what there is."""
    found = tuple(rule for rule in book.rules if name in (None, rule.id))
    if not found:
        known = [rule.id for rule in book.rules]
        raise LookupError(f"`{name}` is not a rule of this rulebook. {did_you_mean(str(name), known, 'It has ' + ', '.join(known) + '.')}")
    return found
