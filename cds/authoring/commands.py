"""What rule authors type: each command with its options; the work is done by the module of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cds.options import AsOfOption, RulesOption, SiteOption, ZoneOption, folders, site_file
from cds.rulefile.language import KINDS
from cds.settings import instant, zone


def lint(
    rules: RulesOption = None,
    site: SiteOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
    github: Annotated[bool, typer.Option("--github", help="Print the problems as GitHub annotations.")] = False,
    since: Annotated[Optional[str], typer.Option("--since", help="Released rules (folder or git revision) to compare versions with.")] = None,
) -> None:
    """Name every problem of the rule files with its place and fix; print nothing when there is none."""
    from cds.authoring import lint as command
    form = "json" if as_json else "github" if github else "text"
    raise typer.Exit(command.lint(folders(rules), form, site_file(site), since))


def test(rule: Annotated[Optional[str], typer.Argument(help="Rule id; all rules when left out.")] = None, rules: RulesOption = None) -> None:
    """Run the examples of every rule, and break each rule on purpose to see that an example notices."""
    from cds.authoring import test as command
    raise typer.Exit(command.test(folders(rules), rule))


def read(
    rule: Annotated[Optional[str], typer.Argument(help="Rule id; all rules when left out.")] = None,
    rules: RulesOption = None,
    site: SiteOption = None,
) -> None:
    """Say a rule in plain English; with --site as that site has it."""
    from cds.authoring import read as command
    raise typer.Exit(command.read(folders(rules), rule, site_file(site)))


def explain(
    rule: Annotated[str, typer.Argument(help="Rule id.")],
    case: Annotated[Optional[str], typer.Argument(help="Name or number of an example, or a request file; all examples when left out.")] = None,
    rules: RulesOption = None,
    as_of: AsOfOption = None,
    time_zone: ZoneOption = None,
    site: SiteOption = None,
) -> None:
    """Show why a rule answers as it does, or stays silent: every clause with its answer, record and date."""
    from cds.authoring import explain as command
    raise typer.Exit(command.explain(folders(rules), rule, case, command.At(instant(as_of), zone(time_zone), site_file(site))))


def docs(
    rules: RulesOption = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 where an index is missing or outdated.")] = False,
) -> None:
    """Write INDEX.md: every rule in English with its cards, settings, evidence and examples."""
    from cds.authoring import docs as command
    raise typer.Exit(command.docs(folders(rules), check))


def new(
    kind: Annotated[str, typer.Argument(help=f"Kind of rule ({', '.join(KINDS)}), or `term`, or `site`.")],
    name: Annotated[str, typer.Argument(metavar="ID", help="Its id: lower-case words joined by `-`.")],
    title: Annotated[Optional[str], typer.Option("--title", help="Title of the rule, or what the term says.")] = None,
    term_kind: Annotated[str, typer.Option("--of", help="Kind of term: medication, condition, measurement, procedure or reaction.")] = "condition",
    rules: RulesOption = None,
) -> None:
    """Write a draft rule, term or site file with comments on every key, into the last rule folder."""
    from cds.authoring import new as command
    if kind == "site":
        raise typer.Exit(command.new_site(folders(rules), name))
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


def fmt(
    files: Annotated[Optional[list[Path]], typer.Argument(metavar="[FILE]...", help="Files or folders; the whole rulebook when left out.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; end with 1 when a file would change.")] = False,
    rules: RulesOption = None,
) -> None:
    """Lay out rule files alike: one order of keys, comments where they belong. What a file says never changes."""
    from cds.authoring import fmt as command
    raise typer.Exit(command.fmt(() if files else folders(rules), tuple(files or ()), check))


def schema(kind: Annotated[str, typer.Argument(help="Kind of file: rule, terms, evidence, override-reasons, book, site or clients.")]) -> None:
    """Print the JSON Schema of one kind of file, for editors."""
    from cds.authoring import schema as command
    raise typer.Exit(command.schema(kind))


def diff(
    old: Annotated[str, typer.Argument(help="Rulebook folder, or a git revision that holds rules/.")],
    new: Annotated[str, typer.Argument(help="The same; compared with the first.")],
    requests: Annotated[Path, typer.Option("--requests", envvar="CDS_REQUESTS", exists=True, help="Folder with CDS Hooks requests as JSON files.")],
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when something changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    site: SiteOption = None,
    site_old: Annotated[Optional[Path], typer.Option("--site-old", help="Site file of the first rulebook only.")] = None,
    site_new: Annotated[Optional[Path], typer.Option("--site-new", help="Site file of the second rulebook only.")] = None,
    beside: Annotated[Optional[list[Path]], typer.Option("--beside", help="A folder of a clinic's own rules, beside both rulebooks; repeat.")] = None,
    drafts: Annotated[bool, typer.Option("--drafts", help="Let draft rules answer too.")] = False,
    all_trees: Annotated[bool, typer.Option("--all-trees", help="Answer trees of every change; else one for each kind of change.")] = False,
    most: Annotated[int, typer.Option("--most", min=0, help="Lines of requests shown.")] = 50,
    as_of: AsOfOption = None,
) -> None:
    """Show which requests get other cards from another rulebook or site, and why."""
    from cds.authoring import diff as command
    both, *each = site_file(site), site_file(site_old, "--site-old"), site_file(site_new, "--site-new")
    asked = command.Asked(old, new, requests, each[0] or both, each[1] or both, folders(beside) if beside else (), instant(as_of), drafts)
    raise typer.Exit(command.diff(asked, command.Form(as_json, most, all_trees, check)))


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (lint, test, read, explain, fmt, new, docs, release, schema, diff):
        app.command()(command)
