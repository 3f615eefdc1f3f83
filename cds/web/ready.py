"""Which rulebook the settings ask for: the only place that hands them to the pipeline, and what is watched for a change of it."""

from __future__ import annotations

from datetime import date, tzinfo
from pathlib import Path

from cds import clock, pipeline
from cds.pipeline import Ready
from cds.settings import Settings


def today(settings: Settings, zone: tzinfo) -> date:
    """The day that decides which rules are in force: of the instant judged by, in the time zone asked for, else in that of the site."""
    return (settings.as_of or clock.now()).astimezone(settings.zone or zone).date()


def watched(settings: Settings) -> tuple[Path, ...]:
    """The folders and files that a rulebook is read from; whatever `prepared` reads must stand here."""
    return (*settings.rules, *filter(None, (settings.site,)))


def prepared(settings: Settings, day: date) -> Ready:
    """The rulebook of a day, read, checked and compiled; RulesRefused or CompileLimit say why it cannot be used."""
    return pipeline.prepare(settings.rules, day, settings.engine, site=settings.site)
