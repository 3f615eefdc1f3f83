"""What a service answered to everything it was asked, and what a check of it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cds.selftest.client import Answer, Client
from cds.selftest.form import Deviation, deviations
from cds.selftest.probes import RIGHT, Probe

SHALL, SHOULD = "shall", "should"
PASSED, SHORT, UNTRIED = "passed", "falls short", "not tried"


class NotTried(Exception):
    """A check that nothing could be said about; the message says why."""


@dataclass(slots=True)
class Seen:
    """Discovery and all answers; an answer is None where the service still waited for a body that was only announced."""

    client: Client
    discovery: Answer
    answers: list[tuple[Probe, Answer | None]] = field(default_factory=list)
    _deviations: list[tuple[str, Deviation]] | None = None

    @property
    def services(self) -> list[Mapping[str, Any]]:
        """The services of the discovery document that can be called."""
        found = self.discovery.document
        listed = found.get("services") if isinstance(found, dict) else None
        entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return [one for one in entries if isinstance(one.get("id"), str) and isinstance(one.get("hook"), str)]

    def of(self, *names: str) -> list[tuple[Probe, Answer]]:
        """The answers to the probes of some names."""
        return [(probe, answer) for probe, answer in self.answers if probe.name in names and answer is not None]

    def responses(self) -> Iterator[tuple[Probe, Any]]:
        """Every response to a right request, with its document."""
        return ((probe, answer.document) for probe, answer in self.of(*RIGHT) if answer.status == 200)

    def cards(self, service: str | None = None) -> list[Mapping[str, Any]]:
        """All cards that came, or those of one service."""
        found = [document for probe, document in self.responses() if service in (None, probe.service) and isinstance(document, dict)]
        return [card for one in found if isinstance(one.get("cards"), list) for card in one["cards"] if isinstance(card, dict)]

    def deviations(self) -> list[tuple[str, Deviation]]:
        """Every deviation of a response in form, each once for a service, with the service."""
        if self._deviations is None:
            found = ((probe.service, one) for probe, document in self.responses() for one in deviations(document))
            self._deviations = [*dict.fromkeys(found)]
        return self._deviations


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is checked: `run` gives what falls short, one sentence each, or raises NotTried."""

    id: str
    group: str
    level: str
    title: str
    why: str
    run: Callable[[Seen], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Result:
    """What a check says: passed, falls short or not tried, and in which way."""

    check: Check
    state: str
    notes: tuple[str, ...] = ()


def result(check: Check, seen: Seen) -> Result:
    """Run one check over what was seen; the same shortcoming is told once."""
    try:
        short = tuple(dict.fromkeys(check.run(seen)))
    except NotTried as reason:
        return Result(check, UNTRIED, (str(reason),))
    return Result(check, SHORT if short else PASSED, short)
