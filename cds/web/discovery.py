"""What the service offers and what it asks clients to prefetch, derived from the rules of each hook.

CDS Hooks 2.0.1, "Discovery"; templates use only instance reads and type searches with widely supported parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds.hooks.request import HOOKS
from cds.rulebook import Rulebook
from cds.rulefile.language import READS_TOO, VERBS
from cds.rulefile.rule import Ask, Comparison, Rule, asks
from cds.web import site

_PATIENT = "{{context.patientId}}"
_TITLES = {"patient-view": "Ketamine therapy: open chart", "order-select": "Ketamine therapy: selecting an order",
           "order-sign": "Ketamine therapy: signing an order"}
_KEYS = {"patient": ("patient",), "conditions": ("conditions",), "medications": ("medicationstatements", "medicationrequests"),
         "allergies": ("allergies",), "observations": ("observations",), "procedures": ("procedures",), "adverse-events": ("adverseevents",)}
_ORDERED = ("patient", "conditions", "medicationstatements", "medicationrequests", "observations", "allergies", "procedures",
            "medicationadministrations", "adverseevents")


def service_id(hook: str) -> str:
    """The id of the one service that answers a hook."""
    return f"ketamine-{hook}"


def services(book: Rulebook) -> dict[str, Any]:
    """The discovery document."""
    return {"services": [_service(hook, book) for hook in HOOKS]}


def _service(hook: str, book: Rulebook) -> dict[str, Any]:
    rules = [rule for rule in book.rules if hook in rule.hooks]
    titles = "; ".join(rule.title for rule in rules if not rule.silent)
    here = site.unchecked(book)
    return {
        "hook": hook,
        "id": service_id(hook),
        "title": _TITLES[hook],
        "description": f"Contraindications, interactions and dosing of ketamine and esketamine. Checks: {titles}. "
                       f"Rulebook {book.book.version}, awaiting clinical sign-off; says what it could not check." + (f" {here}" if here else ""),
        "prefetch": prefetch(hook, rules, book),
        "usageRequirements": "Send the prefetch lists complete, or not at all: a list that is missing, null, an error or cut off is reported "
                             "as not checked; procedures and adverse events are used where they are sent. " +
                             ("Draft orders are read from context.draftOrders." if hook != "patient-view" else
                                                   "Speaks only about patients with ketamine or esketamine in the last 365 days."),
    }


def prefetch(hook: str, rules: list[Rule], book: Rulebook) -> dict[str, str]:
    """Prefetch key -> template, for every list the rules of a hook read."""
    found = [ask for rule in rules for ask in _asks(rule)]
    lists = {VERBS[ask.clause.verb].reads for ask in found} | {READS_TOO.get(word, "") for ask in found for word, _ in ask.clause.words}
    measured = {ask.clause.head for ask in found if VERBS[ask.clause.verb].head == "measurement"}
    measured |= {name for ask in found for name in ask.clause.word("not_refuted_by") or ()}
    if any(isinstance(ask.clause.head, Comparison) and ask.clause.head.amount.dimension in ("dose", "dose rate") for ask in found):
        measured.add("body-weight")
    keys = {key for name in lists if name for key in _KEYS[name]}
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
