"""`cds schema`: the JSON Schema of each kind of file, as editors use it.

The linter holds files against the schemas in cds/schemas, which say no more of a clause than that it is one, and reads clauses and
chart lines by its own tables, because it can say better what is wrong with them.  What is printed here adds those tables, so that
an editor completes and checks every word; a YAML reader that takes `2024` for a number is served too.
"""

from __future__ import annotations

import re
import sys
from copy import deepcopy
from functools import lru_cache
from typing import Any

import orjson

from cds.authoring.clause_schema import chart_line, clause
from cds.authoring.schema_words import WORDS
from cds.rulefile import shape


def schema(kind: str) -> int:
    """Print the schema of one kind of file."""
    sys.stdout.buffer.write(orjson.dumps(published(kind), option=orjson.OPT_INDENT_2) + b"\n")
    return 0


def kinds() -> tuple[str, ...]:
    """Every kind of file there is a schema for."""
    return shape.kinds()


@lru_cache
def published(kind: str) -> dict:
    """The schema of one kind of file with every word spelled out; LookupError lists what there is."""
    if kind not in kinds():
        raise LookupError(f"there is no schema `{kind}`; choose one of {', '.join(kinds())}")
    found = _described(deepcopy(shape.schema(kind)), WORDS.get(kind, {}))
    if kind == "rule":
        found["$defs"] |= {"clause": clause(), "line": chart_line()}
        found["properties"]["examples"]["items"]["properties"]["chart"]["items"] = {"$ref": "#/$defs/line"}
    return _as_editors_read(found)


def _described(part: Any, words: dict[str, str]) -> Any:
    if isinstance(part, list):
        return [_described(one, words) for one in part]
    if not isinstance(part, dict):
        return part
    found = {key: _described(value, words) for key, value in part.items()}
    if isinstance(part.get("properties"), dict):
        found["properties"] = {key: {"description": words[key], **value} if isinstance(value, dict) and key in words else value
                               for key, value in found["properties"].items()}
    return found


def _as_editors_read(part: Any) -> Any:
    """The same for a reader that gives plain `true`, `12` and `1.5` types of their own; ours keeps every one as text."""
    if isinstance(part, list):
        return [_as_editors_read(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {key: _as_editors_read(value) for key, value in part.items()}
    choices = found["enum"] if isinstance(found.get("enum"), list) else [found["const"]] if isinstance(found.get("const"), str) else []
    typed = [True for one in choices if one == "true"] + [int(one) for one in choices if str(one).isdigit()]
    if typed:
        found.pop("const", None)
        found["enum"] = [*choices, *typed]
    if found.get("type") == "string":
        pattern = found.get("pattern")
        numbers = pattern is None or any(re.search(pattern, text) for text in ("1", "2024"))
        if pattern is None or numbers:
            found["type"] = ["string", "number", "boolean"] if pattern is None else ["string", "integer"]
    return found
