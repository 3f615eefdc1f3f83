"""A FHIR server made with fhirstarter, run as a child process: `python starter.py PORT FILE`, with the resources of FILE (a JSON array).

It answers R4B reads and searches by patient to callers with the right bearer token, three entries on a page.
"""

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlencode

os.environ["FHIR_SEQUENCE"] = "R4B"

import uvicorn
from fhir.resources import R4B
from fhirstarter import Depends, FHIRProvider, FHIRStarter, InteractionContext, Request
from fhirstarter.exceptions import FHIRResourceNotFoundError, FHIRUnauthorizedError

TOKEN = "fixture-token-d41d8"
PAGE = 3
TYPES = ("Patient", "Condition", "MedicationStatement", "MedicationRequest", "Observation", "AllergyIntolerance", "Procedure",
         "MedicationAdministration", "AdverseEvent", "Medication")
BUNDLE = R4B.get_fhir_model_class("Bundle")


def authorised(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        raise FHIRUnauthorizedError("no access")


def provider(kind: str, resources: list[dict]) -> FHIRProvider:
    made = FHIRProvider(dependencies=[Depends(authorised)])
    model = R4B.get_fhir_model_class(kind)

    async def read(context: InteractionContext, id_: str):
        found = next((one for one in resources if one["resourceType"] == kind and one["id"] == id_), None)
        if found is None:
            raise FHIRResourceNotFoundError
        return model.model_validate(found)

    async def of_patient(context: InteractionContext, patient: str | None = None):
        return page(context.request, kind, patient, resources)

    async def of_subject(context: InteractionContext, subject: str | None = None):
        return page(context.request, kind, (subject or "").removeprefix("Patient/"), resources)

    made.read(model)(read)
    if kind not in ("Patient", "Medication"):
        made.search_type(model)(of_subject if kind == "AdverseEvent" else of_patient)
    return made


def page(request: Request, kind: str, patient: str | None, resources: list[dict]):
    query = dict(request.query_params)
    first = int(query.get("_offset", 0))
    found = [one for one in resources if one["resourceType"] == kind and f"Patient/{patient}" == (one.get("subject") or one.get("patient"))["reference"]]
    if query.get("_sort") == "-date":
        found.sort(key=lambda one: one.get("effectiveDateTime", ""), reverse=True)
    answer = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": []}
    if first + PAGE < len(found):
        url = f"{request.url.scheme}://{request.url.netloc}/{kind}?{urlencode({**query, '_offset': first + PAGE})}"
        answer["link"] = [{"relation": "next", "url": url}]
    shown = [{"resource": one, "search": {"mode": "match"}} for one in found[first:first + PAGE]]
    if "_include" in query:
        named = {one["resource"].get("medicationReference", {}).get("reference") for one in shown}
        shown += [{"resource": one, "search": {"mode": "include"}} for one in resources if f"{one['resourceType']}/{one['id']}" in named]
    return BUNDLE.model_validate({**answer, "entry": shown} if shown else {key: value for key, value in answer.items() if value != []})


if __name__ == "__main__":
    held = json.loads(Path(sys.argv[2]).read_bytes())
    app = FHIRStarter()
    app.add_providers(*(provider(kind, held) for kind in TYPES))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
