"""Find known names in uncoded text, whole words only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"[a-z0-9µ%]+")
_ASIDE = re.compile(r"\(\s*for patients[^)]*\)?|\bwithout\s+[\w-]+|['\u2019]s\b", re.I)
_DENIED_BEFORE = re.compile(
    r"\b(no (evidence|history|sign|signs|known|current)|not|no|without|negative|denies|denied|rule[sd]? out|r/o|exclude[sd]?|absence of|"
    r"family history|fhx?|fh of|screening|screen|at risk|risk of|suspected contact|vaccin\w*)\W", re.I)
_DENIED_AFTER = re.compile(r"\b(ruled out|excluded|not (found|present|confirmed)|negative|denied|screening|screen|resolved|refuted|risk)\b", re.I)
_HISTORY = re.compile(r"\b(history of|h/o|hx of|past medical history|previous|prior|status post|s/p|past)\W", re.I)
_PART = re.compile(r"[,;]|\.\s|\bbut\b|\band\b", re.I)
_MODIFIED = re.compile(r"\b(without|not on|not using|with)\b", re.I)
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
    return tuple(_TOKEN.findall(name.casefold()))


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
        tokens = _TOKEN.findall(_ASIDE.sub(" ", unaccented(text)).casefold())
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


@dataclass(frozen=True, slots=True)
class Affirmed:
    """A part of a text that does not deny what it names, and all of it; `history` where it speaks of something past."""

    text: str
    history: bool
    whole: str


def affirmed(text: str) -> list[Affirmed]:
    """The parts of a problem's text that count: what is denied, ruled out, screened for, or runs in the family does not.

    A part reaches to the next comma, `and` or `but`; what follows `without` or `with` only qualifies what stands before it.
    """
    found = []
    for part in _PART.split(text):
        if not part.strip():
            continue
        head = _MODIFIED.split(part, 1)[0] if _MODIFIED.split(part, 1)[0].strip() else part
        if not (_DENIED_BEFORE.search(head + " ") or _DENIED_AFTER.search(part)):
            found.append(Affirmed(head, _HISTORY.search(head + " ") is not None, part))
    return found


def readable(texts: Iterable[str]) -> str:
    """The first text with at least two letters in a row, or an empty text."""
    for text in texts:
        if re.search(r"[^\W\d_]{2}", text):
            return text.strip()
    return ""
