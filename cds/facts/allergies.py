"""Allergies and intolerances that count: FHIR R4 AllergyIntolerance, refuted and entered-in-error left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cds.facts.model import Allergy
from cds.fhir import read
from cds.fhir.bundles import Chart
from cds.terms.recognise import Recogniser

_REFUTED = frozenset({"refuted", "entered-in-error"})


def allergies(chart: Chart, recogniser: Recogniser) -> Iterator[Allergy | Mapping[str, Any]]:
    """Every allergy to a drug the rules know; a raw resource comes back where its substance cannot be read."""
    for resource in chart.resources.get("AllergyIntolerance", ()):
        if not read.codes(resource.get("verificationStatus")).isdisjoint(_REFUTED):
            continue
        concepts = [read.concept(resource.get("code")),
                    *(read.concept(one.get("substance")) for one in read.listed(resource.get("reaction")))]
        known = [recogniser.medication(codings, said) for codings, said in concepts if codings or said]
        terms = {name: how for one in known for name, how in one.terms.items()}
        if terms:
            name = next(one.name for one in known if one.terms)
            gone = sorted(read.codes(resource.get("clinicalStatus")) & {"inactive", "resolved"})
            yield Allergy(read.name(resource), name, f"{name}, allergy {gone[0] if gone else 'recorded'}", terms, tuple(gone))
        elif not any(one.named for one in known):
            yield resource
