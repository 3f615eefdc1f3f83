"""JSON Schemas of what the routes take and give, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from cds.cards.compose import MAX_SUMMARY
from cds.hooks.feedback import MAX_ID, MOST_ENTRIES, OUTCOMES
from cds.hooks.request import MAX_TEXT, ORDER_HOOKS

Schema = dict[str, Any]
OBJECT: Schema = {"type": "object"}
TEXT: Schema = {"type": "string", "minLength": 1}
_MAYBE_TEXT, _MAYBE_OBJECT = {"type": ["string", "null"]}, {"type": ["object", "null"]}
_ID = "^(Patient/)?[A-Za-z0-9._~-]{1,256}$"


def closed(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """An object with these members and no others."""
    return {"type": "object", "required": [*required], "properties": {**required, **(optional or {})}, "additionalProperties": False}


def _several(schema: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": schema}


def request(hook: str) -> Schema:
    """A request of one hook; members that are not named here are ignored, optional ones may be null."""
    patient = {"type": "string", "pattern": _ID, "description": "The bare id of the patient."}
    context: Schema = {"type": "object", "required": ["patientId"], "properties": {"patientId": patient, "userId": TEXT, "encounterId": _MAYBE_TEXT}}
    if hook in ORDER_HOOKS:
        entries = {"type": ["array", "null"], "items": {"type": "object", "properties": {"resource": _MAYBE_OBJECT}}}
        context["properties"]["draftOrders"] = {"type": ["object", "null"], "properties": {"resourceType": {"const": "Bundle"}, "entry": entries},
                                                "description": "A Bundle of the orders; without one the check cannot run, which a card says."}
    if hook == "order-select":
        context["properties"]["selections"] = {"type": ["array", "null"], "items": {"type": "string"},
                                               "description": "Type/id of the orders just selected."}
    instance = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
    lists = {"type": ["object", "null"], "description": "The lists that discovery asks for, under its keys."}
    return {"type": "object", "required": ["hook", "hookInstance", "context"],
            "properties": {"hook": {"const": hook}, "hookInstance": instance, "context": context, "prefetch": lists, "fhirServer": _MAYBE_TEXT,
                           "fhirAuthorization": {"type": ["object", "null"],
                                                 "description": "Its `patient` may not be another than context.patientId."}}}


def feedback() -> Schema:
    """The body of a feedback call; members that are not named here are ignored."""
    identity = {"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": "^[!-~]+$"}
    words = {"type": ["string", "null"], "maxLength": 1000, "pattern": "^[ -~]*$"}
    coding = {"type": ["object", "null"], "properties": {"code": words, "system": words, "display": words}}
    reason = {"type": ["object", "null"], "properties": {"reason": coding, "userComment": {"type": ["string", "null"], "pattern": "^[^\\u0000]*$"}}}
    common = {"card": identity, "outcomeTimestamp": {"type": "string", "format": "date-time",
                                                     "description": "An instant after 1900, not later than now."}}
    offered = {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["id"], "properties": {"id": identity}}}
    accepted, overridden = OUTCOMES
    either = [{"type": "object", "required": [*common, "outcome", "acceptedSuggestions"],
               "properties": {**common, "outcome": {"const": accepted}, "acceptedSuggestions": offered}},
              {"type": "object", "required": [*common, "outcome"],
               "properties": {**common, "outcome": {"const": overridden}, "overrideReason": reason}}]
    return {"type": "object", "required": ["feedback"], "properties": {"feedback": {"type": "array", "maxItems": MOST_ENTRIES,
                                                                                    "items": {"oneOf": either}}}}


def _card() -> Schema:
    topic = closed({"system": TEXT, "code": {"type": "string", "pattern": "^[A-Za-z0-9]{1,100}$"}, "display": TEXT})
    action = closed({"type": {"const": "delete"}, "description": TEXT, "resourceId": TEXT})
    suggestion = closed({"label": TEXT, "uuid": TEXT, "actions": {"type": "array", "minItems": 1, "maxItems": 1, "items": action}})
    reason = closed({"code": TEXT, "system": TEXT, "display": TEXT})
    because = closed({"resource": TEXT, "text": TEXT}, {"matched": {"enum": ["code", "expanded", "text"]}})
    indicator = {"enum": ["info", "warning", "critical"]}
    finding = closed({"rule": TEXT, "version": TEXT, "answer": {"enum": ["met", "not met", "unknown"]}, "indicator": indicator},
                     {"order": TEXT, "orders": _several(TEXT), "because": _several(because), "missing": _several(TEXT),
                      "soft": {"const": True}, "disputed": {"const": True}})
    extension = closed({"org.ketamine-cds.rulebook": closed({"version": TEXT, "hash": TEXT})}, {"org.ketamine-cds.findings": _several(finding)})
    source = closed({"label": TEXT, "topic": topic}, {"url": {"type": "string", "format": "uri"}})
    return closed({"uuid": TEXT, "summary": {"type": "string", "minLength": 1, "maxLength": MAX_SUMMARY}, "indicator": indicator, "detail": TEXT,
                   "source": source, "extension": extension},
                  {"suggestions": _several(suggestion), "selectionBehavior": {"const": "any"}, "overrideReasons": _several(reason)})


def schemas() -> dict[str, Schema]:
    """The named schemas of the document, but for requests and feedback."""
    templates = {"type": "object", "additionalProperties": TEXT}
    service = closed({name: TEXT for name in ("hook", "id", "title", "description", "usageRequirements")} | {"prefetch": templates})
    issue = closed({"severity": {"const": "error"}, "code": TEXT, "diagnostics": TEXT})
    return {
        "Discovery": closed({"services": {"type": "array", "items": service}}),
        "Response": closed({"cards": {"type": "array", "items": _card()}}),
        "OperationOutcome": closed({"resourceType": {"const": "OperationOutcome"},
                                    "issue": {"type": "array", "minItems": 1, "maxItems": 1, "items": issue}}),
        "Ready": {"type": "object", "required": ["status", "engine", "rulebook", "day", "worker", "reload", "store"],
                  "properties": {"status": TEXT, "engine": TEXT, "day": {"type": "string", "format": "date"}, "worker": {"type": "integer"},
                                 "store": TEXT,
                                 "rulebook": closed({"version": TEXT, "hash": TEXT, "rules": {"type": "integer"}}), "reload": OBJECT}},
    }
