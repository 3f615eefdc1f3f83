"""The HTTP edge of a running service: discovery, the services, routes and headers, what a body may be, and many requests at once.

"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest
import requests
import yaml
from service import (AS_OF, JSON, LOINC, ROOT, Document, Service, accepted, asked, changed, drug, order, refused, running, theophylline)

from cds.hooks.request import RequestRefused, parse

HOOKS = ("patient-view", "order-select", "order-sign")
SERVICES = tuple(f"ketamine-{hook}" for hook in HOOKS)
ROUTES = {"/cds-services", "/livez", "/readyz", "/metrics", "/openapi.json", *(f"/cds-services/{name}{end}" for name in SERVICES for end in ("", "/feedback"))}
GOOD = asked(statements=(theophylline(),))
TEXT = json.dumps(GOOD, separators=(",", ":"))
SANDBOX = "https://sandbox.cds-hooks.org"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running("--as-of", AS_OF) as one:
        yield one
        assert "Traceback" not in one.log() and '"p1"' not in one.log()


def treated(hook: str, **more: Any) -> Document:
    """A request of one hook about a patient on ketamine and theophylline."""
    return asked(hook, statements=(theophylline(),), medicationrequests=(drug("ketamine", "6130", "k", "MedicationRequest"),), **more)


# ---- discovery


def test_discovery_offers_one_service_with_an_id_of_its_own_for_each_hook(service: Service) -> None:
    found = service.get("/cds-services").json()
    assert found.keys() == {"services"} and [one["hook"] for one in found["services"]] == list(HOOKS)
    assert [one["id"] for one in found["services"]] == list(SERVICES)
    for one in found["services"]:
        assert one.keys() == {"hook", "id", "title", "description", "prefetch", "usageRequirements"}
        assert all(isinstance(one[key], str) and one[key].strip() for key in one.keys() - {"prefetch"})
        assert accepted(service.ask(treated(one["hook"]), one["id"]))
        assert all(word in one["usageRequirements"] for word in ("complete", "missing", "null", "not checked"))  # what happens with lists not sent
    assert len({one["title"] for one in found["services"]}) == 3


def lists_of(node: Any) -> set[str]:
    """The prefetch keys that the clauses of a rule read, by the words of the rule format."""
    if isinstance(node, list):
        return set().union(*map(lists_of, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    reads = {"taking": ("medicationstatements", "medicationrequests"), "has": ("conditions",), "measured": ("observations",), "age": ("patient",)}
    reads |= {"taking_classes": reads["taking"], "has_had": reads["has"], "not_measured": reads["measured"], "weight_within": reads["measured"],
              "sex": reads["age"], "allergic_to": ("allergies",), "had_procedure": ("procedures",),
              "had_adverse_event": ("adverseevents",), "changed": reads["measured"], "two_values_of": reads["measured"]}
    whole = {"medications": reads["taking"], "conditions": reads["has"], "allergies": reads["allergic_to"]}
    reads |= {"without_diagnosis": reads["has"]}
    reads |= {word: whole[node[word]] for word in ("nothing_recorded", "list_updated", "records_contradict") if word in node}
    return {key for word in node for key in reads.get(word, ())} | set().union(*map(lists_of, node.values()))


@pytest.mark.parametrize("hook", HOOKS)
def test_a_service_asks_for_the_lists_that_the_rules_of_its_hook_read(service: Service, hook: str) -> None:
    rules = [yaml.safe_load(path.read_text()) for path in (ROOT / "rules").glob("*/*.yaml") if path.parent.name not in ("terms", "sites")]
    clauses = [[rule.get("applies_when"), rule["met_when"], rule["if_met"]] for rule in rules if rule["status"] == "active" and hook in rule["hooks"]]
    treatment = {"medicationstatements", "medicationrequests", "medicationadministrations"} if hook == "patient-view" else set()
    offered = next(one for one in service.get("/cds-services").json()["services"] if one["hook"] == hook)
    assert offered["prefetch"].keys() == lists_of(clauses) | treatment and lists_of(clauses) > {"conditions"}


def test_prefetch_templates_are_reads_and_searches_that_every_server_knows(service: Service) -> None:
    for one in service.get("/cds-services").json()["services"]:
        for key, template in one["prefetch"].items():
            kind, _, query = template.partition("?")
            names = [part.partition("=")[0] for part in query.split("&") if part]
            assert set(re.findall(r"{{(.*?)}}", template)) == {"context.patientId"} and "//" not in template.replace(LOINC, "")
            assert kind == "Patient/{{context.patientId}}" if key == "patient" else kind.lower() + "s" == key.replace("allergies", "allergyintolerances")
            assert len(names) == len(set(names)) and set(names) <= {"subject" if key == "adverseevents" else "patient", "code", "_sort", "_count"}


# ---- the services


@pytest.mark.parametrize("hook", HOOKS)
def test_each_service_finds_theophylline_with_ketamine(service: Service, hook: str) -> None:
    card, = [one for one in accepted(service.ask(treated(hook), f"ketamine-{hook}")) if one["indicator"] == "critical"]
    finding, = card["extension"]["org.ketamine-cds.findings"]
    assert (finding["rule"], finding["because"][0]["resource"]) == ("theophylline", "MedicationStatement/ms-1")
    assert ("suggestions" in card) == (hook != "patient-view")


def test_several_ketamine_orders_are_judged_each_and_named(service: Service) -> None:
    cards = accepted(service.ask(asked(orders=[order("a"), order("b", mg=250), order("c")], statements=(theophylline(),))))
    found = {one["rule"]: one for one in cards[0]["extension"]["org.ketamine-cds.findings"]}
    assert found["theophylline"]["orders"] == ["MedicationRequest/a", "MedicationRequest/b", "MedicationRequest/c"]
    assert found["dose-and-rate"]["order"] == "MedicationRequest/b" and "orders" not in found["dose-and-rate"]
    assert [one["actions"][0]["resourceId"][-1] for one in cards[0]["suggestions"]] in (["a", "b", "c"], ["b", "a", "c"])


@pytest.mark.parametrize(("selections", "judged"), [(["MedicationRequest/a"], "a"), (["MedicationRequest/b"], "b"), (["x/MedicationRequest/b/_history/2"], "b"), (["b"], "b"),
                                                    ([], "ab"), (None, "ab"), (["MedicationRequest/gone"], "ab"), (["MedicationRequest/a", "MedicationRequest/b"], "ab")])
def test_order_select_judges_the_selected_orders_or_all_where_none_fits(service: Service, selections: Any, judged: str) -> None:
    document = asked("order-select", orders=[order("a", mg=250), order("b", mg=300)])
    cards = accepted(service.ask(changed(document, ("context", "selections"), selections), "ketamine-order-select"))
    named = {ref for one in cards[0]["extension"]["org.ketamine-cds.findings"] for ref in one.get("orders", [one.get("order")])}
    assert named == {f"MedicationRequest/{one}" for one in judged}


def test_orders_of_other_drugs_get_no_cards_whatever_the_chart_holds(service: Service) -> None:
    other = drug("acetaminophen", "161", "a", "MedicationRequest", status="draft")
    for prefetch in (GOOD["prefetch"], {}, {"conditions": None}):
        assert accepted(service.ask(asked(orders=[other]) | {"prefetch": prefetch})) == []


def test_openapi_describes_every_route_and_the_answers_that_really_come(service: Service) -> None:
    told = service.get("/openapi.json").json()
    assert told["openapi"].startswith("3.1.") and {"title", "version"} <= told["info"].keys() and set(told["paths"]) == ROUTES
    operations = [one for path in told["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) and all(one["responses"]["200"]["description"] for one in operations)
    for ref in re.findall(r'"\$ref": "#/components/schemas/([\w-]+)"', json.dumps(told)):
        jsonschema.Draft202012Validator.check_schema(told["components"]["schemas"][ref])
    assert all(service.get(path).status_code == (405 if "post" in methods else 200) for path, methods in told["paths"].items())
    for answer, name in ((service.get("/cds-services"), "Discovery"), (service.ask(GOOD), "Response"), (service.ask({}), "OperationOutcome")):
        described = told["paths"]["/cds-services" if name == "Discovery" else "/cds-services/ketamine-order-sign"]
        schema = next(iter(described.values()))["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        jsonschema.validate(answer.json(), {**schema, "components": told["components"]})
        assert schema["$ref"].endswith(name)
    jsonschema.validate(GOOD, {"$ref": "#/components/schemas/Request-order-sign", "components": told["components"]})




@pytest.mark.parametrize("way", ["GET /cds-services", "GET /livez", "GET /readyz", "GET /metrics", "GET /openapi.json", "GET /none", "PUT /livez", "POST good", "POST bad", "POST text",
                                 "POST empty", pytest.param("OPTIONS /livez"), pytest.param("GET /cds-services/")])
def test_no_answer_may_be_stored_or_taken_for_another_type(service: Service, way: str) -> None:
    method, path = way.split()
    body = {"good": TEXT, "bad": "{", "text": "x", "empty": json.dumps({**GOOD, "prefetch": {}})}.get(path)
    kind = {"Content-Type": "text/plain" if path == "text" else "application/json", "Origin": SANDBOX, "Access-Control-Request-Method": "POST"}
    url = service.base + (path if body is None else "/cds-services/ketamine-order-sign")
    answer = requests.request(method, url, data=body, headers=kind, timeout=9, allow_redirects=False)
    assert (answer.headers.get("Cache-Control"), answer.headers.get("X-Content-Type-Options")) == ("no-store", "nosniff")


@pytest.mark.parametrize(("path", "allowed"), [("/cds-services", {"GET", "HEAD"}), *((f"/cds-services/{name}", {"POST"}) for name in SERVICES), ("/readyz", {"GET", "HEAD"})])
def test_another_method_gets_405_with_those_that_work(service: Service, path: str, allowed: set[str]) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"} - allowed:
        answer = requests.request(method, service.base + path, timeout=9)
        assert refused(answer, 405) and {one.strip() for one in answer.headers["Allow"].split(",")} == allowed


def test_an_unknown_path_gets_404_that_names_the_services(service: Service) -> None:
    for path in ("/", "/cds-service", "//cds-services", "/cds-services/x", "/cds-services/ketamine-order-sign/x", "/cds-services/%2e%2e/readyz", "/%00", "/é", "/" + "a" * 9000):
        assert all(name in refused(service.get(path), 404) for name in SERVICES)


def test_nobody_is_sent_elsewhere_by_a_forged_host(service: Service) -> None:
    assert "Location" not in service.get("/cds-services/", headers={"Host": "evil.example"}, allow_redirects=False).headers


@pytest.mark.parametrize(("kind", "status"), [("application/json", 200), ("Application/JSON; charset=UTF-8", 200), ("application/fhir+json", 200), ("application/fhir+json;fhirVersion=4.0", 200),
                                              ("text/json", 200), (None, 200), ("text/plain", 415), ("application/xml", 415), ("multipart/form-data; boundary=x", 415), ("", 415)])
def test_json_is_taken_under_its_names_and_anything_else_refused(service: Service, kind: str | None, status: int) -> None:
    answer = service.ask(TEXT.encode(), headers={} if kind is None else {"Content-Type": kind})
    assert accepted(answer) if status == 200 else refused(answer, status).startswith("Content-Type")


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/fhir+json, */*;q=0.1", "text/html", "", "x"])
def test_whatever_a_client_accepts_the_answer_is_json(service: Service, accept: str) -> None:
    answer = service.ask(GOOD, headers={**JSON, "Accept": accept})
    assert accepted(answer) and answer.headers["Content-Type"] == "application/json"


# ---- what a body may be


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


def with_extension(value: str) -> bytes:
    return f'{TEXT[:-1]},"extension":{{"x":{value}}}}}'.encode()


BAD = [b"", b" ", b"null", b'"x"', b"[]", b"true", b"1", b"{", TEXT[:-1].encode(), TEXT.encode() + b"x", TEXT.encode() * 2, b"[" + TEXT.encode() + b"]", b"\xff",
       TEXT.encode("utf-16"), TEXT.encode("utf-32"), b"\xef\xbb\xbf" + TEXT.encode(), TEXT.replace("ketamine", "\\ud800ketamine").encode(),
       TEXT.encode().replace(b"ketamine", b"ketamine\xff"), TEXT.encode().replace(b"ketamine", b"ket\xc0\xafamine"), TEXT.replace("ketamine", "k\0").encode(),
       *map(with_extension, ("NaN", "Infinity", "-Infinity", "1e400", str(10**400), "01", "'x'", "1 // it", "1,", nested(10_000), "[" * 100_000))]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_a_body_that_is_not_one_json_object_is_refused(service: Service, body: bytes) -> None:
    assert refused(service.ask(body)).startswith("$: ")


def twice(key: str, before: str) -> bytes:
    return TEXT.replace(f'"{key}":', before, 1).encode()


TWICE = [twice("hook", '"hook":"order-sign","hook":'), twice("patientId", '"patientId":"p2","patientId":'), twice("draftOrders", '"draftOrders":{},"draftOrders":'),
         twice("value", '"value":400,"value":'), twice("hook", '"h\\u006fok":"order-sign","hook":'), twice("hook", '"hook" :"order-sign","hook" :'),
         twice("hook", '"x":"\\u0022:\\u0022:","hook":"order-sign","hook":'), twice("hook", '"hook\\u0022":1,"hook\\"":1,"hook":'),
         pytest.param(twice("hook", '"hook" :"order-sign","hook":')), pytest.param(twice("value", '"value"\n:400,"value":'))]


@pytest.mark.parametrize("body", TWICE, ids=range(len(TWICE)))
def test_a_key_that_stands_twice_in_one_object_is_refused_at_any_depth(service: Service, body: bytes) -> None:
    assert "stands twice" in refused(service.ask(body))


@pytest.mark.parametrize("value", ['"a\\": \\":b"', '"\\u0022: \\u0022:"', '{"a\\":":1,"a":2,"\\u0061b":3}', '{"a" : [{"b" :1}, {"b" :1}]}', '"\\ud83d\\ude00\\u0000"',
                                   "1e-400", "123456789012345678901234567890", nested(200)])
def test_a_valid_body_with_odd_strings_and_numbers_is_evaluated(service: Service, value: str) -> None:
    assert [card["indicator"] for card in accepted(service.ask(with_extension(value)))] == ["critical"]


@pytest.mark.parametrize("depth", [260, 500, 1000])
def test_deep_nesting_is_read_or_refused_and_never_a_failure(depth: int) -> None:
    try:
        parse(with_extension(nested(depth)))
    except RequestRefused as stopped:
        assert "deep" in stopped.what


WRONG = {"hook": (1, True, [], {}, "", None, "order-dispatch", "patient-view"), "hookInstance": (7, [], {}, "", None, "x" * 1_000_000), "prefetch": ([], "x", 1, True),
         "context": (None, [], "x", 0, True), "context.patientId": (..., None, "", 5, [], {}, " ", "a b", "a/b", 'a"b', "../x", "Group/1", "x" * 1_000_000),
         "context.draftOrders": ([], "x", 1), "context.draftOrders.entry": ({}, "x", 0), "context.draftOrders.entry.0": (None, [], "x", 7), "fhirServer": (1, [], {}),
         "fhirAuthorization": ([], "x", 1), "fhirAuthorization.patient": ("p2", "Patient/p2")}


@pytest.mark.parametrize("member", WRONG)
def test_a_member_of_the_wrong_form_is_refused_with_its_place(service: Service, member: str) -> None:
    path = tuple(int(part) if part.isdigit() else part for part in member.split("."))
    for value in WRONG[member]:
        document = changed({**GOOD, "fhirAuthorization": {"patient": "p1"}}, path, value)
        assert refused(service.ask(document)).startswith("$." + re.sub(r"\.(\d+)", r"[\1]", member))


def test_what_is_optional_may_be_null_and_what_is_unknown_is_ignored(service: Service) -> None:
    for more in ({"fhirServer": None}, {"fhirAuthorization": None}, {"extension": None, "x": [None]}, {"hookInstance": "x" * 256}):
        assert accepted(service.ask(GOOD | more))
    for member, value in (("userId", None), ("userId", ...), ("encounterId", 7), ("patientId", "Patient/p1")):
        assert accepted(service.ask(changed({**GOOD, "context": {**GOOD["context"], "encounterId": ""}}, ("context", member), value)))


def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(service: Service) -> None:
    entries = ",".join(['{"resource":{"resourceType":"Observation"}}'] * 200_000)
    for body in (b'{"a":"' + b"x" * 5_000_000 + b'"}', json.dumps(dict.fromkeys(map(str, range(1_000_000)), 1)).encode(), with_extension(f"[{entries}]")):
        assert refused(service.ask(body), 413).endswith("are accepted")


# ---- many requests on a line and many lines at once


def patient(number: int) -> tuple[bytes, str]:
    """The request of one of many patients, and the record that the card must name."""
    mine = asked(statements=(theophylline(f"ms-{number}", patient=f"p{number}"),), patient=f"p{number}", observations=[])
    return json.dumps(mine).encode(), f"MedicationStatement/ms-{number}"


def record(answer: Document) -> str:
    finding, = [one for card in answer["cards"] for one in card["extension"]["org.ketamine-cds.findings"] if one["rule"] == "theophylline"]
    return finding["because"][0]["resource"]


def test_pipelined_requests_are_answered_in_their_order(service: Service) -> None:
    bodies, records = zip(*map(patient, range(5)))
    head = b"POST /cds-services/ketamine-order-sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    with service.connect() as line:
        line.sendall(b"".join(head % (len(body), body) for body in bodies) + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        came = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    assert re.findall(r"HTTP/1.1 (\d+)", came) == ["200"] * 6 and came.endswith('{"status":"alive"}')
    assert re.findall(r"MedicationStatement/ms-\d", came) == list(records)


def test_eight_threads_on_lines_kept_open_each_get_their_own_patients_answer(service: Service) -> None:
    together = threading.Barrier(8)

    def client(number: int) -> list[tuple[str, str]]:
        with requests.Session() as line:
            together.wait(10)
            url = f"{service.base}/cds-services/ketamine-order-sign"
            return [(record(line.post(url, data=body, headers=JSON, timeout=20).json()), expected)
                    for body, expected in map(patient, range(number, 200, 8))]

    with ThreadPoolExecutor(8) as pool:
        pairs = [pair for found in pool.map(client, range(8)) for pair in found]
    assert len(pairs) == 200 and all(found == expected for found, expected in pairs)
