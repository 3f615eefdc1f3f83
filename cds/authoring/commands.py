"""What rule authors type: each command with its options; the work is done by the module of the same name."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cds.options import AsOfOption, RulesOption, ZoneOption, folders
from cds.rulefile.language import KINDS
from cds.settings import instant, zone


def lint(
    rules: RulesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
    github: Annotated[bool, typer.Option("--github", help="Print the problems as GitHub annotations.")] = False,
    since: Annotated[Optional[str], typer.Option("--since", help="Released rules (folder or git revision) to compare versions with.")] = None,
) -> None:
    """Name every problem of the rule files with its place and fix; print nothing when there is none."""
    from cds.authoring import lint as command
    raise typer.Exit(command.lint(folders(rules), "json" if as_json else "github" if github else "text", since))


def test(rules: RulesOption = None) -> None:
    """Run the examples of every rule."""
    from cds.authoring import test as command
    raise typer.Exit(command.test(folders(rules)))


def read(rule: Annotated[Optional[str], typer.Argument(help="Rule id; all rules when left out.")] = None, rules: RulesOption = None) -> None:
    """Say a rule in plain English."""
    from cds.authoring import read as command
    raise typer.Exit(command.read(folders(rules), rule))


def explain(
    rule: Annotated[str, typer.Argument(help="Rule id.")],
    case: Annotated[Optional[str], typer.Argument(help="Name or number of an example, or a request file; all examples when left out.")] = None,
    rules: RulesOption = None,
    as_of: AsOfOption = None,
    time_zone: ZoneOption = "UTC",
) -> None:
    """Show why a rule answers as it does, or stays silent: every clause with its answer, record and date."""
    from cds.authoring import explain as command
    raise typer.Exit(command.explain(folders(rules), rule, case, command.At(instant(as_of), zone(time_zone))))


def docs(
    rules: RulesOption = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 where an index is missing or outdated.")] = False,
) -> None:
    """Write INDEX.md: every rule in English with its cards, settings, evidence and examples."""
    from cds.authoring import docs as command
    raise typer.Exit(command.docs(folders(rules), check))


def new(
    kind: Annotated[str, typer.Argument(help=f"Kind of rule ({', '.join(KINDS)}), or `term`.")],
    name: Annotated[str, typer.Argument(metavar="ID", help="Its id: lower-case words joined by `-`.")],
    title: Annotated[Optional[str], typer.Option("--title", help="Title of the rule, or what the term says.")] = None,
    term_kind: Annotated[str, typer.Option("--of", help="Kind of term: medication, condition or measurement.")] = "condition",
    rules: RulesOption = None,
) -> None:
    """Write a draft rule with comments on every key and examples to make true, into the last rule folder."""
    from cds.authoring import new as command
    if kind == "term":
        raise typer.Exit(command.new_term(folders(rules), name, term_kind, title))
    raise typer.Exit(command.new_rule(folders(rules), kind, name, title))


def release(
    rules: RulesOption = None,
    since: Annotated[Optional[str], typer.Option("--since", help="Released rules: folder or git revision. Default: last tag, else HEAD.")] = None,
    start: Annotated[Optional[str], typer.Option("--from", metavar="YYYY-MM-DD", help="First day on which clinicians meet the change.")] = None,
    because: Annotated[Optional[str], typer.Option("--because", help="Why the rules change, in words for clinicians.")] = None,
    first: Annotated[bool, typer.Option("--first", help="The first release: there is nothing to compare with.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show which versions would be raised and why; write nothing.")] = False,
) -> None:
    """Raise versions by how far the old examples are answered otherwise, and write the clinicians' list of changes."""
    from cds.authoring import release as command
    raise typer.Exit(command.release(folders(rules), command.Asked(since, start, because, first, dry_run)))


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (lint, test, read, explain, new, docs, release):
        app.command()(command)
