"""Checks of how a service refuses what it cannot use, how it speaks to browsers, and how it takes feedback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from cds.selftest.client import Answer
from cds.selftest.probes import (ACCEPTED, BAD_FEEDBACK, BATCH, BROWSER, GET, MALFORMED, NO_CONTEXT, NO_FEEDBACK, NO_HOOK, NOT_AN_OBJECT, OTHER_HOOK,
                                 OVERRIDDEN, PREFLIGHT, REPEATED, TEXT, TOO_LARGE, UNKNOWN_SERVICE, WRONG, Probe)
from cds.selftest.seen import SHALL, SHOULD, Check, NotTried, Seen

_TRACES = (b"Traceback (most recent", b"\tat java.", b"\n    at ", b"System.Exception")


def _refused(name: str, *statuses: int) -> Callable[[Seen], Iterable[str]]:
    """Which answers to a probe have none of the statuses."""
    def run(seen: Seen) -> Iterator[str]:
        found = seen.of(name)
        if not found:
            raise NotTried("the service waits for a body of 64 MB that is announced; whether it has a limit is not known" if name == TOO_LARGE
                           else "discovery lists no service that can be called")
        for probe, answer in found:
            if answer.status not in statuses:
                yield f"{probe.service or probe.path}: {answer} instead of {' or '.join(map(str, statuses))}"
    return run


def _explained(seen: Seen) -> Iterator[str]:
    found = [(probe, answer) for probe, answer in seen.of(*WRONG) if answer.status >= 400]
    offered = _offered(seen)
    for probe, answer in found:
        if probe.name not in (BAD_FEEDBACK, NO_FEEDBACK) or offered:
            yield from (f"{probe.name}: {answer.status} {what}" for what in _outcome(answer))


def _outcome(answer: Answer) -> Iterator[str]:
    told = answer.document
    if not isinstance(told, dict) or told.get("resourceType") != "OperationOutcome":
        yield "without an OperationOutcome"
        return
    issues = told.get("issue")
    if not isinstance(issues, list) or not issues or not all(isinstance(one, dict) and one.get("severity") and one.get("code") for one in issues):
        yield "with an OperationOutcome whose issues have no severity and code"
    if not answer.is_json:
        yield f"with Content-Type `{answer.headers.get('content-type', '')}`"


def _discreet(seen: Seen) -> Iterator[str]:
    for probe, answer in seen.answers:
        if answer is not None and any(one in answer.body for one in _TRACES):
            yield f"{probe.name}: the answer shows a stack trace"


def _stays_up(seen: Seen) -> Iterator[str]:
    for probe, answer in seen.answers:
        if answer is not None and (answer.status >= 500 or not answer.status):
            yield f"{probe.service or probe.path}, {probe.name}: {answer}"


def _preflight(seen: Seen) -> Iterator[str]:
    for probe, answer in _tried(seen, PREFLIGHT):
        names = {one.strip().lower() for one in answer.headers.get("access-control-allow-headers", "").split(",")}
        if not 200 <= answer.status < 300:
            yield f"{probe.service}: {answer} for the origin {probe.headers['Origin']}; name an allowed one with --origin"
        elif not _allowed(probe, answer):
            yield f"{probe.service}: the origin {probe.headers['Origin']} is not allowed; name an allowed one with --origin"
        elif not {"authorization", "content-type"} <= names:
            yield f"{probe.service}: Authorization and Content-Type are not among the allowed headers"


def _readable(seen: Seen) -> Iterator[str]:
    for probe, answer in _tried(seen, BROWSER):
        if not _allowed(probe, answer):
            yield f"{probe.service}: the answer does not allow the origin {probe.headers['Origin']}; name an allowed one with --origin"


def _allowed(probe: Probe, answer: Answer) -> bool:
    return answer.headers.get("access-control-allow-origin") in ("*", probe.headers["Origin"])


def _tried(seen: Seen, name: str) -> list[tuple[Probe, Answer]]:
    found = seen.of(name)
    if not found:
        raise NotTried("discovery lists no service that can be called")
    return found


def _encrypted(seen: Seen) -> Iterator[str]:
    if not seen.client.base.startswith("https://"):
        if seen.client.local:
            raise NotTried("the address is on this machine")
        yield "the address is not https"


def _offered(seen: Seen) -> set[str]:
    return {probe.service for probe, answer in seen.of(OVERRIDDEN) if answer.status not in (404, 405, 501)}


def _taken(*names: str) -> Callable[[Seen], Iterable[str]]:
    def run(seen: Seen) -> Iterator[str]:
        for probe, answer in _feedback(seen, *names):
            if not 200 <= answer.status < 300:
                yield f"{probe.service}: {answer} instead of 200"
    return run


def _feedback(seen: Seen, *names: str) -> list[tuple[Probe, Answer]]:
    if not seen.of(OVERRIDDEN):
        raise NotTried("no feedback was sent")
    offered = _offered(seen)
    found = [(probe, answer) for probe, answer in seen.of(*names) if probe.service in offered]
    if not found:
        raise NotTried("no suggestion with a uuid came back" if offered else "the service takes no feedback, which is optional")
    return found


def _bad_feedback(seen: Seen) -> Iterator[str]:
    for probe, answer in _feedback(seen, BAD_FEEDBACK, NO_FEEDBACK):
        if not 400 <= answer.status < 500:
            yield f"{probe.service}, {probe.name}: {answer} instead of 400"


_ERRORS, _BROWSER, _FEEDBACK = "Requests that cannot be used", "Browsers and safety", "Feedback"
_MISTAKEN = "an answer of 200 would look like \"nothing to warn of\""
CHECKS = (
    Check("malformed-json", _ERRORS, SHOULD, "Malformed JSON gets 400", _MISTAKEN, _refused(MALFORMED, 400)),
    Check("not-an-object", _ERRORS, SHOULD, "JSON that is not an object gets 400", _MISTAKEN, _refused(NOT_AN_OBJECT, 400, 422)),
    Check("no-context", _ERRORS, SHOULD, "A request without context gets 400", _MISTAKEN, _refused(NO_CONTEXT, 400, 412, 422)),
    Check("no-hook", _ERRORS, SHOULD, "A request without hook gets 400", _MISTAKEN, _refused(NO_HOOK, 400, 422)),
    Check("wrong-hook", _ERRORS, SHOULD, "The hook of another service gets 400", _MISTAKEN, _refused(OTHER_HOOK, 400, 404, 422)),
    Check("unknown-service", _ERRORS, SHOULD, "An unknown service gets 404", _MISTAKEN, _refused(UNKNOWN_SERVICE, 404)),
    Check("other-method", _ERRORS, SHOULD, "Another method gets 405", "the EHR's administrator sees at once what is wrong", _refused(GET, 405)),
    Check("other-type", _ERRORS, SHOULD, "A body that is not JSON gets 415", "a misread body could be taken for a request without a chart",
          _refused(TEXT, 415)),
    Check("too-large", _ERRORS, SHOULD, "A body of 64 MB is refused with 413", "one client must not be able to fill the memory of the service",
          _refused(TOO_LARGE, 413)),
    Check("operation-outcome", _ERRORS, SHOULD, "Refusals carry an OperationOutcome", "it is what the EHR's log shows to whoever searches the fault",
          _explained),
    Check("stack-trace", _ERRORS, SHALL, "No answer shows a stack trace", "it tells an attacker what to try, and may hold data of patients",
          _discreet),
    Check("stays-up", _ERRORS, SHALL, "Nothing that was sent made the service fail",
          "a request that crashes one crashes the next patient's check too", _stays_up),
    Check("preflight", _BROWSER, SHOULD, "The preflight of a browser is answered", "clients that run in a browser cannot call the service otherwise",
          _preflight),
    Check("cors-answer", _BROWSER, SHOULD, "Answers may be read by a browser", "the call is made, and its cards are thrown away", _readable),
    Check("https", _BROWSER, SHALL, "The service is called over https", "requests hold the chart of a patient", _encrypted),
    Check("feedback", _FEEDBACK, SHALL, "An overridden card is taken, also without a reason", "the client would send it again, or give up",
          _taken(OVERRIDDEN)),
    Check("feedback-repeated", _FEEDBACK, SHALL, "The same feedback may be sent again", "clients repeat what they are not sure of", _taken(REPEATED)),
    Check("feedback-accepted", _FEEDBACK, SHALL, "An accepted suggestion is taken", "it tells which advice helps", _taken(ACCEPTED)),
    Check("feedback-batch", _FEEDBACK, SHALL, "Several cards may be told of in one call, also unknown ones", "clients collect feedback",
          _taken(BATCH)),
    Check("feedback-malformed", _FEEDBACK, SHOULD, "Feedback that cannot be read gets 400", "the client believes otherwise that it was kept",
          _bad_feedback),
)
