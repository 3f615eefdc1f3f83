"""The command `cds`: serve and evaluate, and the commands for rule authors."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Optional

import orjson
import typer

from cds import __version__, clock, pipeline
from cds.authoring import commands
from cds.engine.durable import CompileLimit
from cds.hooks.request import RequestRefused, parse, request
from cds.options import (AsOfOption, DeadlineOption, FhirBaseOption, LocalFhirOption, RulesOption, SiteOption, ZoneOption, fhir_bases, folders,
                         site_file, stop)
from cds.rulefile.problems import RulesRefused
from cds.selftest import commands as selftest_commands
from cds.settings import DEADLINE, MAX_BODY, STORE, SettingRefused, Settings, instant, refuse_open_doors, zone

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Decision support for ketamine therapy: a CDS Hooks service driven by rule files.")
commands.register(app)
selftest_commands.register(app)

@app.command()
def serve(
    host: Annotated[str, typer.Option(envvar="CDS_HOST", help="Address to listen on; a loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="CDS_PORT", min=1, max=65535)] = 8080,
    rules: RulesOption = None,
    site: SiteOption = None,
    workers: Annotated[int, typer.Option(envvar="CDS_WORKERS", min=1, max=64, help="Worker processes.")] = 1,
    as_of: AsOfOption = None,
    time_zone: ZoneOption = None,
    max_body: Annotated[int, typer.Option(envvar="CDS_MAX_BODY", min=1000, help="Largest request body in bytes.")] = MAX_BODY,
    engine: Annotated[bool, typer.Option("--engine/--no-engine", envvar="CDS_ENGINE", help="Use durable-rules beside the reference evaluator.")] = True,
    stuck_after: Annotated[float, typer.Option(envvar="CDS_STUCK_AFTER", min=1, help="End a worker that is stuck for so many seconds.")] = 30.0,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", envvar="CDS_WATCH", help="Put changed rule files into service while running.")] = True,
    check_limit: Annotated[float, typer.Option(envvar="CDS_CHECK_LIMIT", min=1, help="End the check of changed rules after so many seconds.")] = 60.0,
    cors_origin: Annotated[Optional[list[str]], typer.Option(envvar="CDS_CORS_ORIGIN", help="Browser origin that may call; repeat. Default: any.")] = None,
    store: Annotated[str, typer.Option(envvar="CDS_STORE", help="Where feedback is kept: sqlite:///FILE or postgresql://USER@HOST/DATABASE.")] = STORE,
    fhir_base: FhirBaseOption = None,
    allow_local_fhir: LocalFhirOption = False,
    deadline: DeadlineOption = DEADLINE,
) -> None:
    """Run the CDS Hooks service."""
    from cds.web.server import run
    settings = Settings(host, port, folders(rules), workers, instant(as_of), zone(time_zone), max_body, engine, tuple(cors_origin or ["*"]),
                        stuck_after, store, site_file(site), watch, check_limit, fhir_bases=fhir_bases(fhir_base, allow_local_fhir), deadline=deadline)
    refuse_open_doors(settings)
    raise typer.Exit(run(settings))


@app.command()
def evaluate(
    request_file: Annotated[str, typer.Argument(metavar="REQUEST.json", help="A CDS Hooks request; - reads standard input.")],
    answers: Annotated[bool, typer.Option("--answers", help="Also print the answer of every rule.")] = False,
    check_fhir: Annotated[bool, typer.Option("--check-fhir", help="Also list on standard error where the input departs from FHIR R4.")] = False,
    as_of: AsOfOption = None,
    rules: RulesOption = None,
    site: SiteOption = None,
    time_zone: ZoneOption = None,
    fhir_base: FhirBaseOption = None,
    allow_local_fhir: LocalFhirOption = False,
    deadline: DeadlineOption = DEADLINE,
) -> None:
    """Evaluate one CDS Hooks request and print the response JSON."""
    try:
        body = sys.stdin.buffer.read() if request_file == "-" else Path(request_file).read_bytes()
    except OSError as error:
        stop(f"`{request_file}` cannot be read: {error.strerror}")
    try:
        document = parse(body)
        asked = request(document)
    except RequestRefused as refused:
        stop(f"{request_file}: {refused.where}: {refused.what}")
    if check_fhir:
        from cds.authoring.departures import tell
        tell(document)
    now: datetime = instant(as_of) or clock.now()
    zoned = zone(time_zone)
    ready = pipeline.prepare_at(folders(rules), now, zoned, site_file(site))
    for warning in ready.rulebook.site.warnings if ready.rulebook.site else ():
        sys.stderr.write(f"{warning}\n")
    bases, found = fhir_bases(fhir_base, allow_local_fhir), None
    if bases:
        from cds.completion import fetched
        found = fetched(asked, ready, now, zoned, bases, deadline)
    decision = pipeline.decide(asked, ready, now, zoned, clock.new_identifier, found)
    response = {"cards": decision.cards}
    printed = {"response": response, "answers": decision.answers} if answers else response
    sys.stdout.buffer.write(orjson.dumps(printed, option=orjson.OPT_INDENT_2) + b"\n")


@app.command()
def status(
    url: Annotated[str, typer.Argument(help="Address of the service.", envvar="CDS_URL")] = "http://127.0.0.1:8080",
    as_json: Annotated[bool, typer.Option("--json", help="Print what it says as JSON.")] = False,
) -> None:
    """Say what a running service serves, and what is wrong with it."""
    from cds.web.status import status as asked
    raise typer.Exit(asked(url, as_json))


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit()


def _named_in_the_environment() -> Callable[[], object]:
    """The command line in which every option may also be given as CDS_<OPTION>."""
    made: Any = typer.main.get_command(app)
    for command in made.commands.values():
        for one in command.params:
            if one.param_type_name == "option" and one.name != "help" and not one.envvar:
                one.envvar = "CDS_" + max(one.opts, key=len).lstrip("-").replace("-", "_").upper()
    return made


def main() -> None:
    """Run the command line; every expected failure is one clear message and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows a question mark
    try:
        _named_in_the_environment()()
    except RulesRefused as refused:
        sys.stderr.write(f"{refused}\ncds: the rulebook cannot be used, {len(refused.problems)} problem(s) above\n")
        sys.exit(2)
    except (SettingRefused, CompileLimit, LookupError, OSError, RequestRefused) as error:
        sys.stderr.write(f"cds: {error.args[0] if isinstance(error, LookupError) and error.args else error}\n")
        sys.exit(2)
