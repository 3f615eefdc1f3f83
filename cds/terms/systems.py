"""Code systems by every spelling EHRs use: web address, OID, or plain name, with stray blanks, another case or a version behind it."""

from __future__ import annotations

from functools import lru_cache

RXNORM, ICD10, SNOMED, LOINC, UNII, ABSENT = "RxNorm", "ICD-10-CM", "SNOMED CT", "LOINC", "UNII", "NullFlavor"
"""ICD-10 counts as ICD-10-CM; NullFlavor stands for the systems whose codes say why there is no code."""
_KNOWN = {
    RXNORM: ("www.nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88", "rxnorm"),
    ICD10: ("hl7.org/fhir/sid/icd-10-cm", "hl7.org/fhir/sid/icd-10", "2.16.840.1.113883.6.90", "2.16.840.1.113883.6.3", "icd-10-cm", "icd-10",
            "icd10cm", "icd10"),
    SNOMED: ("snomed.info/sct", "2.16.840.1.113883.6.96", "snomedct", "snomed-ct", "snomed"),
    LOINC: ("loinc.org", "2.16.840.1.113883.6.1", "loinc"), UNII: ("fdasis.nlm.nih.gov", "2.16.840.1.113883.4.9", "unii"),
    ABSENT: ("terminology.hl7.org/codesystem/data-absent-reason", "hl7.org/fhir/data-absent-reason", "terminology.hl7.org/codesystem/v3-nullflavor",
             "hl7.org/fhir/v3/nullflavor", "2.16.840.1.113883.5.1008", "nullflavor")}
_BEGINNINGS = (("snomed.info/sct/", SNOMED), ("icd.who.int/browse10/", ICD10))
"""Addresses that go on with an edition."""
_SYSTEMS = {spelled: name for name, spellings in _KNOWN.items() for spelled in spellings}


@lru_cache(maxsize=4096)
def system(spelled: str) -> str:
    """Which of our code systems is meant; empty for any other."""
    plain = "".join(spelled[:200].split()).casefold().partition("|")[0].rstrip("/")
    for prefix in ("http://", "https://", "urn:oid:", "oid:"):
        plain = plain.removeprefix(prefix)
    return _SYSTEMS.get(plain) or next((name for start, name in _BEGINNINGS if plain.startswith(start)), "")
