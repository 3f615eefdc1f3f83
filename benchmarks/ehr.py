"""A bare FHIR server with one small chart: `python -m benchmarks.ehr PORT MILLISECONDS` answers every list after so many milliseconds."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timezone
from typing import Any

import orjson
import uvicorn

from benchmarks.requests import KINDS, document

_EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}


def answers() -> dict[str, bytes]:
    """What is answered, by the type that is asked for."""
    prefetch = document(KINDS["small"], datetime.now(timezone.utc))["prefetch"]
    types = {"Patient": "patient", "Condition": "conditions", "MedicationStatement": "medicationstatements",
             "MedicationRequest": "medicationrequests", "Observation": "observations", "AllergyIntolerance": "allergies"}
    return {kind: orjson.dumps(prefetch.get(key, _EMPTY)) for kind, key in types.items()}


def application(delay: float) -> Any:
    """A bare ASGI application that answers after so many seconds."""
    known, empty = answers(), orjson.dumps(_EMPTY)

    async def ehr(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await asyncio.sleep(delay)
        content = known.get(scope["path"].removeprefix("/fhir/").split("/")[0], empty)
        headers = [(b"content-type", b"application/fhir+json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})
    return ehr


if __name__ == "__main__":
    uvicorn.run(application(float(sys.argv[2]) / 1000), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False,
                timeout_keep_alive=30, lifespan="off")
