"""The order of keys, read off a JSON Schema: that in which it lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIRST_STAYS = "Its first key says what it is and stays first."
"""The `$comment` of a schema whose first key must not move."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """The schemas that a value may have, alternatives side by side, and the definitions they refer to."""

    found: tuple[Mapping[str, Any], ...]
    definitions: Mapping[str, Any]

    def order(self, keys: Sequence[str]) -> dict[str, int]:
        """The place of each key in the schema that fits a mapping best; a key without one stays behind the others."""
        best = self._best(keys)
        return {key: place for place, key in enumerate(best)} if best else {key: place for place, key in enumerate(keys)}

    def below(self, key: str | None, keys: Sequence[str]) -> Shapes:
        """The schemas of what stands under a key of a mapping that has these keys, or, without a key, of an entry of a list."""
        if key is None:
            return self._of([shape["items"] for shape in self.found if isinstance(shape.get("items"), Mapping)])
        best = self._best(keys)
        fitting = [shape for shape in self.found if shape.get("properties") == best] if best else []
        under = [shape["properties"][key] for shape in fitting if key in shape["properties"]]
        return self._of(under or [shape["additionalProperties"] for shape in self.found if isinstance(shape.get("additionalProperties"), Mapping)])

    def _best(self, keys: Sequence[str]) -> Mapping[str, Any] | None:
        listed = [shape for shape in self.found if shape.get("properties")]
        fitting = [shape["properties"] for shape in listed
                   if set(keys) & set(shape["properties"]) and (shape.get("$comment") != FIRST_STAYS or next(iter(shape["properties"])) == keys[0])]
        return max(fitting, key=lambda one: len(set(keys) & set(one)), default=None)

    def _of(self, schemas: Sequence[Mapping[str, Any]]) -> Shapes:
        found: list[Mapping[str, Any]] = []
        todo = list(schemas)
        while todo:
            schema = todo.pop(0)
            found.append(schema)
            todo += [one for word in ("anyOf", "oneOf", "allOf") for one in schema.get(word, ())]
            if "$ref" in schema:
                todo.append(self.definitions[schema["$ref"].removeprefix("#/$defs/")])
        return Shapes(tuple(found), self.definitions)


def shapes(schema: Mapping[str, Any]) -> Shapes:
    """What a whole file may be."""
    return Shapes((), schema.get("$defs", {}))._of([schema])
