"""Which names in the text of a problem count: a denial reaches only what stands right beside it.

A name is taken back where a word of denial stands before it, in the same part of the text and with nothing but linking words
between, or follows it directly.  Whatever else is said ("not controlled", "cannot rule out", "high risk pregnancy") leaves it standing:
a name too many shows one step milder, a name too few shows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cds.terms.words import Words, unaccented

_WORD = re.compile(r"[a-z0-9µ%]+")
_POSSESSIVE, _NOT = re.compile(r"['\u2019]s\b", re.I), re.compile(r"n['\u2019]t\b", re.I)
_WITH = re.compile(r"\bw/o\b|\bw/(?=\s|[a-z])", re.I)
_SLASH = re.compile(r"(?<=[a-z]{2})/(?=[a-z]{2})", re.I)
_END, _COMMA = re.compile(r"[;\n!?]|\.(\s|$)"), re.compile(r",")


def _phrases(*texts: str) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted((tuple(text.split()) for text in texts), key=len, reverse=True))


_BARE = _phrases("no", "not", "non", "never", "without")
_FIRM = _phrases("no evidence of", "no history of", "no sign of", "no signs of", "no symptoms of", "no known", "without evidence of", "absence of",
                 "negative for", "screening for", "screen for", "risk of", "risk for", "contact with", "vaccination against", "vaccination for",
                 "denies", "denied", "deny", "denying", "rule out", "ruled out", "rules out", "ruling out", "r o",
                 "exclude", "excludes", "excluded", "excluding")
_FAMILY = _phrases("family history of", "family history for", "family history", "family hx of", "family hx", "family h o", "family", "fhx of", "fhx", "fh of", "fh")
_BEFORE = tuple(sorted((*_BARE, *_FIRM, *_FAMILY, ("negative",)), key=len, reverse=True))
_AFTER_COMMA = _phrases("ruled out", "refuted", "not found", "not present", "not confirmed", "not seen", "not detected", "excluded")
_AFTER = (*_AFTER_COMMA, *_phrases("screening", "screen", "vaccination", "family history"))
_AFTER_LAST = _phrases("negative", "denied", "risk")
_PAST = _phrases("history of", "h o", "hx of", "past medical history of", "past medical history", "pmh of", "pmh", "status post", "s p")
_EARLIER = frozenset(("previous", "prior", "past"))
_LINKS = frozenset("""a an the any of evidence sign signs symptom symptoms history hx known documented recorded reported suggestion indication personal
 prior past previous current currently active acute definite clinical obvious has have had having to be is being
 thoracic abdominal aortic cerebral intracranial brain cardiac coronary carotid left right""".split())
_NOW = frozenset("current currently now presently still today".split())
_STOPS = frozenset("""but however although though except with in during affecting complicating complicated due from secondary despite while
 presenting presents patient""".split())
_NO_DENIAL = frozenset("""ruptured rupture change changes growth growing expanding enlarging increase increased progression worsening worse
 improvement deterioration uncontrolled controlled complication complications complicated treatment therapy longer only""".split())
_OF_THE_NAME = frozenset("""rupture growth expansion enlargement progression bleed bleeding leak recurrence relapse relapses exacerbation exacerbations
 decompensation complication complications change changes control treatment therapy medication medications surgery repair""".split())
"""After a name these are what is denied, not the name: no aneurysm rupture, no COPD exacerbation."""
_UNDECIDED = frozenset("not cannot unable never impossible difficult failed no without".split())
_FILLING = frozenset("was is are were has have been be now already since".split())
_REACH = 7


@dataclass(frozen=True, slots=True)
class Affirmed:
    """The value of a name that counts, and whether the text puts it in the past."""

    value: str
    past: bool


@dataclass(frozen=True, slots=True)
class _Text:
    """The words of a text; `breaks` has one mark before each word and one at the end: nothing, a comma, or the end of a part."""

    words: tuple[str, ...]
    breaks: tuple[str, ...]

    def stands(self, phrase: tuple[str, ...], start: int) -> bool:
        end = start + len(phrase)
        return start >= 0 and self.words[start:end] == phrase and not any(self.breaks[start + 1:end])

    def last(self, end: int) -> bool:
        return bool(self.breaks[end]) or end == len(self.words) or self.words[end] in ("and", "but")


def affirmed(text: str, names: Words) -> Iterator[Affirmed]:
    """Every name that counts, in order; a look-alike (a name of empty value) never does."""
    read = _read(text)
    denied_until = -1
    for start, end, value in names.places(read.words, lambda first, after, value: not any(
            mark == "." or (mark and not value) for mark in read.breaks[first + 1:after])):
        core = start + 2 if read.words[start:start + 2] == ("history", "of") else start
        joined = denied_until >= 0 and _joined(read, denied_until, core)
        if joined or _denied_before(read, core, end):
            denied_until = end
        elif _denied_after(read, end):
            denied_until = -1
        else:
            denied_until = -1
            if value:
                yield Affirmed(value, core > start or _past(read, core, end))


def _read(text: str) -> _Text:
    spelled = _WITH.sub(lambda found: "without " if found.group().endswith(("o", "O")) else "with ", unaccented(text))
    plain = _POSSESSIVE.sub(" ", _NOT.sub(" not", _SLASH.sub(" or ", spelled))).casefold()
    words, breaks, place = [], [], 0
    for found in _WORD.finditer(plain):
        breaks.append(_mark(plain[place:found.start()]))
        words.append(found.group())
        place = found.end()
    return _Text(tuple(words), ("", *breaks[1:], "."))


def _mark(between: str) -> str:
    return "." if _END.search(between) else "," if _COMMA.search(between) else ""


def _joined(text: _Text, start: int, end: int) -> bool:
    """Whether only `or` or `nor` stands between a denied name and the next."""
    between = text.words[start:end]
    return bool(between) and between[0] in ("or", "nor") and not any(text.breaks[start:end + 1]) and _LINKS.issuperset(between[1:])


def _denied_before(text: _Text, core: int, end: int) -> bool:
    something_of_it = end < len(text.words) and not text.breaks[end] and text.words[end] in _OF_THE_NAME
    for place in range(core - 1, max(-1, core - 1 - _REACH), -1):
        if text.breaks[place + 1]:
            return False
        for phrase in _BEFORE:
            first = place - len(phrase) + 1
            if text.stands(phrase, first):
                return (_reaches(phrase, text.words[place + 1:core]) and not _undecided(text, phrase, first)
                        and (phrase in _FAMILY or not something_of_it))
        if text.words[place] in _STOPS:
            return False
    return False


def _reaches(phrase: tuple[str, ...], gap: Sequence[str]) -> bool:
    """Whether a denial reaches over the words between it and the name."""
    said = [word for word in gap if word not in _LINKS - _NOW]
    if _NO_DENIAL.intersection(gap) or _NOW.intersection(said[1:]):
        return False
    strange = [word for word in said if word not in _NOW]
    if phrase == ("negative",) or phrase == ("non",):
        return not gap
    if phrase in _FAMILY:
        return len(strange) <= 3 if phrase[-1] in ("of", "for") or "and" in gap else not strange
    if "and" in strange:
        return False
    if "or" in gap or "nor" in gap:
        return len(strange) <= 4
    return len(strange) <= (1 if phrase in _FIRM else 0)


def _undecided(text: _Text, phrase: tuple[str, ...], first: int) -> bool:
    """Whether a verb of denial is itself denied: cannot rule out, does not exclude, does not deny."""
    verb = phrase[0][:4] in ("rule", "ruli", "excl", "deni", "deny") or phrase == ("r", "o")
    for place in range(first - 1, max(-1, first - 5), -1):
        if not verb or text.breaks[place + 1]:
            return False
        if text.words[place] in _UNDECIDED:
            return True
    return False


def _denied_after(text: _Text, end: int) -> bool:
    place, comma = _following(text, end)
    if any(text.stands(phrase, place) for phrase in (_AFTER_COMMA if comma else _AFTER)):
        return True
    return not comma and any(text.stands(phrase, place) and text.last(place + len(phrase)) for phrase in _AFTER_LAST)


def _following(text: _Text, end: int) -> tuple[int, bool]:
    """The next word after a name that says something, and whether a comma stands before it."""
    place, comma = end, False
    while place < len(text.words) and text.breaks[place] != ".":
        comma = comma or bool(text.breaks[place])
        if text.words[place] not in _FILLING:
            return place, comma
        place += 1
    return len(text.words), comma


def _past(text: _Text, core: int, end: int) -> bool:
    place, _ = _following(text, end)
    if text.stands(("resolved",), place) or any(text.stands((word,), place) and text.last(place + 1) for word in ("history", "hx")):
        return True
    for place in range(core - 1, max(-1, core - 1 - _REACH), -1):
        gap = text.words[place + 1:core]
        if text.breaks[place + 1] or (text.words[place] in _STOPS | {"and"}) or _NOW.intersection(gap[1:]):
            return False
        if text.words[place] in _EARLIER:
            return len(gap) <= 2
        if any(text.stands(phrase, place - len(phrase) + 1) for phrase in _PAST):
            return True
    return False
