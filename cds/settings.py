"""Settings of the service, read once from the command line and `CDS_…` environment variables."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cds.intervals import moment

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request body; a chart of 2,000 resources has about 4 MB."""


DEADLINE = 400
"""Milliseconds from the arrival of a request, for queueing and fetching."""


STORE = "sqlite:///cds-store.sqlite3"
"""The store where none is named: a file in the working directory."""


class SettingRefused(ValueError):
    """A setting cannot be used; the message names it, its value and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the service listens, which rulebook it serves, and the instant and time zone it judges by.

    Without `zone` that of the site file `site` counts, else UTC.
    `stuck_after` is the number of seconds without a turn of the event loop after which a worker ends itself, `check_limit`
    that after which the check of changed rules is ended; `handover` is a folder in which workers leave each other what they checked.
    `fhir_bases` are the servers that may be asked for what prefetch left out; `deadline` are the milliseconds for that, from the arrival of a request.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    rules: tuple[Path, ...] = ()
    workers: int = 1
    as_of: datetime | None = None
    zone: tzinfo | None = None
    max_body: int = MAX_BODY
    engine: bool = True
    cors: tuple[str, ...] = ("*",)
    stuck_after: float = 30.0
    store: str = STORE
    site: Path | None = None
    watch: bool = True
    check_limit: float = 60.0
    handover: Path | None = None
    fhir_bases: tuple[str, ...] = ()
    deadline: int = DEADLINE


def to_environment(settings: Settings) -> dict[str, str]:
    """The settings as `CDS_…` variables, for worker processes."""
    return {
        "CDS_HOST": settings.host, "CDS_PORT": str(settings.port), "CDS_RULES": os.pathsep.join(map(str, settings.rules)),
        "CDS_WORKERS": str(settings.workers), "CDS_AS_OF": settings.as_of.isoformat() if settings.as_of else "",
        "CDS_TIME_ZONE": str(settings.zone or ""), "CDS_MAX_BODY": str(settings.max_body), "CDS_ENGINE": "on" if settings.engine else "off",
        "CDS_CORS_ORIGIN": " ".join(settings.cors), "CDS_STUCK_AFTER": str(settings.stuck_after),
        "CDS_STORE": settings.store,
        "CDS_SITE": str(settings.site or ""), "CDS_FHIR_BASE": " ".join(settings.fhir_bases), "CDS_DEADLINE": str(settings.deadline),
        "CDS_WATCH": "on" if settings.watch else "off", "CDS_CHECK_LIMIT": str(settings.check_limit), "CDS_HANDOVER": str(settings.handover or ""),
    }


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings a worker process finds in its environment."""
    get = environment.get
    return Settings(
        get("CDS_HOST", "127.0.0.1"), int(get("CDS_PORT", "8080")),
        tuple(Path(part) for part in get("CDS_RULES", "").split(os.pathsep) if part), int(get("CDS_WORKERS", "1")),
        instant(get("CDS_AS_OF") or None), zone(get("CDS_TIME_ZONE") or None), int(get("CDS_MAX_BODY", str(MAX_BODY))),
        get("CDS_ENGINE", "on") != "off", tuple(get("CDS_CORS_ORIGIN", "*").split()), float(get("CDS_STUCK_AFTER", "30")),
        get("CDS_STORE", STORE), Path(get("CDS_SITE", "")) if get("CDS_SITE") else None,
        get("CDS_WATCH", "on") != "off", float(get("CDS_CHECK_LIMIT", "60")),
        Path(get("CDS_HANDOVER", "")) if get("CDS_HANDOVER") else None,
        tuple(get("CDS_FHIR_BASE", "").split()), int(get("CDS_DEADLINE", str(DEADLINE))))


def instant(text: str | None) -> datetime | None:
    """An ISO 8601 instant with offset; SettingRefused otherwise."""
    if text is None:
        return None
    found = moment(text, ZoneInfo("UTC"))
    if found is None or found.whole_days or not (text.strip().endswith("Z") or "+" in text[10:] or "-" in text[10:]):
        raise SettingRefused(f"--as-of: `{text}` is not an instant with an offset; write for example 2026-11-23T09:30:00+01:00")
    return found.earliest


def zone(name: str | None) -> tzinfo | None:
    """A time zone by its IANA name, None where none is named; SettingRefused otherwise."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingRefused(f"--time-zone: `{name}` is not a time zone; write for example Europe/Zurich or America/Chicago") from None


def refuse_open_doors(settings: Settings) -> None:
    """Unauthenticated calls are accepted on a loopback address only; SettingRefused on any other."""
    host = settings.host
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise SettingRefused(f"--host: `{host}` is not a loopback address, and this service has no clients file to check callers by; "
                             "listen on 127.0.0.1 and let an authenticating proxy on this machine call it")
