"""Where commands for rule authors may write."""

from __future__ import annotations

from pathlib import Path

from cds.options import stop


def own(folder: Path) -> Path:
    """The folder itself; stops where it is the rulebook inside an installed package, which the next upgrade replaces."""
    if folder.name == "_rulebook":
        stop(f"`{folder}` belongs to the installed package, which the next upgrade replaces; work on a copy: "
             f"`cp -r {folder} rules`, then `export CDS_RULES=rules`")
    return folder
