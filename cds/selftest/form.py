"""The form of a CDS Hooks 2.0.1 response, of whichever service: every deviation with its JSON path and the part it is about.

It knows nothing of rules or patients.  Specification: "CDS Service response" with card, source, suggestion, action, link, extensions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

INDICATORS = ("info", "warning", "critical")
MOST_SUMMARY = 139
REFERENCE = r"[A-Z][A-Za-z]+/[A-Za-z0-9\-._~]{1,256}"

_EXTENSION = {"extension": False}
RESPONSE = {"cards": True, "systemActions": False} | _EXTENSION
CARD = {"summary": False, "indicator": False, "source": False, "uuid": False, "detail": False, "suggestions": False,
        "selectionBehavior": False, "overrideReasons": False, "links": False} | _EXTENSION
SOURCE = {"label": True, "url": False, "icon": False, "topic": False} | _EXTENSION
CODING = {"code": True, "system": True, "display": False} | _EXTENSION
SUGGESTION = {"label": True, "uuid": False, "isRecommended": False, "actions": False} | _EXTENSION
ACTION = {"type": True, "description": False, "resource": False, "resourceId": False} | _EXTENSION
LINK = {"label": True, "url": True, "type": True, "appContext": False, "autolaunchable": False} | _EXTENSION


@dataclass(frozen=True, slots=True)
class Deviation:
    """One place of a response that is not as it should be; `about` names the part: summary, source, actions, …"""

    about: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def deviations(response: Any) -> Iterator[Deviation]:
    """Every deviation of a response from the specification."""
    if not isinstance(response, dict):
        yield Deviation("response", "$", "not an object")
        return
    yield from members(response, "$", RESPONSE, "response")
    if not isinstance(response.get("cards", []), list):
        yield Deviation("response", "$.cards", "not an array")
    yield from _empty(response, "$")
    yield from _extensions(response, "$")
    seen: set[str] = set()
    for place, card in each(response, "cards", "$"):
        yield from _card(card, place, seen)
    for place, action in each(response, "systemActions", "$"):
        yield from _action(action, place, "systemActions")


def _card(card: dict[str, Any], place: str, seen: set[str]) -> Iterator[Deviation]:
    yield from members(card, place, CARD, "members")  # a missing summary, indicator or source is told below
    yield from text(card, "summary", place, "summary", MOST_SUMMARY)
    if card.get("indicator") not in INDICATORS:
        yield Deviation("indicator", f"{place}.indicator", f"`{card.get('indicator')}` is none of {', '.join(INDICATORS)}")
    if not isinstance(card.get("detail", ""), str):
        yield Deviation("detail", f"{place}.detail", "not a text")
    yield from _identifier(card, place, seen)
    yield from _source(card.get("source"), f"{place}.source")
    yield from _suggestions(card, place, seen)
    for where, reason in each(card, "overrideReasons", place):
        yield from members(reason, where, CODING | {"display": True}, "overrideReasons")
        for key in ("code", "system", "display"):
            yield from text(reason, key, where, "overrideReasons", lines=True)
    for where, link in each(card, "links", place):
        yield from _link(link, where)


def _source(source: Any, place: str) -> Iterator[Deviation]:
    yield from members(source, place, SOURCE, "source")
    if not isinstance(source, dict):
        return
    yield from text(source, "label", place, "source", lines=True)
    for key in ("url", "icon"):
        if key in source and not absolute(source[key]):
            yield Deviation("source", f"{place}.{key}", "not an absolute address")
    if "topic" in source:
        yield from members(source["topic"], f"{place}.topic", CODING, "source")
        if isinstance(source["topic"], dict):
            for key in ("code", "system"):
                yield from text(source["topic"], key, f"{place}.topic", "source", lines=True)


def _suggestions(card: dict[str, Any], place: str, seen: set[str]) -> Iterator[Deviation]:
    behaviour = card.get("selectionBehavior")
    if "suggestions" in card and "selectionBehavior" not in card:
        yield Deviation("selectionBehavior", place, "suggestions without selectionBehavior")
    if "selectionBehavior" in card and behaviour not in ("any", "at-most-one"):
        yield Deviation("selectionBehavior", f"{place}.selectionBehavior", f"`{behaviour}` is neither any nor at-most-one")
    recommended = 0
    for where, suggestion in each(card, "suggestions", place):
        yield from members(suggestion, where, SUGGESTION, "suggestions")
        yield from _identifier(suggestion, where, seen)
        yield from text(suggestion, "label", where, "suggestions", lines=True)
        if not isinstance(suggestion.get("isRecommended", False), bool):
            yield Deviation("suggestions", f"{where}.isRecommended", "not true or false")
        recommended += suggestion.get("isRecommended") is True
        for inner, action in each(suggestion, "actions", where):
            yield from text(action, "description", inner, "actions", lines=True)
            yield from _action(action, inner, "actions")
    if recommended > 1 and behaviour == "at-most-one":
        yield Deviation("suggestions", f"{place}.suggestions", f"{recommended} are recommended where at most one may be chosen")


def _action(action: dict[str, Any], place: str, about: str) -> Iterator[Deviation]:
    yield from members(action, place, ACTION, about)
    kind, resource = action.get("type"), action.get("resource")
    if kind not in ("create", "update", "delete"):
        yield Deviation(about, f"{place}.type", f"`{kind}` is not create, update or delete")
    if kind in ("create", "update") and not (isinstance(resource, dict) and isinstance(resource.get("resourceType"), str)):
        yield Deviation(about, f"{place}.resource", f"a {kind} needs a FHIR resource as an object")
    elif kind == "update" and not resource.get("id"):
        yield Deviation(about, f"{place}.resource.id", "missing; an update names what it updates")
    if kind == "delete" and not re.fullmatch(REFERENCE, str(action.get("resourceId"))):
        yield Deviation(about, f"{place}.resourceId", "not `Type/id`")


def _link(link: dict[str, Any], place: str) -> Iterator[Deviation]:
    yield from members(link, place, LINK, "links")
    yield from text(link, "label", place, "links", lines=True)
    if not absolute(link.get("url")):
        yield Deviation("links", f"{place}.url", "not an absolute address")
    if link.get("type") not in ("absolute", "smart"):
        yield Deviation("links", f"{place}.type", f"`{link.get('type')}` is neither absolute nor smart")
    elif link["type"] == "absolute" and "appContext" in link:
        yield Deviation("links", f"{place}.appContext", "stands only with links of the type smart")
    if not isinstance(link.get("autolaunchable", False), bool):
        yield Deviation("links", f"{place}.autolaunchable", "not true or false")


def absolute(address: Any) -> bool:
    """Whether a value is an address of the web with its host."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def members(value: Any, place: str, allowed: dict[str, bool], about: str) -> Iterator[Deviation]:
    """Members that do not belong to a place and, where `allowed` says True, members that are missing."""
    if not isinstance(value, dict):
        yield Deviation(about, place, "not an object")
        return
    yield from (Deviation(about, f"{place}.{key}", "not a member of this place") for key in value if key not in allowed)
    yield from (Deviation(about, f"{place}.{key}", "missing") for key, needed in allowed.items() if needed and key not in value)


def each(holder: Any, key: str, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list with their places; what is no object counts as an empty one, so that its members are missed."""
    found = holder.get(key, []) if isinstance(holder, dict) else []
    for number, member in enumerate(found if isinstance(found, list) else [found]):
        yield f"{place}.{key}[{number}]", member if isinstance(member, dict) else {}


def text(holder: dict[str, Any], key: str, place: str, about: str, most: int | None = None, lines: bool = False) -> Iterator[Deviation]:
    """What is wrong with a member that must be a text: of at most so many characters, on one line unless `lines`."""
    value = holder.get(key)
    if not isinstance(value, str) or not value.strip():
        yield Deviation(about, f"{place}.{key}", "not a text")
    elif most is not None and len(value) > most:
        yield Deviation(about, f"{place}.{key}", f"{len(value)} characters, at most {most}")
    elif "\n" in value and not lines:
        yield Deviation(about, f"{place}.{key}", "more than one line")


def _identifier(holder: dict[str, Any], place: str, seen: set[str]) -> Iterator[Deviation]:
    value = holder.get("uuid")
    if value is None:
        return
    if not isinstance(value, str) or not value.strip():
        yield Deviation("uuid", f"{place}.uuid", "not a text")
    elif value in seen:
        yield Deviation("uuid", f"{place}.uuid", "stands twice in one response")
    seen.add(str(value))


def _empty(value: Any, place: str) -> Iterator[Deviation]:
    """Null and empty members; only `cards` itself may be an empty list, and FHIR resources have rules of their own."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        where = f"{place}[{key}]" if isinstance(value, list) else f"{place}.{key}"
        if member is None or (member in ("", [], {}) and where != "$.cards"):
            yield Deviation("empty", where, "null or empty")
        if key != "resource":
            yield from _empty(member, where)


def _extensions(value: Any, place: str) -> Iterator[Deviation]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        where = f"{place}[{key}]" if isinstance(value, list) else f"{place}.{key}"
        if key == "extension" and not isinstance(member, dict):
            yield Deviation("extension", where, "not an object")
        elif key not in ("extension", "resource"):
            yield from _extensions(member, where)
