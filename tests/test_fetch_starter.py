"""A real FHIR server (fhirstarter, R4B, bearer tokens, paging): what is fetched from it is judged as what would have been prefetched."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from charts import READY
from fetching import fetched, lines
from fhir.resources import R4B
from service import free_port, listens, running

from cds import pipeline
from cds.hooks.request import request

pytest.importorskip("fhirstarter", reason="fhirstarter is in the extra `test`")
HOME = Path(__file__).resolve().parent
STORIES = HOME.parent / "fhir_fixtures"
TOKEN = "fixture-token-d41d8"
EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}
LISTS = ("conditions", "medicationstatements", "medicationrequests", "observations", "allergies")
Document = dict[str, Any]


def held(document: Document) -> list[Document] | None:
    """All prefetched resources of a story; None where a strict server could not hold them, or a list came incompletely."""
    prefetch, patient = document.get("prefetch") or {}, document["context"]["patientId"]
    found = [prefetch.get("patient") or {}]
    for key in (*LISTS, *(key for key in ("procedures", "adverseevents") if key in prefetch)):
        answer = prefetch.get(key) or {}
        if answer.get("resourceType") != "Bundle" or answer.get("total", 0) > len(answer.get("entry", ())) or answer.get("link"):
            return None
        found += [entry.get("resource") for entry in answer.get("entry", ())]
    return found if all(_strict(one, patient) for one in found) else None


def _strict(one: Document, patient: str) -> bool:
    try:
        R4B.get_fhir_model_class(one["resourceType"]).model_validate(one)
    except Exception:
        return False
    of = (one.get("subject") or one.get("patient") or {}).get("reference")
    return bool(one.get("id")) and (of == f"Patient/{patient}" or one["resourceType"] in ("Medication", "Patient"))


def _told() -> dict[str, tuple[Document, list[Document]]]:
    found, patients = {}, set()
    for folder in sorted(STORIES.iterdir()):
        document = json.loads((folder / "request.json").read_bytes()) if folder.is_dir() else {}
        patient = document.get("context", {}).get("patientId")
        resources = held(document) if patient and patient not in patients else None
        if resources:
            patients.add(patient)
            found[folder.name] = (document, resources)
    return found


STRICT = _told()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base of a running server with the charts of all stories that a strict server can hold."""
    port, file = free_port(), tmp_path_factory.mktemp("starter") / "resources.json"
    file.write_text(json.dumps([one for _, resources in STRICT.values() for one in resources]))
    process = subprocess.Popen([sys.executable, str(HOME / "starter.py"), str(port), str(file)], stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 90
        while not listens(port):
            assert process.poll() is None and time.monotonic() < until, "the FHIR server did not start"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def stripped(document: Document, base: str, token: str = TOKEN) -> Document:
    """A story's request without prefetch, and the right to fetch."""
    granted = {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read", "subject": "cds"}
    return {**document, "prefetch": {}, "fhirServer": base, "fhirAuthorization": granted}


def test_most_stories_can_be_held_by_a_strict_server():
    assert len(STRICT) >= 15


@pytest.mark.parametrize("story", STRICT)
def test_a_fetched_chart_gives_the_answers_of_a_prefetched_one(base: str, story: str):
    document, _ = STRICT[story]
    now = datetime.fromisoformat(json.loads((STORIES / story / "expected.json").read_bytes())["as_of"].replace("Z", "+00:00"))
    sent = {**document, "prefetch": {**document["prefetch"], "procedures": document["prefetch"].get("procedures", EMPTY),
                                     "adverseevents": document["prefetch"].get("adverseevents", EMPTY)}}
    expected = pipeline.decide(request(sent), READY, now, None, lambda: "id")
    found = fetched(stripped(document, base), [base], now=now).decision
    assert found.answers == expected.answers
    assert [card["summary"] for card in found.cards] == [card["summary"] for card in expected.cards]


def test_a_wrong_token_is_told_for_every_list_and_nothing_counts_as_absent(base: str):
    document, _ = STRICT["01-theophylline-active"]
    found = fetched(stripped(document, base, "wrong"), [base])
    assert not found.decision.evaluable
    assert {lines(found.cards)[name] for name in ("Medication list", "Problem list", "Allergy list")} == {"the EHR answered 401"}


def test_the_service_fetches_with_the_token_of_the_request(base: str):
    document, _ = STRICT["01-theophylline-active"]
    with running("--fhir-base", base, "--allow-local-fhir", "--deadline", "30000", "--as-of", "2026-06-30T10:00:00Z") as service:
        answer = service.ask(stripped(document, base))
        assert answer.status_code == 200 and any("heophylline" in card["summary"] for card in answer.json()["cards"])
        assert service.ask(stripped(document, base, "wrong")).status_code == 412
        assert service.ask(stripped(document, base + "/other")).status_code == 412
        assert TOKEN not in service.log() + answer.text + service.get("/metrics").text
