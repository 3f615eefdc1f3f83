"""Where resources depart from FHIR R4, judged by `fhir.resources.R4B` and by what that lets pass; advice, never part of an evaluation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

MOST_VALUE = 60
_LONGEST_ID = 64
_DEEPEST = 60
_WHAT = {bool: "true or false", int: "a whole number", Decimal: "a number", str: "text", dict: "an object", list: "a list"}
_ACCEPTS = {bool: bool, int: int, Decimal: (int, float)}
_NAMES = re.compile(r"'(\w+)'")
_WORDS = {
    "extra_forbidden": "R4 has no such element here", "missing": "R4 requires it", "model_field_validation.missing": "R4 requires it",
    "list_type": "R4 wants a list without nulls here", "json_invalid": "R4 wants an object here", "string_type": "R4 wants text here"}
_CODES = {
    "Observation.status": ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"),
    "Condition.clinicalStatus": ("active", "recurrence", "relapse", "inactive", "remission", "resolved"),
    "Condition.verificationStatus": ("unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"),
    "AllergyIntolerance.clinicalStatus": ("active", "inactive", "resolved"),
    "AllergyIntolerance.verificationStatus": ("unconfirmed", "confirmed", "refuted", "entered-in-error")}
"""Codes of required bindings that the models leave open."""
_DATES = (
    ("DateTime", "no dateTime of R4: YYYY, YYYY-MM, YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss with a time zone"),
    ("Date", "no date of R4: YYYY, YYYY-MM or YYYY-MM-DD"), ("Instant", "no instant of R4: YYYY-MM-DDThh:mm:ss with a time zone"))


@dataclass(frozen=True, slots=True)
class Departure:
    """One place that is not R4: where, what stands there as JSON in ASCII (cut; empty where nothing stands), and what R4 says."""

    path: str
    value: str
    says: str


def of_request(document: Mapping[str, Any]) -> list[Departure]:
    """The departures of everything FHIR in a CDS Hooks request: draft orders and prefetch, with what Bundles and resources hold."""
    context, prefetch = document.get("context"), document.get("prefetch")
    held = [("context.draftOrders", context.get("draftOrders"))] if isinstance(context, dict) and context.get("draftOrders") is not None else []
    if isinstance(prefetch, dict):
        for key, value in prefetch.items():
            wrapped = isinstance(value, dict) and "resourceType" not in value and isinstance(value.get("resource"), dict)
            held.append((f"prefetch{_step(key)}" + (".resource" if wrapped else ""), value["resource"] if wrapped else value))
    return [one for path, value in held if value is not None for one in of_resource(value, path)]


def of_resource(resource: object, path: str, depth: int = 0) -> Iterator[Departure]:
    """The departures of one resource, each place once, then those of the resources inside it."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(resource, dict) or not isinstance(kind, str):
        yield Departure(path, _shown(resource), "no resource of FHIR: an object with a resourceType")
        return
    inner, alone = _apart(resource, path)
    model = _model(kind)
    if model is None:
        yield Departure(f"{path}.resourceType", _shown(kind), "R4 has no resource of this type")
    else:
        found: dict[str, Departure] = {}
        for one in (*_by_values(alone, model, path), *_by_model(alone, model, path)):
            found.setdefault(one.path, one)
        yield from found.values()
    for where, one in inner if depth < _DEEPEST else ():
        yield from of_resource(one, where, depth + 1)


def _apart(resource: dict[str, Any], path: str) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """The resources inside a resource with their paths, and the resource without them: one bad entry says nothing about the others."""
    alone, inner = dict(resource), []
    if isinstance(resource.get("contained"), list):
        inner += [(f"{path}.contained[{place}]", one) for place, one in enumerate(alone.pop("contained"))]
    if resource["resourceType"] == "Bundle" and isinstance(resource.get("entry"), list):
        inner += [(f"{path}.entry[{place}].resource", one["resource"]) for place, one in enumerate(resource["entry"])
                  if isinstance(one, dict) and "resource" in one]
        alone["entry"] = [{key: value for key, value in one.items() if key != "resource"} if isinstance(one, dict) else one
                          for one in resource["entry"]]
    return inner, alone


@lru_cache(maxsize=512)
def _model(kind: str) -> Any:
    try:
        return get_fhir_model_class(kind)
    except (LookupError, ValueError, ImportError, AttributeError):
        return None


def _by_model(resource: dict[str, Any], model: Any, path: str) -> Iterator[Departure]:
    """What the model refuses."""
    try:
        model.model_validate({key: value for key, value in resource.items() if value is not None})
    except ValidationError as refused:
        for error in refused.errors():
            names = _NAMES.findall(error["msg"]) if error["type"] == "value_error" and not error["loc"] else []
            where = path + "".join(_step(step) for step in error["loc"] if step != "root")
            if names:
                sent = [name for name in names if resource.get(name) is not None]
                yield Departure(f"{where}.{(sent or names)[0]}", _shown({name: resource[name] for name in sent}) if sent else "",
                                f"R4 allows only one of {', '.join(sent)}" if sent else f"R4 requires one of {', '.join(names)}")
            else:
                missing = error["type"] in ("missing", "model_field_validation.missing")
                yield Departure(where, "" if missing else _shown(error["input"]), _worded(error))
    except (LookupError, TypeError, ValueError, RecursionError) as fault:
        yield Departure(path, "", f"fhir.resources cannot judge it: {type(fault).__name__}")


def _worded(error: Mapping[str, Any]) -> str:
    if error["type"] in _WORDS:
        return _WORDS[error["type"]]
    if error["type"] == "string_pattern_mismatch":
        if not str(error["input"]).strip():
            return "R4 allows no empty text"
        if error["loc"][-1:] == ("id",):
            return "an id of R4 has letters, digits, - and . only"
        return "a code of R4 has no blank at either end" if "\\s" in error["ctx"]["pattern"] else f"R4 wants {error['ctx']['pattern']}"
    if error["loc"][-1:] == ("root",):
        return _WORDS["json_invalid"]
    said = error["msg"].removeprefix("Value error, ")
    return next((words for name, words in _DATES if said.startswith(f"{name} value")), said)


def _by_values(element: Mapping[str, Any], model: Any, path: str, depth: int = 0) -> Iterator[Departure]:
    """What the model lets pass: codes that R4 does not list, JSON of another type, ids over 64 characters, empty members."""
    fields = _fields(model)
    for key, value in element.items():
        where = f"{path}{_step(key)}"
        if value is None or value == [] or value == {}:
            yield Departure(where, _shown(value), "R4 leaves out what is empty")
        elif key in fields:
            kind, codes, many = fields[key]
            for place, one in enumerate(value) if many and isinstance(value, list) else [(None, value)]:
                if one is None and f"_{key}" in element:
                    continue  # an extension stands in its place
                yield from _by_value(one, kind, codes, where if place is None else f"{where}[{place}]", depth)


def _by_value(value: object, kind: Any, codes: tuple[str, ...], where: str, depth: int) -> Iterator[Departure]:
    if kind not in _ACCEPTS and kind is not str:
        inner = _model(kind) if isinstance(value, dict) and depth < _DEEPEST else None
        if inner is not None:
            yield from _by_values(value, inner, where, depth + 1)
            for place, coding in enumerate(value.get("coding") or () if codes and isinstance(value.get("coding"), list) else ()):
                if isinstance(coding, dict) and coding.get("code") not in codes:
                    yield Departure(f"{where}.coding[{place}].code", _shown(coding.get("code")), f"R4 knows {', '.join(codes)}")
    elif not isinstance(value, _ACCEPTS.get(kind, str)) or (isinstance(value, bool) and kind is not bool):
        yield Departure(where, _shown(value), f"R4 wants {_WHAT[kind]} here")
    elif codes and value not in codes:
        yield Departure(where, _shown(value), f"R4 knows {', '.join(codes)}")
    elif where.endswith(".id") and len(str(value)) > _LONGEST_ID:
        yield Departure(where, _shown(value), f"an id of R4 has at most {_LONGEST_ID} characters, this has {len(str(value))}")


@lru_cache(maxsize=512)
def _fields(model: Any) -> dict[str, tuple[Any, tuple[str, ...], bool]]:
    """Element name -> its JSON type or the name of its R4 type, the codes R4 lists for it, and whether it is a list."""
    found = {}
    for field in model.model_fields.values():
        more = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        kind, many = _type_of(field.annotation)
        if more.get("element_property") and kind is not None:
            codes = _CODES.get(f"{model.get_resource_type()}.{field.alias}") or tuple(more.get("enum_values") or ())
            found[field.alias] = (kind, codes if "+" not in codes else (), many)
    return found


def _type_of(annotation: Any) -> tuple[Any, bool]:
    """The JSON type or the name of the R4 type behind an annotation of the model, and whether it is a list of them."""
    if get_origin(annotation) is Annotated:
        first = get_args(annotation)[0]
        return first if first in _ACCEPTS else str, False
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if annotation in _ACCEPTS else annotation.__name__.removesuffix("Type"), False
    kind, many = next((_type_of(part) for part in get_args(annotation) if part is not type(None)), (None, False))
    return kind, many or get_origin(annotation) is list


def _step(step: object) -> str:
    """One step of a path; a name that is no element's name stands in brackets, in ASCII."""
    if isinstance(step, int):
        return f"[{step}]"
    name = str(step)
    return f".{name}" if re.fullmatch(r"\w{1,80}", name, re.ASCII) else f"[{json.dumps(name[:80])}]"


def _shown(value: object) -> str:
    written = json.dumps(value, default=str)
    return written if len(written) <= MOST_VALUE else f"{written[:MOST_VALUE - 3]}..."
