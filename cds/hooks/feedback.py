"""What clinicians did with cards: the body of a feedback call, checked and frozen.

CDS Hooks 2.0.1, "Feedback"; Epic's form of it says `overrideReasons` and names reasons of its own in an extension.
Null, "" and {} count as absent; unknown members are ignored; one entry that cannot be used refuses the whole body.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson

from cds.hooks.request import RequestRefused, kind
from cds.intervals import moment

OUTCOMES = ("accepted", "overridden")
MOST_ENTRIES = 1000
MAX_ID, MAX_WORDS, MAX_COMMENT = 256, 1000, 4000
AHEAD = timedelta(days=1)
"""How far a client's clock may be ahead; more is a wrong timestamp."""

_EPIC = "com.epic.cdshooks.feedback.overrideReason."
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UUID = re.compile(r"(urn:uuid:)?([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
_FRACTION = re.compile(r"\.(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a card was overridden: the Coding offered on the card, or the EHR's own category, title and display."""

    code: str | None = None
    system: str | None = None
    display: str | None = None
    category: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was done with one card, when (UTC), and why; `comment` is free text and may speak of a patient."""

    service: str
    card: str
    outcome: str
    at: datetime
    suggestions: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    comment: str | None = None

    def key(self) -> str:
        """The same for the same feedback, however often it is sent: 64 hexadecimal digits."""
        told = [self.service, self.card, self.outcome, self.at.isoformat(), sorted(self.suggestions), [astuple(one) for one in self.reasons],
                self.comment]
        return hashlib.sha256(orjson.dumps(told)).hexdigest()


def feedback(document: Mapping[str, Any], service: str, now: datetime) -> tuple[Feedback, ...]:
    """The entries of a feedback body sent for one service; RequestRefused names the first that cannot be used."""
    entries = document.get("feedback")
    if entries is None:
        raise RequestRefused("$.feedback", 'the member is missing; send {"feedback": [{"card": …, "outcome": …, "outcomeTimestamp": …}]}', "required")
    if not isinstance(entries, list):
        raise RequestRefused("$.feedback", f"it is a JSON {kind(entries)}; send an array, also for a single card")
    if len(entries) > MOST_ENTRIES:
        raise RequestRefused("$.feedback", f"it has {len(entries)} entries; send at most {MOST_ENTRIES} in one call", "too-long", 413)
    return tuple(_entry(entry, f"$.feedback[{place}]", service, now) for place, entry in enumerate(entries))


def _entry(entry: Any, where: str, service: str, now: datetime) -> Feedback:
    if not isinstance(entry, dict):
        raise RequestRefused(where, f"it is a JSON {kind(entry)}; send an object")
    card = _required(entry, "card", where, "the uuid of the card")
    outcome = _required(entry, "outcome", where, " or ".join(OUTCOMES))
    if outcome not in OUTCOMES:
        raise RequestRefused(f"{where}.outcome", f"`{outcome[:60]}` is not an outcome; send {' or '.join(OUTCOMES)}", "code-invalid")
    at = _timestamp(entry, f"{where}.outcomeTimestamp", _required(entry, "outcomeTimestamp", where, "when the user acted, in UTC"), now)
    suggestions = _suggestions(entry, where)
    if outcome == "accepted" and not suggestions:
        raise RequestRefused(f"{where}.acceptedSuggestions", "`accepted` needs the id of each accepted suggestion", "required")
    reasons, comments = _overridden(entry, where)
    return Feedback(service, _identity(card), outcome, at, suggestions, reasons, _comment(comments))


def _identity(text: str) -> str:
    """An id as cards carry it: a UUID is also recognised in capitals and as a URN."""
    found = _UUID.fullmatch(text)
    return found[2].lower() if found else text


def _timestamp(entry: Mapping[str, Any], where: str, text: str, now: datetime) -> datetime:
    found = moment(text, timezone.utc)
    if found is None or found.whole_days:
        raise RequestRefused(where, f"`{text[:60]}` is not an instant; send for example 2026-11-23T09:30:00Z")
    fraction = _FRACTION.search(text)
    at = found.earliest.astimezone(timezone.utc).replace(microsecond=int(fraction[1].ljust(6, "0")) if fraction else 0)
    if at > now + AHEAD:
        raise RequestRefused(where, f"`{text[:60]}` lies in the future (it is {now:%Y-%m-%dT%H:%M:%SZ}); correct the client's clock")
    return at


def _suggestions(entry: Mapping[str, Any], where: str) -> tuple[str, ...]:
    chosen, where = entry.get("acceptedSuggestions"), f"{where}.acceptedSuggestions"
    if not chosen and not isinstance(chosen, (bool, int, float)):
        return ()
    if not isinstance(chosen, list):
        raise RequestRefused(where, f'it is a JSON {kind(chosen)}; send an array such as [{{"id": "…"}}]')
    found = []
    for place, one in enumerate(chosen):
        if not isinstance(one, dict):
            raise RequestRefused(f"{where}[{place}]", f'it is a JSON {kind(one)}; send an object such as {{"id": "…"}}')
        found.append(_identity(_required(one, "id", f"{where}[{place}]", "the uuid of the suggestion")))
    return tuple(dict.fromkeys(found))


def _overridden(entry: Mapping[str, Any], where: str) -> tuple[tuple[Reason, ...], list[str]]:
    """The reasons and comments under `overrideReason` (CDS Hooks) and `overrideReasons` (Epic), one object or several."""
    reasons: dict[Reason, None] = {}
    comments: dict[str, None] = {}
    for key in ("overrideReason", "overrideReasons"):
        told = entry.get(key)
        several = told if isinstance(told, list) else [told]
        for place, one in enumerate(several):
            here = f"{where}.{key}[{place}]" if isinstance(told, list) else f"{where}.{key}"
            if one is None or one == "":
                continue
            if not isinstance(one, dict):
                raise RequestRefused(here, f"it is a JSON {kind(one)}; send an object with reason or userComment")
            reason = _reason(one, here)
            if reason != Reason():
                reasons[reason] = None
            comment = one.get("userComment")
            if comment is not None and not isinstance(comment, str):
                raise RequestRefused(f"{here}.userComment", f"it is a JSON {kind(comment)}; send text")
            if comment and comment.strip():
                comments[_without_null(comment, f"{here}.userComment")] = None
    return tuple(reasons), list(comments)


def _reason(told: Mapping[str, Any], where: str) -> Reason:
    coding, extension = (_object(told, key, where) for key in ("reason", "extension"))
    words = {key: _words(coding, key, f"{where}.reason") for key in ("code", "system", "display")}
    own = {key: _words(extension, f"{_EPIC}reason{key}", f"{where}.extension") for key in ("Category", "Title", "Display")}
    return Reason(words["code"], words["system"], words["display"] or own["Display"], own["Category"], own["Title"])


def _object(holder: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = holder.get(key)
    if value is not None and not isinstance(value, dict):
        raise RequestRefused(f"{where}.{key}", f"it is a JSON {kind(value)}; send an object")
    return value or {}


def _required(holder: Mapping[str, Any], key: str, where: str, what: str) -> str:
    found = _words(holder, key, where, MAX_ID)
    if found is None:
        raise RequestRefused(f"{where}.{key}", f"the member is missing or empty; send {what}", "required")
    return found


def _words(holder: Mapping[str, Any], key: str, where: str, most: int = MAX_WORDS) -> str | None:
    value, where = holder.get(key), f"{where}.{key}"
    if value is None:
        return None
    if not isinstance(value, str):
        raise RequestRefused(where, f"it is a JSON {kind(value)}; send text")
    if len(value) > most:
        raise RequestRefused(where, f"it has {len(value)} characters; at most {most} are accepted", "too-long")
    if _CONTROL.search(value):
        raise RequestRefused(where, "it holds a control character; send printable text")
    return value.strip() or None


def _without_null(text: str, where: str) -> str:
    if "\x00" in text:
        raise RequestRefused(where, "it holds a null character; send text without it")
    return text


def _comment(comments: list[str]) -> str | None:
    """What the user wrote; a longer text is cut and says so, because the client could not make it shorter."""
    text = "\n".join(comments)
    return f"{text[:MAX_COMMENT]} … [cut; {len(text)} characters were sent]" if len(text) > MAX_COMMENT else text or None
