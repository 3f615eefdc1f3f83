"""Counters for operators, without any patient, user or token in a label; correct with several workers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client import REGISTRY as DEFAULT

from cds.cards.findings import Finding
from cds.store.records import Stored

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

REQUESTS = Counter("cds_requests_total", "Calls of a service by HTTP status.", ["service", "status"])
SECONDS = Histogram("cds_request_seconds", "Time from the whole body to the response.", ["service"], buckets=_SECONDS)
FINDINGS = Counter("cds_findings_total", "Findings on returned cards.", ["rule", "answer", "indicator"])
SILENT = Counter("cds_silent_findings_total", "Findings of rules that the site made silent, on no card.", ["rule", "answer", "indicator"])
ENGINE = Counter("cds_engine_events_total", "Faults of the inference engine and disagreements with the reference.", ["kind"])
FEEDBACK = Counter("cds_feedback_total", "Feedback stored, once for each rule on the card.", ["rule", "answer", "outcome"])
CARDS_DROPPED = Counter("cds_card_records_dropped_total", "Returned cards that could not be remembered for feedback.")
RELOADS = Counter("cds_reloads_total", "Changes of the rule files, loaded or refused, by every worker.", ["kind"])
FETCHED = Counter("cds_fhir_lists_total", "Lists asked for at an EHR's FHIR server, by whether they came completely.", ["list", "outcome"])
FETCH_SECONDS = Histogram("cds_fhir_fetch_seconds", "Time spent on what prefetch left out, once for each request.", buckets=_SECONDS)
UNREGISTERED = Counter("cds_fhir_unregistered_total", "Requests that named a FHIR server which is not registered; nothing was fetched for them.")
REFUSED = Gauge("cds_reload_refused", "1 while the rule files on disk are refused and older rules stay in force.", multiprocess_mode="mostrecent")


@lru_cache(maxsize=1024)
def _finding(rule: str, answer: str, show: str) -> Counter:
    return FINDINGS.labels(rule, answer, show)


@lru_cache(maxsize=64)
def answered(service: str, status: int) -> Counter:
    """The counter of one service and one HTTP status."""
    return REQUESTS.labels(service, str(status))


def count(found: Iterable[Finding]) -> None:
    """Count the findings of one response."""
    for one in found:
        _finding(one.verdict.rule.id, one.verdict.answer, one.show).inc()


def count_feedback(stored: Iterable[Stored]) -> None:
    """Count feedback that was not stored before; on an unknown card, and on one without a rule, under those words."""
    for one in stored:
        if one.rules is None:
            FEEDBACK.labels("unknown card", "", one.outcome).inc()
        for named in one.rules or ():
            FEEDBACK.labels(named.rule, named.answer, one.outcome).inc()
        if one.rules == ():
            FEEDBACK.labels("no rule", "", one.outcome).inc()


def count_silent(found: Iterable[Finding]) -> None:
    """Count what silent rules would have told."""
    for one in found:
        SILENT.labels(one.verdict.rule.id, one.verdict.answer, one.show).inc()


def exposition() -> tuple[bytes, str]:
    """The metrics of all workers in Prometheus' text form, and its content type."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(DEFAULT), CONTENT_TYPE_LATEST
