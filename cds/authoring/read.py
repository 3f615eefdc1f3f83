"""`cds read`: one rule, or all of them, in English."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cds import clock, rulebook
from cds.rulebook import Rulebook
from cds.rulefile.english import aloud
from cds.rulefile.rule import Rule


def read(folders: Sequence[Path], name: str | None) -> int:
    """Say one rule, or all of them, in English."""
    book = rulebook.load(folders, clock.now().date(), drafts=True)
    says = {term.name: term.says for term in book.terms.values()}
    sources = {source.id: f"{source.label} ({source.year})" if source.year else source.label for source in book.sources.values()}
    print("\n\n".join(aloud(rule, says, sources) for rule in chosen(book, name)))
    return 0


def chosen(book: Rulebook, name: str | None) -> tuple[Rule, ...]:
    """The rule of that id, or all where none is named; LookupError lists what there is."""
    found = tuple(rule for rule in book.rules if name in (None, rule.id))
    if not found:
        raise LookupError(f"`{name}` is not a rule of this rulebook; it has {', '.join(rule.id for rule in book.rules)}")
    return found
