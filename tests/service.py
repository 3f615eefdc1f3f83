"""A real `cds serve` on a free loopback port, a child process that is stopped by its own pid; requests to ask it, and what answers are."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from cds.selftest.promises import problems

ROOT = Path(__file__).resolve().parents[1]
AS_OF = "2026-06-30T10:00:00Z"
JSON = {"Content-Type": "application/json"}
RXNORM, LOINC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://loinc.org"
Document = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """A running service, where it listens, and the file that takes both of its output streams."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """Everything the service has printed so far."""
        return self.output.read_text(errors="replace")

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.base + path, timeout=20, **more)

    def ask(self, document: Document | bytes, service: str = "ketamine-order-sign", headers: Mapping[str, str] = JSON) -> requests.Response:
        """Post a document, or the bytes of one, to a service."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return requests.post(f"{self.base}/cds-services/{service}", data=body, headers=headers, timeout=30)

    def connect(self, timeout: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any setting of the service, and what a test adds."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CDS_", "PROMETHEUS_"))} | dict(more or {})


def cds(*words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a `cds` command to its end."""
    return subprocess.run([sys.executable, "-m", "cds", *words], input=stdin, capture_output=True, cwd=ROOT, env=environment(env), timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    """Whether anything accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(*options: str, env: Mapping[str, str] | None = None, port: int | None = None, wait: float = 60) -> Iterator[Service]:
    """`cds serve` with some options, from ready to stopped; without `port` it gets `--port` and a free one."""
    given = ["--port", str(free_port())] if port is None else []
    with tempfile.TemporaryDirectory(prefix="cds-test-") as folder:
        output, kept = Path(folder, "output"), {"CDS_STORE": f"sqlite:///{folder}/store.sqlite3"}
        with output.open("wb") as stream:
            process = subprocess.Popen([sys.executable, "-m", "cds", "serve", *given, *options], cwd=ROOT, env=environment(kept | dict(env or {})),
                                       stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
        service = Service(process, port or int(given[1]), output)
        try:
            _until_ready(service, wait)
            yield service
        finally:
            _stop(process)


def _until_ready(service: Service, wait: float) -> None:
    until = time.monotonic() + wait
    while time.monotonic() < until:
        if service.process.poll() is not None:
            raise AssertionError(f"`cds serve` ended with {service.process.returncode}:\n{service.log()}")
        if listens(service.port) and service.get("/livez").ok:
            return
        time.sleep(0.05)
    raise AssertionError(f"`cds serve` was not ready within {wait:g} s:\n{service.log()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def refused(answer: requests.Response, status: int = 400) -> str:
    """What an answer says is wrong; it must be an OperationOutcome with one error."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:300]}"
    assert answer.headers["Content-Type"] == "application/json"
    outcome = answer.json()
    assert outcome.keys() == {"resourceType", "issue"} and outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue.keys() == {"severity", "code", "diagnostics"} and issue["severity"] == "error" and "Traceback" not in answer.text
    return issue["diagnostics"]


def accepted(answer: requests.Response) -> list[Document]:
    """The cards of an answer, which must be a response of the promised form."""
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:300]}"
    assert problems(answer.json()) == []
    return answer.json()["cards"]


def paths(value: Any, start: tuple = ()) -> Iterator[tuple]:
    """The path of a JSON value and of everything in it."""
    yield start
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(inner, (*start, key))


def at(value: Any, path: tuple) -> Any:
    for key in path:
        value = value[key]
    return value


def changed(value: Any, path: tuple, new: Any) -> Any:
    """A copy in which another value stands at a path; none at all for `...`."""
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) > 1:
        copy[path[0]] = changed(value[path[0]], path[1:], new)
    elif new is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = new
    return copy


def of(patient: str) -> Document:
    return {"reference": f"Patient/{patient}"}


def bundle(*resources: Document, **more: Any) -> Document:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources], **more}


def drug(name: str, code: str, identity: str, kind: str = "MedicationStatement", patient: str = "p1", **more: Any) -> Document:
    """A drug of the chart, active since March 2026, or what `more` says."""
    dated = {"effectivePeriod": {"start": "2026-03-01"}} if kind == "MedicationStatement" else {"intent": "order", "authoredOn": "2026-05-01"}
    concept = {"coding": [{"system": RXNORM, "code": code, "display": name}], "text": name}
    return {"resourceType": kind, "id": identity, "status": "active", "subject": of(patient), "medicationCodeableConcept": concept, **dated, **more}


def theophylline(identity: str = "ms-1", kind: str = "MedicationStatement", **more: Any) -> Document:
    return drug("theophylline", "10438", identity, kind, **more)


def order(identity: str = "draft-1", mg: Any = 40, minutes: Any = 40, patient: str = "p1", **more: Any) -> Document:
    """A draft order of intravenous ketamine."""
    dosage = {"route": {"coding": [{"system": "http://snomed.info/sct", "code": "47625008"}]},
              "timing": {"repeat": {"duration": minutes, "durationUnit": "min"}},
              "doseAndRate": [{"doseQuantity": {"value": mg, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}]}
    made = drug("ketamine", "6130", identity, "MedicationRequest", patient, status="draft", dosageInstruction=[dosage])
    return {key: value for key, value in (made | more).items() if value is not None}


def measured(code: str, value: Any, unit: str, identity: str, at: str = "2026-06-30T09:00:00Z", **more: Any) -> Document:
    return {"resourceType": "Observation", "id": identity, "status": "final", "subject": of("p1"), "effectiveDateTime": at,
            "code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": value, "unit": unit}, **more}


def pressure(upper: Any, lower: Any) -> list[Document]:
    return [measured("8480-6", upper, "mmHg", "bp-s"), measured("8462-4", lower, "mmHg", "bp-d")]


USUAL = ({"resourceType": "MedicationStatement", "id": "usual-1", "status": "active", "dateAsserted": "2026-06-20",
          "medicationCodeableConcept": {"text": "atorvastatin"}},
         {"resourceType": "Condition", "id": "usual-2", "code": {"text": "Recurrent depression"}})
"""A drug and a problem that no rule is about, so that the lists are neither empty nor old."""


def asked(hook: str = "order-sign", orders: list[Document] | None = None, statements: tuple = (), medicationrequests: tuple = (),
          conditions: tuple = (), observations: list[Document] | None = None, patient: str = "p1", **more: Any) -> Document:
    """A request with a complete chart; in itself it gives no card."""
    context: Document = {"userId": "Practitioner/1", "patientId": patient}
    if hook != "patient-view":
        context["draftOrders"] = bundle(*([order(patient=patient)] if orders is None else orders))
    vitals = [*pressure(120, 80), measured("29463-7", 80, "kg", "w-1", "2026-06-20")] if observations is None else observations
    prefetch = {"patient": {"resourceType": "Patient", "id": patient, "birthDate": "1980-01-01", "gender": "male"},
                "conditions": bundle(*conditions), "medicationstatements": bundle(*statements),
                "medicationrequests": bundle(*medicationrequests), "observations": bundle(*vitals),
                "allergies": bundle({"resourceType": "AllergyIntolerance", "id": "a-1", "code": {"text": "No known allergies"}}),
                "beside": bundle(*USUAL)}
    return {"hook": hook, "hookInstance": "test", "context": context, "prefetch": prefetch, **more}


def pointing(to: str, source: Document, **more: Any) -> Document:
    """A drug entry that names its drug by reference only."""
    return {**{key: value for key, value in source.items() if key != "medicationCodeableConcept"}, "medicationReference": {"reference": to}, **more}


def medicine(name: str, identity: str = "m-1", **more: Any) -> Document:
    return {"resourceType": "Medication", "id": identity, "code": {"text": name}, **more}


OTHER = drug("acetaminophen", "161", "other", "MedicationRequest")
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
WEIGHT = measured("29463-7", 80, "kg", "w-1", "2026-06-20")
CRISIS = {"resourceType": "Condition", "id": "c-1", "subject": of("p1"), "clinicalStatus": {"coding": [{"code": "active"}]},
          "onsetDateTime": "2026-06-28", "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I16.1"}],
                                                  "text": "Hypertensive emergency"}}


def ordered(*orders: Any, **more: Any) -> Document:
    """Some draft orders for a patient who takes theophylline."""
    return asked(orders=list(orders), statements=(theophylline(),), **more)


def named(concept: Any, **more: Any) -> Document:
    """Theophylline in the chart, called as a test likes it."""
    return asked(statements=(theophylline(medicationCodeableConcept=concept, **more),))


def referred(to: str, *resources: Document, **more: Any) -> Document:
    """A drug in the chart that is named by reference, and what stands beside it."""
    return asked(medicationrequests=(pointing(to, OTHER, **more), *resources))


def routed(route: Any, mg: int = 250) -> Document:
    """An overdose by a route."""
    dosage = order(mg=mg)["dosageInstruction"][0] | {"route": route}
    return asked(orders=[order(dosageInstruction=[dosage])])


def breathing(code: str = "59408-5", value: Any = 80, **more: Any) -> Document:
    """An oxygen saturation of 80 % an hour ago."""
    return asked(observations=[*pressure(120, 80), WEIGHT, measured(code, value, "%", "o2", **more)])


def coded(*codings: Document, **more: Any) -> Document:
    """A hypertensive crisis two days ago, in some codes."""
    return asked(conditions=(CRISIS | {"code": {"coding": list(codings)} | more},))
