"""Where rule files stand: which are read, and which never would be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cds.rulefile.language import FOLDERS
from cds.rulefile.problems import Place, Problem


def rule_files(folders: Sequence[Path], problems: list[Problem]) -> list[Path]:
    """The rule files of some folders; an id that stands in two of them is noted."""
    found: dict[str, Path] = {}
    for folder in folders:
        for kind in FOLDERS:
            for path in sorted((folder / kind).glob("[!.]*.yaml")):
                if path.stem in found:
                    problems.append(Problem(Place(path), "duplicate-key", f"the rule `{path.stem}` already exists in {found[path.stem]}",
                                            "Give it another id."))
                found[path.stem] = path
    return list(found.values())


def note_strays(folders: Sequence[Path], problems: list[Problem]) -> None:
    """A rule file in a place that is never read would never run."""
    for folder in folders:
        for path in sorted([*folder.rglob("[!.]*.yaml"), *folder.rglob("[!.]*.yml")]):
            parts = path.relative_to(folder).parts
            known = path.suffix == ".yaml" and (len(parts) == 1 or parts[0] in FOLDERS and len(parts) == 2 or parts[0] in ("terms", "sites"))
            if not known:
                problems.append(Problem(Place(path), "name-differs-from-file", "this file is in no place where rules are read, so it would never run",
                                        f"Move it to one of {', '.join(f'{name}/' for name in FOLDERS)} and let its name end in .yaml."))
