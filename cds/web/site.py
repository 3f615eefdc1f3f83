"""What the service says about the site whose changes are in force: nothing is switched off or silent unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from cds.rulebook import Rulebook
from cds.sites import Change, Site


def told(book: Rulebook, today: date) -> dict[str, Any]:
    """The site as /readyz names it; empty without a site."""
    if book.site is None:
        return {}
    off, silent, settings = [], [], []
    for change, why in _in_force(book):
        if change.off:
            off.append({"rule": change.rule, **why})
        if change.silent:
            silent.append({"rule": change.rule, **why})
        for name, amount in change.settings:
            settings.append({"rule": change.rule, "setting": name, "is": str(amount), "rulebook": str(_shipped(book, change.rule, name)), **why})
    warnings = warned(book.site, today)
    return {"name": book.site.name, "approved_by": book.site.approved_by, "switched_off": off, "silent": silent, "settings": settings,
            **({"warnings": warnings} if warnings else {})}


def unchecked(book: Rulebook) -> str:
    """One sentence about the rules that show nothing at this site, with the reason; empty where there are none."""
    said = [f"{change.rule} ({'switched off' if change.off else 'silent'} until {change.until}: {change.because.rstrip('.')})"
            for change, _ in _in_force(book) if change.off or change.silent]
    return f"Site {book.site.name} shows nothing of {'; '.join(said)}." if said and book.site else ""


def lines(book: Rulebook) -> Iterator[str]:
    """The site for people, one line per change in force."""
    if book.site is None:
        return
    yield f"Site {book.site.name}, approved by {book.site.approved_by}"
    for change, _ in _in_force(book):
        kinds = [f"{name.replace('_', ' ')} {amount} (rulebook: {_shipped(book, change.rule, name)})" for name, amount in change.settings]
        kinds += ["switched off"] * change.off + ["silent"] * change.silent
        yield f"  {change.rule}: {', '.join(kinds)}, until {change.until}: {change.because}"


def warned(site: Site, today: date) -> list[str]:
    """Changes that are over: not in force since the start, or still in force until the rulebook is read again."""
    late = [f"the change of `{change.rule}` ended on {change.until} and is in force until the rulebook is read again"
            for change in site.changes if change.until < today]
    return [f"{one.what}" for one in site.warnings] + late


def _in_force(book: Rulebook) -> Iterator[tuple[Change, dict[str, str]]]:
    known = {rule.id for rule in book.as_shipped}
    for change in book.site.changes if book.site else ():
        if change.rule in known:
            yield change, {"because": change.because, "until": change.until.isoformat()}


def _shipped(book: Rulebook, rule: str, setting: str) -> object:
    return next(one.settings[setting].amount for one in book.as_shipped if one.id == rule)
