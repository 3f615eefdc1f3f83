"""A description of the routes in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from cds import __version__
from cds.hooks.feedback import MOST_ENTRIES, OUTCOMES
from cds.hooks.request import HOOKS
from cds.web.discovery import service_id

_OBJECT = {"type": "object"}
_TEXT = {"type": "string", "minLength": 1}


def document() -> dict[str, Any]:
    """The OpenAPI document of the service."""
    paths: dict[str, Any] = {
        "/cds-services": {"get": _get("Discovery: the services, their hooks and prefetch templates.", "discovery", _schema("Discovery"))},
        "/livez": {"get": _get("Whether the process runs.", "livez", _OBJECT)},
        "/readyz": {"get": _get("Rulebook version and hash, state of the inference engine, whether changed rules were refused.", "readyz", _OBJECT)},
        "/openapi.json": {"get": _get("This document.", "openapi", _OBJECT)},
        "/metrics": {"get": {"operationId": "metrics", "summary": "Metrics in Prometheus' text form.",
                             "responses": {"200": {"description": "metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}}}},
    }
    for hook in HOOKS:
        paths[f"/cds-services/{service_id(hook)}"] = {"post": _service(hook)}
        paths[f"/cds-services/{service_id(hook)}/feedback"] = {"post": _feedback(hook)}
    return {"openapi": "3.1.0", "info": {"title": "ketamine-cds", "version": __version__,
                                         "description": "CDS Hooks 2.0.1 service for ketamine therapy.", "license": {"name": "Apache-2.0"}},
            "paths": paths, "components": {"schemas": _schemas()}}


def _schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _get(summary: str, name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": {"200": _json("as described", schema)}}


def _service(hook: str) -> dict[str, Any]:
    refused = {status: _json(said, _schema("OperationOutcome")) for status, said in (
        ("400", "not a request of this hook; says what and where"), ("408", "the body came too slowly"),
        ("412", "ketamine is ordered and nothing of the chart could be read"), ("413", "the body is too large"),
        ("415", "the body is not JSON"), ("500", "unexpected failure"), ("503", "too many requests; see Retry-After"))}
    return {"operationId": service_id(hook), "summary": f"The service for the hook {hook}.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": _schema("Request")}}},
            "responses": {"200": _json("cards, perhaps none", _schema("Response")), **refused}}


def _feedback(hook: str) -> dict[str, Any]:
    refused = {status: _json(said, _schema("OperationOutcome")) for status, said in (
        ("400", "an entry cannot be used; says which and why, and nothing is stored"), ("408", "the body came too slowly"),
        ("413", "the body is too large, or has too many entries"), ("415", "the body is not JSON"), ("500", "unexpected failure"),
        ("503", "the store does not answer; send all of it again, see Retry-After"))}
    return {"operationId": f"{service_id(hook)}-feedback", "summary": f"What was done with cards of the service for {hook}, one or many.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": _schema("Feedback")}}},
            "responses": {"200": _json("stored, each entry once however often it is sent", {"type": "object", "maxProperties": 0}), **refused}}


def _feedback_schema() -> dict[str, Any]:
    reason = {"type": "object", "properties": {"reason": _OBJECT, "extension": _OBJECT, "userComment": {"type": "string"}}}
    suggestion = {"type": "object", "required": ["id"], "properties": {"id": _TEXT}}
    entry = {"type": "object", "required": ["card", "outcome", "outcomeTimestamp"],
             "properties": {"card": _TEXT, "outcome": {"enum": list(OUTCOMES)}, "outcomeTimestamp": {"type": "string", "format": "date-time"},
                            "acceptedSuggestions": {"type": "array", "items": suggestion}, "overrideReason": reason, "overrideReasons": reason}}
    return {"type": "object", "required": ["feedback"],
            "properties": {"feedback": {"type": "array", "maxItems": MOST_ENTRIES, "items": entry}}}


def _schemas() -> dict[str, Any]:
    listed = {"type": "array", "items": _OBJECT}
    card = {"type": "object", "required": ["uuid", "summary", "indicator", "detail", "source", "extension"],
            "properties": {"uuid": _TEXT, "summary": {"type": "string", "maxLength": 139}, "detail": _TEXT,
                           "indicator": {"enum": ["info", "warning", "critical"]},
                           "source": {"type": "object", "required": ["label", "topic"]}, "suggestions": listed,
                           "selectionBehavior": {"const": "any"}, "overrideReasons": listed, "extension": _OBJECT}}
    return {
        "Discovery": {"type": "object", "required": ["services"], "properties": {"services": listed}},
        "Request": {"type": "object", "required": ["hook", "hookInstance", "context"],
                    "properties": {"hook": {"enum": list(HOOKS)}, "hookInstance": _TEXT, "prefetch": _OBJECT, "fhirServer": {"type": "string"},
                                   "fhirAuthorization": _OBJECT, "extension": _OBJECT,
                                   "context": {"type": "object", "required": ["patientId"],
                                               "properties": {"patientId": _TEXT, "userId": _TEXT, "draftOrders": _OBJECT,
                                                              "selections": {"type": "array", "items": _TEXT}}}}},
        "Response": {"type": "object", "required": ["cards"], "properties": {"cards": {"type": "array", "items": card}}},
        "Feedback": _feedback_schema(),
        "OperationOutcome": {"type": "object", "required": ["resourceType", "issue"],
                             "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1, "items": _OBJECT}}},
    }
