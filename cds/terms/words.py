"""Find known names in uncoded text, whole words only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"[a-z0-9µ%]+")
_ASIDE = re.compile(r"\(\s*for patients[^)]*\)?|\bwithout\s+[\w-]+|['\u2019]s\b", re.I)
_POSSESSIVE = re.compile(r"['\u2019]s\b", re.I)
_PUNCTUATION = re.compile(r"[\W_]+")
_NAMELESS = frozenset({"unknown", "unknown drug", "unknown medication", "unknown problem", "unknown diagnosis", "not specified", "unspecified",
                       "not recorded", "not available", "see comment", "see comments", "see note", "see notes", "null", "undefined",
                       "no description", "no description available", "no display", "object object"})
"""What order entry and interfaces write in place of a name, so that an entry is not taken for one that was read."""
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


def unaccented(text: str) -> str:
    """A text without accents, ligatures, wide forms and invisible characters, so that a word is found however it is written."""
    if text.isascii():
        return text
    spread = unicodedata.normalize("NFKD", text.replace("µ", "u"))
    return "".join(char for char in spread if unicodedata.category(char) not in ("Mn", "Cf"))


def tokens(name: str) -> tuple[str, ...]:
    """The words of a name, as they are looked up."""
    return tuple(_TOKEN.findall(_POSSESSIVE.sub(" ", name).casefold()))


class Words:
    """Names of one or more words, looked up token by token; the longest name at a place wins."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name, value in names.items():
            words = tokens(name)
            if words:
                self._by_first.setdefault(words[0], []).append((words, value))
        for entries in self._by_first.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def find(self, text: str) -> Found:
        """Every name in a text, in order, without repetition."""
        words = _TOKEN.findall(_ASIDE.sub(" ", unaccented(text)).casefold())
        places = tuple(self.places(words))
        inside = {place for start, end, _ in places for place in range(start, end)}
        only = all(word in _FILLER or word[0].isdigit() for place, word in enumerate(words) if place not in inside)
        return Found(tuple(dict.fromkeys(value for _, _, value in places)), only)

    def places(self, words: Sequence[str], may_be: Callable[[int, int, str], bool] = lambda start, end, value: True) -> Iterator[tuple[int, int, str]]:
        """Where each name stands among the words of a text (first word, word after its last) and its value; `may_be` refuses a name at a place."""
        place = 0
        while place < len(words):
            for name, value in self._by_first.get(words[place], ()):
                end = place + len(name)
                if tuple(words[place:end]) == name and may_be(place, end, value):
                    yield place, end, value
                    place = end
                    break
            else:
                place += 1


def readable(texts: Iterable[str]) -> str:
    """The first text with at least two letters in a row that names something, or an empty text."""
    for text in texts:
        if re.search(r"[^\W\d_]{2}", text) and _PUNCTUATION.sub(" ", text).casefold().strip() not in _NAMELESS:
            return text.strip()
    return ""
