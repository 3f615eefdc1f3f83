"""One CDS Hooks request, checked and frozen.

Specification: CDS Hooks 2.0.1, section "HTTP request"; hook library 1.0.1.  Optional members of a wrong type are refused,
null counts as absent, unknown members are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

ORDER_HOOKS = ("order-select", "order-sign")
HOOKS = ("patient-view", *ORDER_HOOKS)
MAX_TEXT = 256
_HARD_TO_COUNT = re.compile(rb'"[ \t\r\n]+:|\\u00')
_ID = re.compile(r"[A-Za-z0-9\-._~]{1,256}")


class RequestRefused(Exception):
    """The request cannot be used; `where` is a JSON path and `what` says why and what to send instead."""

    def __init__(self, where: str, what: str, code: str = "invalid", status: int = 400) -> None:
        super().__init__(f"{where}: {what}")
        self.where, self.what, self.code, self.status = where, what, code, status


@dataclass(frozen=True, slots=True)
class HookRequest:
    """What an EHR asked; resources are still raw FHIR JSON.

    `draft_orders` holds the entries of the Bundle, or None where none was sent; `selections` is None where the hook has none;
    `authorization` holds a secret.
    """

    hook: str
    instance: str
    patient_id: str
    user_id: str
    draft_orders: tuple[Mapping[str, Any], ...] | None
    selections: tuple[str, ...] | None
    prefetch: Mapping[str, Any]
    fhir_server: str | None = None
    draft_note: str = ""
    authorization: Mapping[str, Any] | None = field(default=None, repr=False)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a request body; RequestRefused for anything that is not exactly one object.

    NaN, lone surrogates, duplicate keys and nesting beyond 1,024 levels are refused.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestRefused("$", f"the body is not valid JSON: {error.msg}, line {error.lineno} column {error.colno}", "structure") from None
    if not isinstance(document, dict):
        raise RequestRefused("$", f"the body is a JSON {kind(document)}; a CDS Hooks request is an object", "structure")
    try:
        written = orjson.dumps(document)
    except TypeError:
        raise RequestRefused("$", "the body is nested too deeply, more than 254 levels; send it flatter", "structure") from None
    if written != body:
        sent, kept = _differing(body, written)
        if _HARD_TO_COUNT.search(sent) or sent.count(b'":') != kept.count(b'":'):
            _refuse_duplicate_keys(body)
    return document


def _differing(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """What is left of two texts without their common beginning and end (one byte of each kept): a dropped key lies in between."""
    start = _common(first, second, 1)
    end = min(_common(first, second, -1), min(len(first), len(second)) - start)
    return tuple(text[max(start - 1, 0):len(text) - max(end - 1, 0)] for text in (first, second))


def _common(first: bytes, second: bytes, direction: int) -> int:
    """The length of the common beginning (1) or end (-1) of two texts, by halving what may be common."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if direction == 1:
            same = first.startswith(second[low:middle], low)
        else:
            same = first.startswith(second[len(second) - middle:len(second) - low], len(first) - middle)
        low, high = (middle, high) if same else (low, middle - 1)
    return low


def _refuse_duplicate_keys(body: bytes) -> None:
    """The exact check, for the few bodies in which counting keys leaves a doubt."""
    import json

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise RequestRefused("$", f"the key `{key[:60]}` stands twice in one object; send it once", "structure")
            found[key] = value
        return found

    try:
        json.loads(body, object_pairs_hook=once)
    except RecursionError:
        raise RequestRefused("$", "the body is nested too deeply to be checked", "structure") from None


def request(document: Mapping[str, Any], hook: str | None = None) -> HookRequest:
    """Check a request document; `hook` is the one hook of the service that was called.  Raises RequestRefused."""
    name = _text(document, "hook", "$")
    if name not in HOOKS:
        raise RequestRefused("$.hook", f"`{name[:60]}` is not a hook of this service; it serves {', '.join(HOOKS)}", "not-supported")
    if hook is not None and name != hook:
        raise RequestRefused("$.hook", f"this service answers `{hook}`, the request says `{name}`; call /cds-services/ketamine-{name}")
    instance = _text(document, "hookInstance", "$")
    context = _object(document, "context", "$")
    if context is None:
        raise RequestRefused("$.context", "the member is missing; send the hook's context", "required")
    patient = _text(context, "patientId", "$.context").removeprefix("Patient/")
    if not _ID.fullmatch(patient):
        raise RequestRefused("$.context.patientId", "it is not a FHIR id; send the bare id of the patient")
    drafts, note = _draft_orders(context) if name in ORDER_HOOKS else (None, "")
    prefetch = _object(document, "prefetch", "$") or {}
    server = document.get("fhirServer")
    if server is not None and not isinstance(server, str):
        raise RequestRefused("$.fhirServer", f"it is a JSON {kind(server)}; send the base URL as text")
    authorization = document.get("fhirAuthorization")
    if authorization is not None and not isinstance(authorization, dict):
        raise RequestRefused("$.fhirAuthorization", f"it is a JSON {kind(authorization)}; send an object")
    _same_patient(authorization, patient)
    return HookRequest(name, instance, patient, _optional_text(context, "userId"), drafts,
                       _selections(context) if name == "order-select" else None, prefetch, server, note, authorization)


def _draft_orders(context: Mapping[str, Any]) -> tuple[tuple[Mapping[str, Any], ...] | None, str]:
    bundle = _object(context, "draftOrders", "$.context")
    if bundle is None:
        return None, "the request holds no draftOrders"
    entries = bundle.get("entry")
    if entries is None:
        return (), "draftOrders holds no entry"
    if not isinstance(entries, list):
        raise RequestRefused("$.context.draftOrders.entry", f"it is a JSON {kind(entries)}; send an array")
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise RequestRefused(f"$.context.draftOrders.entry[{place}]", f"it is a JSON {kind(entry)}; send an object")
    return tuple(entries), "" if entries else "draftOrders holds no entry"


def _selections(context: Mapping[str, Any]) -> tuple[str, ...]:
    chosen = context.get("selections")
    if chosen is None:
        return ()
    if not isinstance(chosen, list) or not all(isinstance(one, str) for one in chosen):
        raise RequestRefused("$.context.selections", "it is not an array of references such as MedicationRequest/123")
    return tuple(chosen)


def _same_patient(authorization: Mapping[str, Any] | None, patient: str) -> None:
    granted = (authorization or {}).get("patient")
    if isinstance(granted, str) and granted and granted.removeprefix("Patient/") != patient:
        raise RequestRefused("$.fhirAuthorization.patient", "it names another patient than context.patientId; nothing was evaluated", "conflict")


def _text(holder: Mapping[str, Any], key: str, path: str) -> str:
    value = holder.get(key)
    if value is None or value == "":
        raise RequestRefused(f"{path}.{key}", "the member is missing or empty", "required")
    if not isinstance(value, str):
        raise RequestRefused(f"{path}.{key}", f"it is a JSON {kind(value)}; send text")
    if len(value) > MAX_TEXT + len("Patient/"):
        raise RequestRefused(f"{path}.{key}", f"it has {len(value)} characters; at most {MAX_TEXT} are accepted")
    return value


def _optional_text(holder: Mapping[str, Any], key: str) -> str:
    value = holder.get(key)
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _object(holder: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any] | None:
    value = holder.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise RequestRefused(f"{path}.{key}", f"it is a JSON {kind(value)}; send an object")
    return value


def kind(value: object) -> str:
    """What JSON calls the type of a value."""
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)
