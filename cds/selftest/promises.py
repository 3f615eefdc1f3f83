"""What this service promises of its responses beyond the specification, and the extension of its cards.

Every card and suggestion has a UUID, every card a topic and the extension, every suggestion exactly one action, every text one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cds.selftest.form import INDICATORS, REFERENCE, Deviation, deviations, each, members, text

FINDINGS, RULEBOOK = "org.ketamine-cds.findings", "org.ketamine-cds.rulebook"
MOST_TOPIC = 100

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FINDING = {"rule": True, "version": True, "answer": True, "indicator": True, "order": False, "orders": False,
            "because": False, "missing": False, "soft": False, "disputed": False}
_BECAUSE = {"resource": True, "text": True, "matched": False}
_ABOUT = "promises"


def problems(response: Any) -> list[str]:
    """Every deviation of a response from the specification and from what this service promises."""
    return [str(one) for one in (*deviations(response), *broken(response))]


def broken(response: Any) -> Iterator[Deviation]:
    """Only what this service promises and the specification does not ask for."""
    if isinstance(response, dict) and "extension" in response:
        yield Deviation(_ABOUT, "$.extension", "not a member of this place")
    for place, card in each(response, "cards", "$"):
        yield from _identified(card, place)
        yield from _source(card.get("source"), f"{place}.source")
        yield from _suggestions(card, place)
        for where, reason in each(card, "overrideReasons", place):
            yield from _one_line(reason, ("code", "system", "display"), where)
        yield from _extension(card.get("extension"), f"{place}.extension")


def _identified(holder: dict[str, Any], place: str) -> Iterator[Deviation]:
    if not re.fullmatch(_UUID, str(holder.get("uuid"))):
        yield Deviation(_ABOUT, f"{place}.uuid", "not a UUID")


def _one_line(holder: dict[str, Any], keys: tuple[str, ...], place: str) -> Iterator[Deviation]:
    for key in keys:
        yield from text(holder, key, place, _ABOUT)
    if "extension" in holder:
        yield Deviation(_ABOUT, f"{place}.extension", "not a member of this place")


def _source(source: Any, place: str) -> Iterator[Deviation]:
    if not isinstance(source, dict):
        return
    yield from _one_line(source, ("label",), place)
    if "url" in source and not str(source["url"]).startswith("https://"):
        yield Deviation(_ABOUT, f"{place}.url", "not an https address")
    topic = source.get("topic")
    if not isinstance(topic, dict) or not re.fullmatch(rf"[A-Za-z0-9]{{1,{MOST_TOPIC}}}", str(topic.get("code"))):
        yield Deviation(_ABOUT, f"{place}.topic.code", f"not 1 to {MOST_TOPIC} letters and digits")


def _suggestions(card: dict[str, Any], place: str) -> Iterator[Deviation]:
    if ("suggestions" in card) != ("selectionBehavior" in card):
        yield Deviation(_ABOUT, place, "selectionBehavior stands with suggestions and only with them")
    for where, suggestion in each(card, "suggestions", place):
        yield from _identified(suggestion, where)
        yield from _one_line(suggestion, ("label",), where)
        actions = list(each(suggestion, "actions", where))
        if len(actions) != 1:
            yield Deviation(_ABOUT, f"{where}.actions", f"{len(actions)} instead of one")
        for inner, action in actions:
            yield from _one_line(action, ("description",), inner)
            kind = action.get("type")
            if (kind == "delete") != ("resourceId" in action) or (kind == "delete") == ("resource" in action):
                yield Deviation(_ABOUT, inner, "a delete has a resourceId and no resource, the others a resource and no resourceId")
            if "resourceId" in action and not re.fullmatch(REFERENCE, str(action["resourceId"])):
                yield Deviation(_ABOUT, f"{inner}.resourceId", "not `Type/id`")


def _extension(extension: Any, place: str) -> Iterator[Deviation]:
    yield from members(extension, place, {FINDINGS: False, RULEBOOK: True}, _ABOUT)
    if not isinstance(extension, dict):
        return
    book = extension.get(RULEBOOK)
    whole = isinstance(book, dict) and book.keys() == {"version", "hash"}
    if not whole or not re.fullmatch(r"sha256:[0-9a-f]{64}", str(book["hash"])):
        yield Deviation(_ABOUT, f"{place}.{RULEBOOK}", "not a version and a hash")
    for where, finding in each(extension, FINDINGS, place):
        yield from _finding(finding, where)


def _finding(finding: dict[str, Any], place: str) -> Iterator[Deviation]:
    yield from members(finding, place, _FINDING, _ABOUT)
    if finding.get("answer") not in ("met", "not met", "unknown"):
        yield Deviation(_ABOUT, f"{place}.answer", f"`{finding.get('answer')}` is not an answer that is shown")
    if finding.get("indicator") not in INDICATORS:
        yield Deviation(_ABOUT, f"{place}.indicator", "not an indicator")
    if not re.fullmatch(r"\d+\.\d+\.\d+", str(finding.get("version"))):
        yield Deviation(_ABOUT, f"{place}.version", "not a version")
    for key in ("soft", "disputed"):
        if finding.get(key, True) is not True:
            yield Deviation(_ABOUT, f"{place}.{key}", "stands only where it is true")
    for key in ("missing", "orders"):
        if not all(isinstance(one, str) for one in finding.get(key, [])):
            yield Deviation(_ABOUT, f"{place}.{key}", "holds something that is not text")
    for where, record in each(finding, "because", place):
        yield from members(record, where, _BECAUSE, _ABOUT)
        if record.get("matched", "code") not in ("code", "expanded", "text"):
            yield Deviation(_ABOUT, f"{where}.matched", f"`{record['matched']}` is none of code, expanded, text")
