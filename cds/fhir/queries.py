"""What is asked of an EHR for the rules of a hook: prefetch templates for discovery, and searches for what prefetch left out.

Templates use only instance reads and type searches with widely supported parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from cds.rulebook import Rulebook
from cds.rulefile.language import VERBS
from cds.rulefile.rule import Ask, Comparison, Rule, asks, lists_of

_PATIENT = "{{context.patientId}}"
_KEYS = {"patient": ("patient",), "conditions": ("conditions",), "medications": ("medicationstatements", "medicationrequests"),
         "allergies": ("allergies",), "observations": ("observations",), "procedures": ("procedures",), "adverse-events": ("adverseevents",)}
_ORDERED = ("patient", "conditions", "medicationstatements", "medicationrequests", "observations", "allergies", "procedures",
            "medicationadministrations", "adverseevents")
_PAGE = "_count=100"
_INCLUDED = {"medicationstatements": "_include=MedicationStatement:medication", "medicationrequests": "_include=MedicationRequest:medication",
             "medicationadministrations": "_include=MedicationAdministration:medication"}
_INTENTS = "intent=plan,order,original-order,reflex-order,filler-order,instance-order"
"""Some servers refuse a search for orders without intents; proposals and options are never taken for a drug in use."""
Searches = Mapping[str, tuple[str, ...]]
"""Prefetch key -> templates that ask for the same, the next one for servers that refuse the one before."""


def prefetch(hook: str, rules: list[Rule], book: Rulebook) -> dict[str, str]:
    """Prefetch key -> template, for every list the rules of a hook read."""
    found = [ask for rule in rules for ask in _asks(rule)]
    lists = {name for ask in found for name in lists_of(ask.clause)}
    measured = {ask.clause.head for ask in found if VERBS[ask.clause.verb].head == "measurement"}
    measured |= {name for ask in found for name in ask.clause.word("not_refuted_by") or ()}
    if any(isinstance(ask.clause.head, Comparison) and ask.clause.head.amount.dimension in ("dose", "dose rate") for ask in found):
        measured.add("body-weight")
    keys = {key for name in lists for key in _KEYS[name]}
    if hook == "patient-view":
        keys |= {"medicationstatements", "medicationrequests", "medicationadministrations"}
    templates = {
        "patient": f"Patient/{_PATIENT}", "conditions": f"Condition?patient={_PATIENT}",
        "medicationstatements": f"MedicationStatement?patient={_PATIENT}", "medicationrequests": f"MedicationRequest?patient={_PATIENT}",
        "allergies": f"AllergyIntolerance?patient={_PATIENT}", "medicationadministrations": f"MedicationAdministration?patient={_PATIENT}",
        "procedures": f"Procedure?patient={_PATIENT}", "adverseevents": f"AdverseEvent?subject=Patient/{_PATIENT}",
        "observations": f"Observation?patient={_PATIENT}&code={','.join(_codes(measured, book))}&_sort=-date&_count=100",
    }
    return {key: templates[key] for key in _ORDERED if key in keys and (key != "observations" or measured)}


def _asks(rule: Rule) -> Iterator[Ask]:
    yield from asks(rule.applies_when)
    yield from asks(rule.met_when)
    for level in rule.levels:
        if level.when is not None:
            yield from asks(level.when)


def _codes(measured: set[Any], book: Rulebook) -> list[str]:
    names = dict.fromkeys(name for term in sorted(measured) for name in (*book.terms[term].sent_in, term))
    codes = dict.fromkeys(code for name in names for code in book.recogniser.loinc_codes(name))
    return [f"http://loinc.org|{code}" for code in codes]


def searches(hook: str, book: Rulebook) -> Searches:
    """For every list the rules of a hook read, how a server is asked for it."""
    templates = prefetch(hook, [rule for rule in book.rules if hook in rule.hooks], book)
    return {key: _ways(key, template) for key, template in templates.items()}


def _ways(key: str, template: str) -> tuple[str, ...]:
    if key == "patient":
        return (template,)
    full = "&".join((template, *([] if _PAGE in template else [_PAGE]), *([_INCLUDED[key]] if key in _INCLUDED else [])))
    if key == "medicationrequests":
        return full, f"{full}&{_INTENTS}", f"{template}&{_INTENTS}"
    return full, template.partition("&_sort")[0]


def filled(template: str, patient_id: str) -> str:
    """A template for one patient, encoded for a URL and relative to the base."""
    return quote(template, safe="/?&=,:{}").replace(_PATIENT, quote(patient_id, safe=""))
