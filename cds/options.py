"""Options that several commands share, and how a command stops when one cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn, Optional

import typer

from cds import rulebook
from cds.fhir.bases import BaseRefused, registered

RulesOption = Annotated[Optional[list[Path]], typer.Option("--rules", envvar="CDS_RULES", help="Rulebook folder; repeat for further folders. Default: the shipped rulebook.")]
AsOfOption = Annotated[Optional[str], typer.Option("--as-of", envvar="CDS_AS_OF", help="Judge as of this instant (ISO 8601 with offset) instead of now.")]
ZoneOption = Annotated[Optional[str], typer.Option("--time-zone", envvar="CDS_TIME_ZONE", help="For dates without one. Default: the site file's, else UTC.")]
SiteOption = Annotated[Optional[Path], typer.Option("--site", envvar="CDS_SITE", help="Site file: settings in range, rules off or silent.")]

FhirBaseOption = Annotated[Optional[list[str]], typer.Option("--fhir-base", envvar="CDS_FHIR_BASE", metavar="URL", help="FHIR base that may be asked for what prefetch left out, where a request names exactly it; repeat.")]
LocalFhirOption = Annotated[bool, typer.Option("--allow-local-fhir", envvar="CDS_ALLOW_LOCAL_FHIR", help="Development: also accept loopback and private FHIR bases, without encryption.")]
DeadlineOption = Annotated[int, typer.Option("--deadline", envvar="CDS_DEADLINE", min=50, max=60_000, help="Milliseconds from the arrival of a request for fetching what prefetch left out.")]


def fhir_bases(urls: list[str] | None, local: bool) -> tuple[str, ...]:
    """The registered FHIR bases; stops where one cannot be used."""
    try:
        return registered(urls or (), local)
    except BaseRefused as refused:
        stop(f"--fhir-base: {refused}")


def folders(rules: list[Path] | None) -> tuple[Path, ...]:
    """The rulebook folders asked for, or the shipped one; stops where one is not a folder."""
    found = tuple(rules or [rulebook.shipped()])
    for folder in found:
        if not folder.is_dir():
            stop(f"--rules: `{folder}` is not a folder")
    twice = [folder for place, folder in enumerate(found) if any(folder.samefile(other) for other in found[:place])]
    if twice:
        stop(f"--rules: `{twice[0]}` is named twice")
    return found


def site_file(path: Path | None, option: str = "--site") -> Path | None:
    """The site file asked for; stops where it is not a file."""
    if path is not None and not path.is_file():
        stop(f"{option}: `{path}` is not a file")
    return path


def stop(message: str, code: int = 2) -> NoReturn:
    """End the command with one clear line on standard error."""
    sys.stderr.write(f"cds: {message}\n")
    raise typer.Exit(code)
