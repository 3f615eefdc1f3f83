"""What is typed to check a running service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cds.options import stop


def selftest(
    url: Annotated[str, typer.Argument(help="Address of the service, with or without /cds-services.", envvar="CDS_URL")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    header: Annotated[str, typer.Option("--header", envvar="CDS_HEADER", metavar="'NAME: VALUE'",
                                        help="Header to send along, such as an access token; several on a line each.")] = "",
    origin: Annotated[str, typer.Option("--origin", envvar="CDS_ORIGIN", help="Browser origin that the service should allow.")] = "http://localhost",
    authority: Annotated[Optional[Path], typer.Option("--ca-file", envvar="CDS_CA_FILE", exists=True, dir_okay=False,
                                                      help="Certificate authority of its own.")] = None,
    feedback: Annotated[bool, typer.Option("--feedback/--no-feedback", envvar="CDS_FEEDBACK",
                                           help="Send feedback on the cards that come back.")] = True,
) -> None:
    """Check any running CDS Hooks service against the specification, with synthetic patients only."""
    from cds.selftest.run import Asked, selftest as run
    headers = {}
    for one in header.splitlines():
        name, colon, value = one.partition(":")
        if not colon or not name.strip().replace("-", "").isalnum() or not value.strip().isprintable():
            stop(f"--header: `{one[:40]}` is not of the form 'Name: value'")
        headers[name.strip()] = value.strip()
    raise typer.Exit(run(Asked(url, headers, origin, feedback, str(authority) if authority else None), as_json))


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(selftest)
