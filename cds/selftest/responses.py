"""Checks of what comes back to right requests: the form of responses and cards, and that odd but allowed requests change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median
from typing import Any

from cds.selftest import promises
from cds.selftest.form import each
from cds.selftest.patients import EMPTY, HAZARDS, NONE
from cds.selftest.probes import AGAIN, FHIR_ACCESS, NULL_PREFETCH, NULLS, RIGHT, SHORT, TOKEN, UNKNOWN_MEMBERS
from cds.selftest.seen import SHALL, SHOULD, Check, NotTried, Seen

_USUAL, _MOST = 0.5, 5.0
"""Seconds for half of the answers, and for nine of ten."""
Document = Mapping[str, Any]


def _answered(seen: Seen) -> Iterator[str]:
    for probe, answer in _asked(seen, HAZARDS, EMPTY, NONE):
        if answer.status not in (200, 412):
            yield f"{probe.service}, {probe.name}: {answer} instead of 200 (or 412 where data are missing)"


def _asked(seen: Seen, *names: str) -> list[Any]:
    found = seen.of(*names)
    if not found:
        raise NotTried("discovery lists no service that can be called")
    return found


def _json(seen: Seen) -> Iterator[str]:
    for probe, answer in _asked(seen, *RIGHT):
        if answer.status == 200 and not answer.is_json:
            yield f"{probe.service}: Content-Type is `{answer.headers.get('content-type', '')}`"


def _form(about: str, present: Callable[[Document], Any] | None = None) -> Callable[[Seen], Iterable[str]]:
    """The deviations about one part; not tried where no response, or no card with that part, came."""
    def run(seen: Seen) -> list[str]:
        found = [f"{service}: {one}" for service, one in seen.deviations() if one.about == about]
        if not found and not any(True for _ in seen.responses()):
            raise NotTried("no request was answered with 200")
        if not found and present is not None and not any(present(card) for card in seen.cards()):
            raise NotTried("no card that has it came back about the synthetic patients")
        return found
    return run


def _system_actions(seen: Seen) -> list[str]:
    if not any("systemActions" in document for _, document in seen.responses() if isinstance(document, dict)):
        raise NotTried("no response has any")
    return [f"{service}: {one}" for service, one in seen.deviations() if one.about == "systemActions"]


def _has(key: str) -> Callable[[Document], Any]:
    return lambda card: key in card


def _actions(card: Document) -> bool:
    return any("actions" in one for _, one in each(card, "suggestions", ""))


def _identified(seen: Seen) -> Iterator[str]:
    if not seen.cards():
        raise NotTried("no card came back about the synthetic patients")
    for service in (one["id"] for one in seen.services):
        if any("uuid" not in card for card in seen.cards(service)):
            yield f"{service}: cards without a uuid"
        offered = [one for card in seen.cards(service) for _, one in each(card, "suggestions", "")]
        if any("uuid" not in one for one in offered):
            yield f"{service}: suggestions without a uuid"


def _promises(seen: Seen) -> list[str]:
    ours = [(probe.service, document) for probe, document in seen.responses() if promises.RULEBOOK in str(document)]
    if not ours:
        raise NotTried("not a service of ketamine-cds, or no card came back")
    return [f"{service}: {one}" for service, document in ours for one in promises.broken(document)]


def _same(first: str, other: str, what: str) -> Callable[[Seen], Iterable[str]]:
    def run(seen: Seen) -> Iterator[str]:
        before = {probe.service: answer for probe, answer in _asked(seen, first)}
        if not any(answer.status == 200 for answer in before.values()):
            raise NotTried("no request was answered with 200")
        for probe, answer in seen.of(other):
            compared = before.get(probe.service)
            if compared is not None and compared.status == 200:
                if answer.status != 200:
                    yield f"{probe.service}: {answer} {what}"
                elif steady(answer.document) != steady(compared.document):
                    yield f"{probe.service}: other cards {what}"
    return run


def steady(value: Any) -> Any:
    """A response without what may differ each time: uuids, and addresses of links, which may be signed."""
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if key not in ("uuid", "links")}
    return [steady(one) for one in value] if isinstance(value, list) else value


def _nulls_in_prefetch(seen: Seen) -> Iterator[str]:
    for probe, answer in _asked(seen, NULL_PREFETCH):
        if answer.status not in (200, 412):
            yield f"{probe.service}: {answer} where every prefetch value is null"


def _secret(seen: Seen) -> Iterator[str]:
    for probe, answer in _asked(seen, FHIR_ACCESS):
        if TOKEN.encode() in answer.body:
            yield f"{probe.service}: the answer holds the access token"


def _quick(seen: Seen) -> Iterator[str]:
    took = [answer.seconds for _, answer in _asked(seen, HAZARDS, EMPTY, AGAIN) if answer.status == 200]
    if not took:
        raise NotTried("no request was answered with 200")
    if median(took) > _USUAL:
        yield f"half of the answers took longer than {median(took):.1f} s"
    if sum(one > _MOST for one in took) * 10 > len(took):
        yield f"the slowest answer took {max(took):.1f} s, and more than one in ten longer than {_MOST:g} s"


_CARDS = "Responses and cards"
_ODD = "Odd but allowed requests"
CHECKS = (
    Check("answers", _CARDS, SHALL, "Right requests are answered with 200, or 412 where data are missing",
          "the EHR shows nothing on any other answer", _answered),
    Check("json", _CARDS, SHOULD, "Answers say that they are JSON", "clients decide by the header whether to read them", _json),
    Check("response", _CARDS, SHALL, "A response is an object with an array `cards`", "a client drops what it cannot read, and nobody sees the cards",
          _form("response")),
    Check("empty", _CARDS, SHALL, "Nothing is null or empty but `cards`", "clients may refuse the whole response", _form("empty")),
    Check("card-members", _CARDS, SHALL, "Cards have the members of the specification and no others", "what is not defined is not shown",
          _form("members", bool)),
    Check("summary", _CARDS, SHALL, "Summaries are one line of fewer than 140 characters",
          "a longer one is cut off, perhaps in the middle of the warning",
          _form("summary", bool)),
    Check("indicator", _CARDS, SHALL, "Indicators are info, warning or critical", "clients refuse a card or show it without its urgency",
          _form("indicator", bool)),
    Check("source", _CARDS, SHALL, "Each card names its source with a label", "users must see whose advice it is", _form("source", bool)),
    Check("detail", _CARDS, SHALL, "Details are text", "clients read GitHub-flavoured Markdown", _form("detail", _has("detail"))),
    Check("uuid", _CARDS, SHALL, "Identifiers of cards and suggestions are texts of their own", "feedback would count for another card",
          _form("uuid", _has("uuid"))),
    Check("uuid-given", _CARDS, SHOULD, "Cards and suggestions have a uuid", "without it no client can send feedback", _identified),
    Check("suggestions", _CARDS, SHALL, "Suggestions have a label, and not more are recommended than may be chosen",
          "they are buttons: the label is all a user sees",
          _form("suggestions", _has("suggestions"))),
    Check("actions", _CARDS, SHALL, "Actions say what they do, and with which resource",
          "an order could be changed in another way than the user read",
          _form("actions", _actions)),
    Check("selectionBehavior", _CARDS, SHALL, "selectionBehavior stands with suggestions: any or at-most-one",
          "clients treat other values as an error of the card",
          _form("selectionBehavior", _has("suggestions"))),
    Check("overrideReasons", _CARDS, SHALL, "Override reasons have code, system and display", "the display is what the user chooses from",
          _form("overrideReasons", _has("overrideReasons"))),
    Check("links", _CARDS, SHALL, "Links have label, address and type", "a link that does not open is worse than none",
          _form("links", _has("links"))),
    Check("systemActions", _CARDS, SHALL, "System actions have the form of actions", "they change the record without anybody asking",
          _system_actions),
    Check("extension", _CARDS, SHALL, "Extensions are objects", "clients that do not know them must be able to skip them",
          _form("extension", _has("extension"))),
    Check("promises", _CARDS, SHALL, "Cards of ketamine-cds carry what it promises", "rules, versions and records behind each card can be looked up",
          _promises),
    Check("same-again", _ODD, SHOULD, "The same request gets the same cards", "an EHR may ask twice; advice must not depend on chance",
          _same(HAZARDS, AGAIN, "when the same is asked again")),
    Check("unknown-members", _ODD, SHALL, "Unknown members and extensions are ignored", "EHRs send members of their own, and later versions add more",
          _same(HAZARDS, UNKNOWN_MEMBERS, "with members that the specification does not name")),
    Check("null-as-absent", _ODD, SHOULD, "Null counts as absent where a member is optional", "some EHRs send null for what they do not have",
          _same(SHORT, NULLS, "when optional members are null instead of left out")),
    Check("null-prefetch", _ODD, SHALL, "Null for a prefetch key is answered", "the specification has clients send it where there are no data",
          _nulls_in_prefetch),
    Check("fhir-access", _ODD, SHOULD, "A FHIR server that cannot be reached changes nothing where prefetch is complete",
          "the advice would depend on a server that was not needed", _same(HAZARDS, FHIR_ACCESS, "with a FHIR server and an access token")),
    Check("token-hidden", _ODD, SHALL, "No answer shows the access token", "whoever sees the answer, or its log, could read the chart", _secret),
    Check("quick", _ODD, SHOULD, "Half of the answers come within 500 ms, nine of ten within 5 s", "the clinician waits", _quick),
)
