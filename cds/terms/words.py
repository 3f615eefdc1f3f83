"""Find known names in uncoded text, whole words only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"[a-z0-9µ%]+")
_ASIDE = re.compile(r"\(\s*for patients[^)]*\)?|\bwithout\s+[\w-]+|['\u2019]s\b", re.I)
_NEGATED = re.compile(
    r"\b(no (evidence|history|sign|signs|known|current)|not |without|negative|denies|denied|rule[ds]? out|r/o|ruled out|exclude[ds]?|"
    r"absence of|family history|fhx?|fh of|screening|screen for|at risk|risk of|resolved|refuted|suspected contact|vaccin)", re.I)
_HISTORY = re.compile(r"\b(history of|h/o|hx of|past medical history|previous|prior|status post|s/p)\b", re.I)
_FILLER = frozenset("""mg g mcg ug µg ml l meq unit units hr hour hours hcl hydrochloride sodium er xr sr cr la ir xl cd
 extended immediate sustained controlled release tablet tablets tab tabs capsule capsules cap caps oral solution soln suspension
 injection injectable inj ij iv im po by mouth intravenous intramuscular vial ampule ampoule syringe elixir liquid syrup
 daily once twice three times a day bid tid qid qd qhs q4h q6h q8h q12h q24h prn as needed every for nightly at bedtime in per dose
 each the of and with 24hr 12hr anhydrous monohydrate sulfate tartrate maleate citrate acetate bitartrate generic brand name""".split())


@dataclass(frozen=True, slots=True)
class Found:
    """Names found in a text: what they stand for, and whether the text says nothing else."""

    values: tuple[str, ...]
    only: bool


class Words:
    """Names of one or more words, looked up token by token; the longest name at a place wins."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name, value in names.items():
            tokens = tuple(_TOKEN.findall(name.casefold()))
            if tokens:
                self._by_first.setdefault(tokens[0], []).append((tokens, value))
        for entries in self._by_first.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def find(self, text: str) -> Found:
        """Every name in a text, in order, without repetition."""
        tokens = _TOKEN.findall(_ASIDE.sub(" ", text).casefold())
        values: dict[str, None] = {}
        only, place = True, 0
        while place < len(tokens):
            for name, value in self._by_first.get(tokens[place], ()):
                if tuple(tokens[place:place + len(name)]) == name:
                    values[value] = None
                    place += len(name)
                    break
            else:
                token = tokens[place]
                only = only and (token in _FILLER or token[0].isdigit())
                place += 1
        return Found(tuple(values), only)


def is_negated(text: str) -> bool:
    """Whether a text denies, excludes or only screens for what it names."""
    return _NEGATED.search(text) is not None


def is_history(text: str) -> bool:
    """Whether a text speaks of something past."""
    return _HISTORY.search(text) is not None


def readable(texts: Iterable[str]) -> str:
    """The first text with at least two letters in a row, or an empty text."""
    for text in texts:
        if re.search(r"[^\W\d_]{2}", text):
            return text.strip()
    return ""
