"""Hold a file against its JSON Schema and say every departure in the author's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from cds.rulefile.problems import Problem, did_you_mean, misspelt
from cds.rulefile.source import Node

_FOLDER = Path(__file__).parent.parent / "schemas"

ADVICE = {
    "effective": "Add `effective:` with the first day it applies, `from: YYYY-MM-DD`.",
    "review": "Add `review:` with `by`, `on` and `due`, write `review: pending`, or set `status: draft`.",
    "if_unknown": "Say what the clinician sees when data is missing, usually `if_unknown: not-checked`.",
    "if_not_met": "Say what happens when the criteria are not met, usually `if_not_met: nothing`.",
    "evidence": "Cite at least one source of evidence.yaml.",
    "examples": "Add one example for each answer the rule can give.",
}
_FORMS = {
    "rule": "Use lower-case words joined by `-`, for example `theophylline`.",
    "version": "Use three numbers, for example `1.0.0`.",
    "site_may_use": "Write the least and the greatest value, for example `3 days to 14 days`.",
    "expect": "Write `met`, `met critical`, `met warning`, `met info`, `not met`, `unknown` (perhaps `unknown warning` or `unknown info`) or `does not apply`.",
}


def kinds() -> tuple[str, ...]:
    """Every kind of file there is a schema for."""
    return tuple(sorted(path.name.removesuffix(".schema.json") for path in _FOLDER.glob("*.schema.json")))


@lru_cache(maxsize=8)
def schema(kind: str) -> dict:
    """The JSON Schema of one kind of file, for example `rule`."""
    return json.loads((_FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=8)
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(schema(kind))


def check(kind: str, root: Node, problems: list[Problem]) -> bool:
    """Note every departure of a file from its schema; True when there is none."""
    return not departures(kind, root, problems)


def departures(kind: str, root: Node, problems: list[Problem]) -> list[ValidationError]:
    """The same, with each departure as JSON Schema names it."""
    found = [_most_telling(error) for error in _validator(kind).iter_errors(root.plain())]
    found.sort(key=lambda error: [str(step) for step in error.absolute_path])
    for error in found:
        problems.extend(_problems(error, root, kind))
    return found


def sound(kind: str, root: Node, problems: list[Problem]) -> dict[str, Node]:
    """The entries of a file of named entries that have the right shape; every departure is noted."""
    found = departures(kind, root, problems)
    wrong = {str(error.absolute_path[0]) for error in found if error.absolute_path}
    if any(not error.absolute_path and error.validator != "pattern" for error in found):
        return {}
    return {name: node for name, node in root.mapping.items() if name not in wrong}


def _most_telling(error: ValidationError) -> ValidationError:
    while error.validator == "oneOf" and error.context:
        branches: dict[object, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        fitting = [found for found in branches.values() if not any(e.validator in ("type", "const", "enum") and not e.path for e in found)]
        if not fitting:
            return error
        error = min(fitting, key=len)[0]
    return error


def _problems(error: ValidationError, root: Node, kind: str) -> Iterator[Problem]:
    path = list(error.absolute_path)
    here = root.at(iter(path))
    where = next((step for step in reversed(path) if isinstance(step, str)), f"the {kind}")
    if error.validator == "required":
        for key in error.validator_value:
            if key not in here.mapping and not misspelt(key, here.mapping.keys() - error.schema.get("properties", {}).keys()):
                yield Problem(here.place, "missing-key", f"{where} has no `{key}`", ADVICE.get(key, f"Add `{key}:`."))
    elif error.validator == "additionalProperties":
        known = error.schema["properties"]
        for key in here.mapping:
            if key not in known:
                yield Problem(here.key_place(key), "unknown-key", f"`{key}` is not a key of {where}",
                              did_you_mean(key, known, f"Use one of: {', '.join(known)}."))
    elif error.validator in ("enum", "const"):
        choices = error.validator_value if error.validator == "enum" else [error.validator_value]
        yield Problem(here.place, "not-a-choice", f"`{where}` cannot be `{here.text}`",
                      did_you_mean(here.text, choices, f"Use one of: {', '.join(choices)}."))
    elif error.validator == "maxLength":
        yield Problem(here.place, "too-long", f"`{where}` has {len(here.text)} characters; at most {error.validator_value} fit",
                      "Say it shorter; details belong in `advice` or `why`.")
    elif error.validator == "pattern":
        yield Problem(here.place, "bad-form", f"`{here.text}` is not a valid `{where}`",
                      _FORMS.get(where, "Use a full date, for example `2026-03-01`."))
    else:
        yield Problem(here.place, "bad-form", f"`{where}` has the wrong form", _form(error, where))


def _form(error: ValidationError, where: str) -> str:
    if error.validator == "type":
        kinds = {"object": "keys with values below it", "array": "a list, one `- ` per entry", "string": "plain text"}
        return f"`{where}` takes {kinds.get(str(error.validator_value), str(error.validator_value))}."
    if error.validator in ("minLength", "minItems", "minProperties"):
        return f"`{where}` must not be empty" + (f"; at least {error.validator_value} are needed." if error.validator == "minItems" else ".")
    if error.validator == "uniqueItems":
        return f"Each entry of `{where}` may stand there once."
    return f"See `cds new` for a rule in which `{where}` is filled in."
