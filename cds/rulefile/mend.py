"""Put a stand-in where a file has not the right shape, so that the rest of it is checked in the same go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jsonschema.exceptions import ValidationError

from cds.rulefile.problems import Place
from cds.rulefile.source import Node

_CARD = {"show": "info", "summary": "stand-in", "when": {"at": "order-sign"}}
_STAND_INS: dict[str, object] = {
    "rule": "stand-in", "version": "1.0.0", "status": "draft", "kind": "dosing", "title": "stand-in", "why": "stand-in",
    "effective": {"from": "2000-01-01", "until": "2999-01-01"}, "review": "pending", "hooks": ["order-sign"],
    "applies_when": {"at": "order-sign"}, "met_when": {"at": "order-sign"}, "if_met": "nothing", "if_not_met": "nothing",
    "if_unknown": "nothing", "evidence": [], "examples": [],
}


def mended(root: Node, errors: Iterable[ValidationError]) -> Node | None:
    """A rule in which every departure gave way to a stand-in.

    Entries of `examples`, `evidence` and `settings` that are wrong are left out.  None where nothing can be saved.
    """
    if not root.mapping:
        return None
    node, replaced = _copy(root), set()
    dropped: list[tuple[list[Node], Node]] = []
    for error in errors:
        path = list(error.absolute_path)
        if path[:1] in (["examples"], ["evidence"]) and len(path) > 1:
            dropped.append((node.mapping[path[0]].items, node.mapping[path[0]].items[path[1]]))
        elif path[:1] == ["settings"] and len(path) > 1:
            node.mapping["settings"].mapping.pop(path[1], None)
        else:
            replaced |= _stand_in(node, error, path)
    for entries, wrong in dropped:
        entries[:] = [entry for entry in entries if entry is not wrong]
    for key in replaced:
        node.mapping.pop(key, None)
        if key in _STAND_INS:
            node.mapping[key] = _node(_STAND_INS[key], root.key_place(key))
    return node


def _stand_in(node: Node, error: ValidationError, path: list[str | int]) -> set[str]:
    """Mend one departure in place; what cannot be mended in part is the key on top that gives way as a whole."""
    here = node.at(iter(path))
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in here.mapping]
        if not path:
            return set(missing)
        if all(key in _CARD for key in missing):
            here.mapping.update({key: _node(_CARD[key], here.place) for key in missing})
            return set()
    elif error.validator == "additionalProperties":
        for key in set(here.mapping) - set(error.schema["properties"]):
            del here.mapping[key]
        return set()
    elif len(path) > 1 and path[-1] in _CARD:
        node.at(iter(path[:-1])).mapping[str(path[-1])] = _node(_CARD[str(path[-1])], here.place)
        return set()
    return {str(path[0])} if path else set()


def _copy(node: Node) -> Node:
    value = node.value
    if isinstance(value, Mapping):
        return Node({key: _copy(child) for key, child in value.items()}, node.place, node.keys)
    return Node([_copy(child) for child in value], node.place) if isinstance(value, list) else node


def _node(plain: object, place: Place) -> Node:
    if isinstance(plain, Mapping):
        return Node({key: _node(child, place) for key, child in plain.items()}, place)
    return Node([_node(child, place) for child in plain] if isinstance(plain, list) else str(plain), place)
