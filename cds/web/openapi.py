"""A description of the routes in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from cds import __version__
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
        "OperationOutcome": {"type": "object", "required": ["resourceType", "issue"],
                             "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1, "items": _OBJECT}}},
    }
