"""Notice that rule files changed: at once where the filesystem tells, within two seconds where it does not."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from datetime import date
from pathlib import Path

from watchfiles import awatch

from cds.web.aside import aside

POLL = 2.0
"""Seconds after which files are looked at anyway: network drives and bind mounts send no events, and a replaced folder none any more."""
QUIET, PATIENCE = 0.3, 10.0
"""Seconds without a change after which files count as written, and seconds after which they are read all the same."""
_READ = (".yaml", ".yml", ".csv")

Stamp = tuple[tuple[str, int, int, int], ...]


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Every file that can matter; hidden ones, with which editors mark a file as open, do not."""
    for path in paths:
        if path.is_file():
            yield path
        for found in sorted(path.rglob("*")):
            if found.suffix in _READ and not found.name.startswith("."):
                yield found


def stamp(paths: Sequence[Path]) -> Stamp:
    """Name, inode, size and time of change of every file: differs when anything was written, and costs no reading."""
    found = []
    for path in (*paths, *_files(paths)):
        try:
            told = path.stat()
        except OSError:
            found.append((str(path), 0, 0, 0))
        else:
            found.append((str(path), told.st_ino, told.st_size if path.is_file() else 0, told.st_mtime_ns if path.is_file() else 0))
    return tuple(found)


def fingerprint(paths: Sequence[Path], day: date) -> str:
    """SHA-256 over the day and the name and content of every file: what a rulebook is made from."""
    digest = hashlib.sha256(f"{day}\0".encode())
    for path in _files(paths):
        try:
            content = path.read_bytes()
        except OSError as error:
            content = str(error.strerror).encode()
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


async def settled(paths: Sequence[Path]) -> Stamp:
    """Wait until nothing was written for a moment; the stamp then."""
    before = await aside(stamp, paths)
    for _ in range(round(PATIENCE / QUIET)):
        await asyncio.sleep(QUIET)
        after = await aside(stamp, paths)
        if after == before:
            break
        before = after
    return before


async def wakes(paths: Sequence[Path]) -> AsyncIterator[None]:
    """Comes round whenever something changed, and every POLL seconds; never ends."""
    while True:
        roots = await aside(_identities, paths)
        try:
            events = awatch(*(path for path in paths if path.is_dir()), watch_filter=None, debounce=200, step=50,
                            rust_timeout=round(POLL * 1000), yield_on_timeout=True, ignore_permission_denied=True)
            async with aclosing(events):
                async for _ in events:
                    yield
                    if await aside(_identities, paths) != roots:
                        break  # events come from the folder that was there, not from one put in its place
        except (OSError, RuntimeError):  # no folder there now, or no room for another watch: look at intervals
            yield
        await asyncio.sleep(POLL / 4)


def _identities(paths: Sequence[Path]) -> list[int]:
    return [one[1] for path in paths for one in stamp((path,))[:1]]
