"""A description of the routes in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from cds import __version__
from cds.hooks.request import HOOKS
from cds.web import openapi_schemas
from cds.web.discovery import service_id
from cds.web.openapi_schemas import OBJECT, closed

_TYPES = ("application/json", "application/fhir+json")
_RETRY = {"Retry-After": {"description": "Seconds until it makes sense to ask again.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}}


def document() -> dict[str, Any]:
    """The OpenAPI document of the service."""
    paths: dict[str, Any] = {
        "/cds-services": {"get": _get("Discovery: the services, their hooks and prefetch templates.", "discovery", _schema("Discovery"))},
        "/livez": {"get": _get("Whether the process runs.", "livez", closed({"status": {"const": "alive"}}))},
        "/readyz": {"get": _get("Rulebook version and hash, state of the inference engine, whether changed rules were refused.", "readyz",
                                _schema("Ready"))},
        "/openapi.json": {"get": _get("This document.", "openapi", OBJECT)},
        "/metrics": {"get": {"operationId": "metrics", "summary": "Metrics in Prometheus' text form.",
                             "responses": {"200": {"description": "metrics", "content": {"text/plain": {"schema": {"type": "string"}}}},
                                           **_failed()}}},
    }
    for hook in HOOKS:
        paths[f"/cds-services/{service_id(hook)}"] = {"post": _service(hook)}
        paths[f"/cds-services/{service_id(hook)}/feedback"] = {"post": _feedback(hook)}
    info = {"title": "ketamine-cds", "version": __version__, "license": {"name": "Apache-2.0"},
            "description": "CDS Hooks 2.0.1 service for ketamine therapy. Other paths answer 404, other methods 405, each with an OperationOutcome; "
                           "headers that come too slowly 408, too large ones 431, without a body."}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": _schemas()}}


def _schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _get(summary: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": {"200": _json("as described", schema), **_failed()}}


def _failed() -> dict[str, Any]:
    return {"500": _json("unexpected failure; a number ties it to the log", _schema("OperationOutcome"))}


def _refused(said: dict[str, str]) -> dict[str, Any]:
    told = {status: _json(what, _schema("OperationOutcome")) for status, what in said.items()}
    return told | {"503": told["503"] | {"headers": _RETRY}} | _failed()


def _post(name: str, summary: str, body: str, answers: dict[str, Any]) -> dict[str, Any]:
    content = {kind: {"schema": _schema(body)} for kind in _TYPES}
    return {"operationId": name, "summary": summary, "requestBody": {"required": True, "content": content}, "responses": answers}


def _service(hook: str) -> dict[str, Any]:
    refused = _refused({
        "400": "not a request of this hook; says what and where", "408": "the body came too slowly",
        "412": "ketamine is ordered and nothing of the chart could be read", "413": "the body is too large",
        "415": "the body is not JSON, or is compressed", "503": "too many requests; see Retry-After"})
    return _post(service_id(hook), f"The service for the hook {hook}.", f"Request-{hook}",
                 {"200": _json("cards, perhaps none", _schema("Response")), **refused})


def _feedback(hook: str) -> dict[str, Any]:
    refused = _refused({
        "400": "an entry cannot be used; says which and why, and nothing is stored", "408": "the body came too slowly",
        "413": "the body is too large, or has too many entries", "415": "the body is not JSON, or is compressed",
        "503": "the store does not answer, or too much feedback is under way; send all of it again, see Retry-After"})
    stored = _json("stored, each entry once however often it is sent", {"type": "object", "maxProperties": 0})
    return _post(f"{service_id(hook)}-feedback", f"What was done with cards of the service for {hook}, one or many.", "Feedback",
                 {"200": stored, **refused})


def _schemas() -> dict[str, Any]:
    requests = {f"Request-{hook}": openapi_schemas.request(hook) for hook in HOOKS}
    return {**openapi_schemas.schemas(), **requests, "Feedback": openapi_schemas.feedback()}
