"""Chart lines of examples about lists as a whole: empty, all refuted, said to be empty, or last written into at some time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from cds.examples.lines import NOW, Slip, ago, choice, whole_day
from cds.facts.model import LISTS, Recorded
from cds.rulefile.language import WHOLE_LISTS
from cds.rulefile.source import Node

WORDS: dict[str, tuple[str, ...]] = {"nothing_recorded": (), "only_refuted": (), "none_known": ("last",), "list_updated": ("last",), "not_sent": ()}
"""Every such line and the words that may follow; a list without a line holds an entry of today."""
_NEVER = "never"


def recorded(drawn: dict[str, Recorded], unread: Collection[str]) -> dict[str, Recorded]:
    """Every list as a whole: as its line says, else with an entry of today where it was read."""
    usual = Recorded(True, newest=whole_day(NOW), text="an entry of today")
    return {name: drawn.get(name) or (Recorded() if name in unread else usual) for name in WHOLE_LISTS}


def _nothing_recorded(line: Node, head: Node, draft: Any) -> None:
    name = choice(line, "nothing_recorded", WHOLE_LISTS)
    if name == "allergies":
        draft.empty.add(name)
    draft.recorded[name] = Recorded()


def _only_refuted(line: Node, head: Node, draft: Any) -> None:
    draft.recorded[choice(line, "only_refuted", WHOLE_LISTS)] = Recorded(refuted=True)


def _none_known(line: Node, head: Node, draft: Any) -> None:
    draft.recorded[choice(line, "none_known", WHOLE_LISTS)] = _dated(line, False)


def _list_updated(line: Node, head: Node, draft: Any) -> None:
    draft.recorded[choice(line, "list_updated", WHOLE_LISTS)] = _dated(line, True)


def _dated(line: Node, entries: bool) -> Recorded:
    last = line.get("last")
    if last is None:
        raise Slip(line, "missing-key", f"`{next(iter(line.mapping))}` has no `last`", f"Say when: `last: 3 days ago`, or `last: {_NEVER}`.")
    if last.text == _NEVER:
        return Recorded(entries, denied=not entries)
    return Recorded(entries, False, not entries, ago(last), f"line/{line.place.line}", f"newest entry, {last.text}")


def _not_sent(line: Node, head: Node, draft: Any) -> None:
    draft.unsent.add(choice(line, "not_sent", tuple(LISTS)))


READERS: dict[str, Callable[[Node, Node, Any], None]] = {
    "nothing_recorded": _nothing_recorded, "only_refuted": _only_refuted, "none_known": _none_known, "list_updated": _list_updated,
    "not_sent": _not_sent,
}
