"""The JSON Schema of clauses and chart lines, made from the same tables the linter reads them by."""

from __future__ import annotations

from cds.examples.chart import WORDS
from cds.quantities import UNITS, quantity
from cds.rulefile.clauses import COMPARED, TERMS
from cds.rulefile.language import CHOICES, EXTRA_WORDS, GROUPS, HOOKS, RESULTS, ROUTES, SEXES, VERBS, Verb
from cds.rulefile.order import FIRST_STAYS

NAME = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
_SETTING = "[a-z][a-z0-9_]*"
_HOW = "(above|below|at least|at most) "
_CHOICES = {"by_route": ROUTES, "not_in_remission": ("true",), "left_to_the_day": ("true",), "if_absent": ("no",), "if_cut_off": ("no",), **CHOICES}
_ALSO = {"is": RESULTS}
SAID = {
    "all": "Every clause of this list holds.", "any": "At least one clause of this list holds.", "none": "No clause of this list holds.",
    "ordering": "The order is for a drug of this term.",
    "taking": "The patient takes a drug of this term, or has it ordered now.",
    "taking_classes": "The patient takes drugs of several of these terms.",
    "has": "The patient has this condition now.", "has_had": "The patient has this condition now or had it before.",
    "allergic_to": "The allergy list names a drug of this term.",
    "had_procedure": "The patient has had this procedure.",
    "had_adverse_event": "An adverse event is laid to a drug of this term.",
    "measured": "The newest measurement of this term compares so.", "not_measured": "There is no such measurement.",
    "changed": "The newest measurement differs from an earlier one by such a share.",
    "two_values_of": "The newest measurement and an earlier one are such a multiple of each other.",
    "age": "The patient's age compares so.", "sex": "The patient's sex is this.", "at": "The moment is this one (the hook).",
    "order_dose": "The dose of the order compares so.", "order_rate": "The rate of the order compares so.",
    "order_duration": "The infusion time of the order compares so.", "order_strength": "The strength of the ordered product compares so.",
    "nothing_recorded": "This list was read and holds no entry, nor one that says that there are none.",
    "list_updated": "The newest dated entry of this list, ketamine apart, is of this time; without a time, there is a dated entry.",
    "records_contradict": "Two entries of this list from different sources have the same code, one current and one over.",
    "finding": "Another rule is met; here stands its id.",
    "unless": "Exceptions that excuse this clause, each with its `because`.", "because": "Why, in one sentence.",
    "by_route": "Only by this route.", "for": "Only where the order gives this condition as its reason.",
    "or_stopped_within": "Also where it was stopped no longer ago than this.", "daily_dose": "Only where the daily dose compares so.",
    "at_least": "The least number or multiple, for example `2 classes`, `2 drugs` or `2 times`.",
    "at_most": "The greatest multiple, for example `2.4 times`.",
    "began_within": "Only where it began no longer ago than this.",
    "not_in_remission": "Only where it is not in remission (`true`).", "within": "Counts back so far from now.",
    "longer_ago_than": "Only where it is longer ago than this; not together with `within`.",
    "is": "How the value compares, for example `above 140 mmHg`; or `positive` or `negative`.", "by": "By how much, for example `above 10 %`.",
    "if_absent": "`no`: a missing value counts as no; say why under `because`.",
    "left_to_the_day": "`true`: a missing value is asked for on the day of treatment.",
    "left_to_the_day_within": "A missing value is asked for on the day where there is one no older than this.",
    "not_ended_by": "A list of conditions; not where one of them was recorded later.",
    "not_refuted_by": "A list of measurements; not where one of them came out negative later.",
    "without_diagnosis": "A list of conditions; only where none of them is on the problem list in any state.",
    "not_even": "`refuted`: also no entry that was refuted or entered in error.",
    "about": "A list of terms; only entries of one of them.",
    "refuted_after": "How long after the record a negative result has to lie before it counts.",
    "by_more_than": "Only where the limit is passed by more than this share.",
    "if_cut_off": "`no`: what a list that was cut off at its oldest entries leaves out counts as no; say why under `because`.",
    "weight_within": "How old a body weight may be for a dose per kg.",
    "recorded_as": "Only where it is recorded as this.", "criticality": "Only at this criticality.", "seriousness": "Only at this seriousness.",
    "reaction": "Only with a reaction of this term.", "reaction_other_than": "Only with a reaction outside this term.",
}
"""What an editor and the manual say about each word."""


def clause() -> dict:
    """Any clause or group, as `$defs/clause`; clauses inside refer to it by that name."""
    return {"description": "A clause: one word and what follows it.", "type": "object", "minProperties": 1,
            "anyOf": [*(_group(kind) for kind in GROUPS), *(_verb(verb, shape) for verb, shape in VERBS.items())]}


def chart_line() -> dict:
    """Any line of an example's chart, as `$defs/line`."""
    choices = {"by_route": ROUTES, "sex": SEXES, "at": HOOKS}
    text = {"type": "string", "minLength": 1}
    value = {"anyOf": [text, {"type": "array", "minItems": 1, "items": text}]}
    return {"description": "One thing the record says.", "type": "object", "minProperties": 1, "anyOf": [
        {"$comment": FIRST_STAYS, "type": "object", "additionalProperties": False, "required": [verb],
         "properties": {word: {"enum": list(choices[word])} if word in choices else value for word in (verb, *words)}}
        for verb, words in WORDS.items()]}


def _group(kind: str) -> dict:
    return {"$comment": FIRST_STAYS, "type": "object", "additionalProperties": False, "required": [kind],
            "properties": {kind: {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/clause"}, "description": SAID[kind]}, **_extra()}}


def _verb(verb: str, shape: Verb) -> dict:
    words = {word: _word(verb, word, shape) for word in shape.words if word not in EXTRA_WORDS}
    found = {"$comment": FIRST_STAYS, "type": "object", "additionalProperties": False, "required": [verb, *shape.needs],
             "properties": {verb: _said(verb, _head(verb, shape)), **words, **_extra()}}
    needs = {word: ["because"] for word in ("if_absent", "if_cut_off") if word in words}
    found |= {"dependentRequired": needs} if needs else {}
    return found | {"not": {"required": list(shape.apart)}} if shape.apart else found


def _extra() -> dict:
    because = {"type": "string", "minLength": 1}
    exceptions = {"type": "array", "minItems": 1, "items": {"allOf": [{"$ref": "#/$defs/clause"}, {"required": ["because"]}]}}
    return {"because": _said("because", because), "unless": _said("unless", exceptions)}


def _head(verb: str, shape: Verb) -> dict:
    if shape.head == "choice":
        return {"enum": list(shape.choices)}
    if shape.head == "comparison":
        compared = _amount(_HOW, shape.measures.get(verb, ()))
        return {"anyOf": [{"enum": list(shape.choices)}, compared]} if shape.choices else compared
    if shape.head == "medications":
        return {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": NAME}}
    return {"type": "string", "pattern": NAME}


def _word(verb: str, word: str, shape: Verb) -> dict:
    if word in _CHOICES:
        return _said(word, {"enum": list(_CHOICES[word])})
    if word in shape.measures:
        amount = _amount(_HOW if word in COMPARED.get(verb, ()) and word != "at_least" else "", shape.measures[word])
        return _said(word, {"anyOf": [{"enum": list(_ALSO[word])}, amount]} if _ALSO.get(word) else amount)
    name = {"type": "string", "pattern": NAME}
    return _said(word, {"type": "array", "minItems": 1, "items": name} if word in TERMS else name)


def _amount(how: str, dimensions: tuple[str, ...]) -> dict:
    """An amount of these dimensions, or the name of a setting, after the words of a comparison."""
    units = [unit for dimension in dimensions for unit in UNITS[dimension] if _dimension(unit) == dimension]
    written = "|".join(sorted((_plain(unit) for unit in units), key=lambda unit: (-len(unit), unit)))
    return {"type": "string", "pattern": f"^{how}({_SETTING}|[0-9]{{1,12}}([.][0-9]{{1,9}})?\\s*({written}))$"}


def _dimension(unit: str) -> str | None:
    """What `quantity` takes a unit for, where it reads it at all."""
    try:
        return quantity(f"1 {unit}").dimension
    except ValueError:
        return None


def _plain(text: str) -> str:
    """A text as a regular expression of JavaScript and Python that matches only itself."""
    return "".join(f"[{char}]" if char in ".{}()/+*?$|" else f"\\{char}" if char in "[]^\\" else char for char in text)


def _said(word: str, found: dict) -> dict:
    return {**found, "description": SAID[word]}
