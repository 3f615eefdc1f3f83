"""What a service is asked: right requests about synthetic patients, requests in odd forms, wrong ones, and feedback on the cards that came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from cds import clock
from cds.selftest.client import Answer, Client
from cds.selftest.form import each
from cds.selftest.patients import EMPTY, HAZARDS, NONE, Document, request

AGAIN, UNKNOWN_MEMBERS, SHORT, NULLS, NULL_PREFETCH = "again", "unknown members", "optional left out", "optional null", "prefetch null"
MALFORMED, NOT_AN_OBJECT, NO_CONTEXT, NO_HOOK, OTHER_HOOK = "malformed JSON", "not an object", "no context", "no hook", "hook of another service"
FHIR_ACCESS, TOKEN = "FHIR server and token", "selftest-token-3b9e"
GET, TEXT, UNKNOWN_SERVICE, TOO_LARGE, PREFLIGHT, BROWSER = "GET", "text/plain", "unknown service", "too large", "preflight", "from a browser"
OVERRIDDEN, REPEATED, ACCEPTED, BATCH = "feedback overridden", "feedback repeated", "feedback accepted", "feedback batch"
BAD_FEEDBACK, NO_FEEDBACK = "feedback malformed", "feedback without entries"
RIGHT = (HAZARDS, EMPTY, NONE, AGAIN, UNKNOWN_MEMBERS, SHORT, NULLS, NULL_PREFETCH, BROWSER, FHIR_ACCESS)
WRONG = (MALFORMED, NOT_AN_OBJECT, NO_CONTEXT, NO_HOOK, OTHER_HOOK, GET, TEXT, UNKNOWN_SERVICE, TOO_LARGE, BAD_FEEDBACK, NO_FEEDBACK)
_ANNOUNCED = 64 * 1024 * 1024
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Probe:
    """One call: for which service, what it tries, and how it is sent."""

    service: str
    name: str
    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON)

    def ask(self, client: Client) -> Answer | None:
        """What came back; None where the service still waits for an announced body."""
        if self.name == TOO_LARGE:
            return client.announce(self.path, _ANNOUNCED)
        return client.call(self.method, self.path, self.body, self.headers)


def probes(services: Sequence[Mapping[str, Any]], origin: str) -> Iterator[Probe]:
    """All calls to the services of a discovery document, but for feedback."""
    now = clock.now()
    for service in services:
        yield from _right(service, origin, now)
        yield from _wrong(service, now)
    yield _posted("", UNKNOWN_SERVICE, f"/cds-services/no-such-service-{clock.new_identifier()[:8]}",
                  request({"hook": "patient-view"}, NONE, "selftest", now))


def _path(service: Mapping[str, Any]) -> str:
    return f"/cds-services/{service.get('id')}"


def _posted(service: Any, name: str, path: str, document: Any, headers: Mapping[str, str] | None = None) -> Probe:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return Probe(str(service), name, "POST", path, body, _JSON | dict(headers or {}))


def _right(service: Mapping[str, Any], origin: str, now: datetime) -> Iterator[Probe]:
    def asked(patient: str) -> Document:
        return request(service, patient, clock.new_identifier(), now)

    def posted(name: str, document: Document, headers: Mapping[str, str] | None = None) -> Probe:
        return _posted(service.get("id"), name, _path(service), document, headers)

    full = asked(HAZARDS)
    for patient in (HAZARDS, EMPTY, NONE):
        yield posted(patient, asked(patient))
    yield posted(AGAIN, asked(HAZARDS))
    odd = {"x-selftest": {"a": [1, {"b": "c"}]}, "extension": {"org.example.selftest": {"tried": True}}}
    yield posted(UNKNOWN_MEMBERS, asked(HAZARDS) | odd | {"context": full["context"] | odd})
    context = {key: value for key, value in full["context"].items() if key != "encounterId" or "encounter" in full["hook"]}
    yield posted(SHORT, asked(HAZARDS) | {"context": context})
    nulls = {"fhirServer": None, "fhirAuthorization": None, "extension": None}
    yield posted(NULLS, asked(HAZARDS) | nulls | {"context": {"encounterId": None} | context})
    yield posted(NULL_PREFETCH, full | {"hookInstance": clock.new_identifier(), "prefetch": dict.fromkeys(full.get("prefetch", {"selftest": None}))})
    granted = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read", "subject": "selftest"}
    yield posted(FHIR_ACCESS, asked(HAZARDS) | {"fhirServer": "https://fhir.selftest.invalid/r4", "fhirAuthorization": granted})
    yield posted(BROWSER, asked(HAZARDS), {"Origin": origin})
    yield Probe(str(service.get("id")), PREFLIGHT, "OPTIONS", _path(service), headers={
        "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"})


def _wrong(service: Mapping[str, Any], now: datetime) -> Iterator[Probe]:
    identity, path = service.get("id"), _path(service)
    full = request(service, HAZARDS, clock.new_identifier(), now)
    for name, body in ((MALFORMED, orjson.dumps(full)[:-1]), (NOT_AN_OBJECT, [full]), (NO_CONTEXT, _without(full, "context")),
                       (NO_HOOK, _without(full, "hook")),
                       (OTHER_HOOK, full | {"hook": "selftest-never-fired"})):
        yield _posted(identity, name, path, body)
    yield Probe(str(identity), GET, "GET", path)
    yield _posted(identity, TEXT, path, full, {"Content-Type": "text/plain"})
    yield _posted(identity, TOO_LARGE, path, b"")


def _without(document: Document, key: str) -> Document:
    return {name: value for name, value in document.items() if name != key}


def feedback(service: Mapping[str, Any], cards: Sequence[Any]) -> Iterator[Probe]:
    """Calls with feedback on the cards that a service returned; on an unknown card where it returned none that can be named."""
    named = [card for card in cards if isinstance(card, dict) and isinstance(card.get("uuid"), str)]
    path, at = f"{_path(service)}/feedback", clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    ids = [card["uuid"] for card in named] or [clock.new_identifier()]
    entry = {"card": ids[0], "outcome": "overridden", "outcomeTimestamp": at}

    def posted(name: str, document: Any) -> Probe:
        return _posted(service.get("id"), name, path, document)

    yield posted(OVERRIDDEN, {"feedback": [entry]})
    yield posted(REPEATED, {"feedback": [entry]})
    chosen = [(card["uuid"], one["uuid"]) for card in named for _, one in each(card, "suggestions", "") if one.get("uuid")]
    if chosen:
        yield posted(ACCEPTED, {"feedback": [{"card": chosen[0][0], "outcome": "accepted", "outcomeTimestamp": at,
                                              "acceptedSuggestions": [{"id": chosen[0][1]}]}]})
    reason = {"overrideReason": {"userComment": "cds selftest with a synthetic patient"}}
    yield posted(BATCH, {"feedback": [entry | {"card": one} | reason for one in (*ids, clock.new_identifier())]})
    yield posted(BAD_FEEDBACK, b'{"feedback":')
    yield posted(NO_FEEDBACK, {"feedback": {"card": ids[0]}})
