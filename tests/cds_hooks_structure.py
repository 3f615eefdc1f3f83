"""A strict check of the form of a CDS Hooks 2.0.1 response, with the card extension this service promises.

`problems(response)` names every deviation with its JSON path; an empty list means that the form is right.  It knows
nothing of rules or patients.  Stricter than the specification where the service promises more: every card and
suggestion has a uuid, every card a topic, every suggestion exactly one action, and nothing is null or empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

INDICATORS = ("info", "warning", "critical")
MOST_SUMMARY = 139
MOST_TOPIC = 100
_REFERENCE = r"[A-Z][A-Za-z]+/[A-Za-z0-9\-._~]{1,256}"
FINDINGS, RULEBOOK = "org.ketamine-cds.findings", "org.ketamine-cds.rulebook"

_CARD = {"uuid": True, "summary": True, "indicator": True, "detail": False, "source": True, "suggestions": False,
         "selectionBehavior": False, "overrideReasons": False, "links": False, "extension": True}
_SOURCE = {"label": True, "url": False, "icon": False, "topic": True}
_TOPIC = {"code": True, "system": True, "display": False}
_REASON = {"code": True, "system": True, "display": True}
_SUGGESTION = {"label": True, "uuid": True, "isRecommended": False, "actions": True}
_ACTION = {"type": True, "description": True, "resource": False, "resourceId": False}
_EXTENSION = {FINDINGS: False, RULEBOOK: True}
_FINDING = {"rule": True, "version": True, "answer": True, "indicator": True, "order": False, "orders": False,
            "because": False, "missing": False, "soft": False, "disputed": False}
_LINK = {"label": True, "url": True, "type": True, "appContext": False, "autolaunchable": False}
_BECAUSE = {"resource": True, "text": True, "matched": False}


def problems(response: Any) -> list[str]:
    """Every deviation of a response from its promised form."""
    allowed = {"cards": True, "systemActions": False}
    return [*_members(response, "$", allowed), *_empty(response, "$"), *_cards(response)]


def _cards(response: Any) -> Iterator[str]:
    seen: set[str] = set()
    for place, card in _each(response, "cards", "$"):
        yield from _members(card, place, _CARD)
        yield from _identifier(card, place, seen)
        yield from _text(card, "summary", place, MOST_SUMMARY)
        if card.get("indicator") not in INDICATORS:
            yield f"{place}.indicator: `{card.get('indicator')}` is none of {', '.join(INDICATORS)}"
        yield from _source(card.get("source"), f"{place}.source")
        yield from _suggestions(card, place, seen)
        for where, link in _each(card, "links", place):
            yield from _members(link, where, _LINK)
        for where, reason in _each(card, "overrideReasons", place):
            yield from _members(reason, where, _REASON)
            for key in _REASON:
                yield from _text(reason, key, where)
        yield from _extension(card.get("extension"), f"{place}.extension")


def _source(source: Any, place: str) -> Iterator[str]:
    if not isinstance(source, dict):
        yield f"{place}: not an object"
        return
    yield from _members(source, place, _SOURCE)
    yield from _text(source, "label", place)
    if "url" in source and not str(source["url"]).startswith("https://"):
        yield f"{place}.url: not an https address"
    topic = source.get("topic")
    if isinstance(topic, dict):
        yield from _members(topic, f"{place}.topic", _TOPIC)
        if not re.fullmatch(rf"[A-Za-z0-9]{{1,{MOST_TOPIC}}}", str(topic.get("code"))):
            yield f"{place}.topic.code: not 1 to {MOST_TOPIC} letters and digits"


def _suggestions(card: dict[str, Any], place: str, seen: set[str]) -> Iterator[str]:
    if ("suggestions" in card) != ("selectionBehavior" in card):
        yield f"{place}: selectionBehavior stands with suggestions and only with them"
    if card.get("selectionBehavior", "any") not in ("any", "at-most-one"):
        yield f"{place}.selectionBehavior: `{card['selectionBehavior']}` is not a value of the specification"
    for where, suggestion in _each(card, "suggestions", place):
        yield from _members(suggestion, where, _SUGGESTION)
        yield from _identifier(suggestion, where, seen)
        yield from _text(suggestion, "label", where)
        actions = list(_each(suggestion, "actions", where))
        if len(actions) != 1:
            yield f"{where}.actions: {len(actions)} instead of one"
        for inner, action in actions:
            yield from _action(action, inner)


def _action(action: dict[str, Any], place: str) -> Iterator[str]:
    yield from _members(action, place, _ACTION)
    yield from _text(action, "description", place)
    kind = action.get("type")
    if kind not in ("create", "update", "delete"):
        yield f"{place}.type: `{kind}` is not create, update or delete"
    if (kind == "delete") != ("resourceId" in action) or (kind == "delete") == ("resource" in action):
        yield f"{place}: a delete has a resourceId and no resource, the others a resource and no resourceId"
    if "resourceId" in action and not re.fullmatch(_REFERENCE, str(action["resourceId"])):
        yield f"{place}.resourceId: not `Type/id`"


def _extension(extension: Any, place: str) -> Iterator[str]:
    if not isinstance(extension, dict):
        yield f"{place}: not an object"
        return
    yield from _members(extension, place, _EXTENSION)
    book = extension.get(RULEBOOK)
    whole = isinstance(book, dict) and book.keys() == {"version", "hash"}
    if not whole or not re.fullmatch(r"sha256:[0-9a-f]{64}", str(book["hash"])):
        yield f"{place}.{RULEBOOK}: not a version and a hash"
    for where, finding in _each(extension, FINDINGS, place):
        yield from _finding(finding, where)


def _finding(finding: dict[str, Any], place: str) -> Iterator[str]:
    yield from _members(finding, place, _FINDING)
    if finding.get("answer") not in ("met", "not met", "unknown"):
        yield f"{place}.answer: `{finding.get('answer')}` is not an answer that is shown"
    if finding.get("indicator") not in INDICATORS:
        yield f"{place}.indicator: not an indicator"
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(finding.get("version"))):
        yield f"{place}.version: not a version"
    for key in ("soft", "disputed"):
        if finding.get(key, True) is not True:
            yield f"{place}.{key}: stands only where it is true"
    for key in ("missing", "orders"):
        if not all(isinstance(one, str) for one in finding.get(key, [])):
            yield f"{place}.{key}: holds something that is not text"
    for where, record in _each(finding, "because", place):
        yield from _members(record, where, _BECAUSE)
        if record.get("matched", "code") not in ("code", "expanded", "text"):
            yield f"{where}.matched: `{record['matched']}` is none of code, expanded, text"


def _members(value: Any, place: str, allowed: dict[str, bool]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: not an object"
        return
    yield from (f"{place}.{key}: not a member of this place" for key in value if key not in allowed)
    yield from (f"{place}.{key}: missing" for key, needed in allowed.items() if needed and key not in value)


def _each(holder: Any, key: str, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    members = holder.get(key, []) if isinstance(holder, dict) else []
    for number, member in enumerate(members if isinstance(members, list) else [members]):
        yield f"{place}.{key}[{number}]", member if isinstance(member, dict) else {}


def _text(holder: dict[str, Any], key: str, place: str, most: int | None = None) -> Iterator[str]:
    value = holder.get(key)
    if not isinstance(value, str) or not value.strip():
        yield f"{place}.{key}: not a text"
    elif most is not None and len(value) > most:
        yield f"{place}.{key}: {len(value)} characters, at most {most}"
    elif "\n" in value:
        yield f"{place}.{key}: more than one line"


def _identifier(holder: dict[str, Any], place: str, seen: set[str]) -> Iterator[str]:
    value = holder.get("uuid")
    try:
        fresh = str(UUID(str(value))) == value and value not in seen
    except ValueError:
        fresh = False
    if not fresh:
        yield f"{place}.uuid: not a UUID of its own"
    seen.add(str(value))


def _empty(value: Any, place: str) -> Iterator[str]:
    """Null and empty members; only `cards` itself may be an empty list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        where = f"{place}.{key}"
        if member is None or (member in ("", [], {}) and where != "$.cards"):
            yield f"{where}: null or empty"
        yield from _empty(member, where)
