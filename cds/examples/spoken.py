"""The chart of an example in English, one phrase per line."""

from __future__ import annotations

from collections.abc import Mapping

from cds.examples.whole_lists import WORDS as WHOLE
from cds.facts.model import LISTS
from cds.rulefile.rule import Example
from cds.rulefile.source import Node

_HEADS = {
    "ordering": "the order is for {}", "taking": "the patient takes {}", "took": "the patient took {}", "has": "the patient has {}",
    "had": "the patient once had {}", "age": "the patient is {} old", "sex": "the patient's sex is {}", "at": "the hook is {}",
    "unavailable": "the {} could not be read", "unclassified": "one medication cannot be told", "nothing_recorded": "the {} is empty", "only_refuted": "every entry of the {} was refuted",
    "none_known": "the {} is said to be empty", "list_updated": "the {} holds an entry",
}
_WORDS = {
    "by_route": "{} route", "for": "for {}", "dose": "dose {}", "over": "over {}", "rate": "rate {}", "method": "given as a {}",
    "strength": "product of {}", "diluted": "to be diluted", "planned": "planned {}", "status": "status: {}", "daily_dose": "{} a day",
    "stopped": "stopped {}", "began": "began {}", "entered": "entered {}", "diagnosis": "{} diagnosis", "was": "{}", "taken": "{}", "before": "before {}", "last": "the newest from {}",
    "by": "recorded by {}",
}


def lines(example: Example, says: Mapping[str, str]) -> list[str]:
    """Every line of an example's chart as a phrase; a word without a phrase of its own is said as it is written."""
    return [_line(one, says) for one in example.chart]


def _line(node: Node, says: Mapping[str, str]) -> str:
    (verb, head), *words = node.mapping.items()
    name = LISTS.get(head.text, head.text) if verb in ("unavailable", *WHOLE) else _said(head, says)
    lead = f"{name} was measured" if verb == "measured" else _HEADS.get(verb, verb.replace("_", " ") + ": {}").format(name)
    return ", ".join([lead, *(_word(word, child, says) for word, child in words)])


def _word(word: str, value: Node, says: Mapping[str, str]) -> str:
    if word == "matched":
        return "known by its name only" if value.text == "name" else f"matched by {_said(value, says)}"
    return _WORDS.get(word, word.replace("_", " ") + ": {}").format(_said(value, says))


def _said(value: Node, says: Mapping[str, str]) -> str:
    if value.items:
        return "; ".join(_said(one, says) for one in value.items)
    if value.mapping:
        return "; ".join(f"{key.replace('_', ' ')}: {_said(one, says)}" for key, one in value.mapping.items())
    return f"“{says[value.text]}”" if value.text in says else value.text
