"""A rulebook named on the command line: a folder, or a git revision of the `rules` folder."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

IN_GIT = "rules"


def rulebook_folder(named: str, room: Path) -> Path:
    """The folder, or the `rules` folder of a git revision written below `room`; LookupError where it is neither."""
    if Path(named).is_dir():
        return Path(named)
    found = None if named.startswith("-") else _archive(named)
    if found is None:
        raise LookupError(f"`{named}` is neither a rulebook folder nor a git revision that holds `{IN_GIT}/`; "
                          "name a folder such as `rules` or a revision such as `HEAD~1`")
    with tarfile.open(fileobj=io.BytesIO(found)) as tar:
        for member in (one for one in tar if one.isfile() and ".." not in Path(one.name).parts):
            path = room / member.name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            path.write_bytes(content.read() if content else b"")
    return room / IN_GIT


def _archive(revision: str) -> bytes | None:
    try:
        top = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True, timeout=60)
        if top.returncode:
            return None
        done = subprocess.run(["git", "-C", top.stdout.strip(), "archive", "--format=tar", revision, "--", IN_GIT], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    return done.stdout if done.returncode == 0 else None
