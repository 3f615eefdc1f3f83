"""The released state of a rulebook: another folder, or the same folder at a git revision."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from cds import rulebook
from cds.options import stop
from cds.rulebook import Rulebook
from cds.rulefile.problems import RulesRefused


@dataclass(frozen=True, slots=True)
class Released:
    """A rulebook as it was released (with its retired rules), and what it is called: a folder or a revision."""

    book: Rulebook
    name: str


@contextmanager
def released(since: str | None, folder: Path, today: date) -> Iterator[Released]:
    """The rulebook `since` names: a folder where there is one of that name, else a git revision; None: the last tag, else HEAD."""
    if since is not None and Path(since).is_dir():
        yield Released(_read(Path(since), since, today), since)
        return
    revision = since or _newest(folder)
    with tempfile.TemporaryDirectory(prefix="cds-released-") as place:
        _unpack(folder, revision, Path(place))
        yield Released(_read(Path(place), revision, today), revision)


def _read(folder: Path, name: str, today: date) -> Rulebook:
    if not (folder / "book.yaml").is_file():
        stop(f"--since: `{name}` holds no rulebook (no book.yaml); a first release has nothing to compare with: use --first")
    try:
        return rulebook.load_whole([folder], today)
    except RulesRefused as refused:
        first = refused.problems[0]
        place = f"{first.place.path.name}:{first.place.line}"
        stop(f"--since: the rules of `{name}` cannot be read by this version ({len(refused.problems)} problems; {place}: {first.what}); "
             "name a later state")


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False)
    except FileNotFoundError:
        stop("git is not installed, so the released rules cannot be looked up; name a folder that holds them with --since")


def _newest(folder: Path) -> str:
    """The last tag, else HEAD."""
    found = _git(folder, "describe", "--tags", "--abbrev=0")
    return found.stdout.decode().strip() if found.returncode == 0 else "HEAD"


def _unpack(folder: Path, revision: str, target: Path) -> None:
    """Write the files that the folder had at a revision."""
    where = _git(folder, "rev-parse", "--show-toplevel", "--show-prefix")
    if where.returncode != 0:
        stop(f"`{folder}` is in no git repository, so the released rules cannot be looked up; name a folder that holds them with --since")
    top, _, prefix = where.stdout.decode().rstrip("\n").partition("\n")
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit.returncode != 0:
        tags = _git(folder, "tag", "--sort=-creatordate").stdout.decode().split()[:5]
        hint = f" (tags: {', '.join(tags)})" if tags else ""
        stop(f"--since: `{revision}` is neither a folder nor a revision of the repository in {top}{hint}")
    archive = _git(Path(top), "archive", "--format=tar", f"{commit.stdout.decode().strip()}:{prefix}")
    if archive.returncode != 0:
        stop(f"--since: at `{revision}` there was no `{prefix or folder}`; a first release has nothing to compare with: use --first")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        for member in files:
            path, content = PurePosixPath(member.name), files.extractfile(member) if member.isfile() else None
            if content is not None and not path.is_absolute() and ".." not in path.parts:
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                (target / path).write_bytes(content.read())
