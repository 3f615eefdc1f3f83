"""Try changed rule files in a child process with a time limit, and hand what was tried from one worker to the others."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import pickle
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from time import monotonic

from cds.engine.durable import Inference
from cds.pipeline import Ready
from cds.settings import Settings, to_environment
from cds.web.aside import aside

_HOME = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Tried:
    """How a trial of the files with a fingerprint `key` ended, for a day: a rulebook without its engine part, or problems, one line each.

    `again` marks what may end otherwise without any change of the files, such as a time limit; `at` is when it ended.
    """

    key: str
    day: date
    ready: Ready | None = None
    uses_engine: bool = False
    problems: tuple[str, ...] = ()
    again: bool = False
    at: float = 0.0


def kept(key: str, day: date, ready: Ready) -> Tried:
    """A rulebook that was prepared in this process, in the form in which it is handed on."""
    return Tried(key, day, replace(ready, inference=None), ready.inference is not None)


def pack(tried: Tried) -> bytes:
    """What is handed on: a head that says which trial it was, then the outcome."""
    head = (tried.key, tried.again, tried.at)
    return pickle.dumps(head) + pickle.dumps(tried, protocol=pickle.HIGHEST_PROTOCOL)


def unpacked(packed: bytes) -> Tried:
    """What was handed on, made ready for serving; EngineFault when the engine fails.

    The rulebook will stay: it is put out of reach of the collector at once, which otherwise would walk it now and with
    every large request.
    """
    gc.collect()
    gc.disable()
    try:
        parts = io.BytesIO(packed)
        pickle.load(parts)
        tried: Tried = pickle.load(parts)
        if tried.ready is None or not tried.uses_engine:
            return tried
        return replace(tried, ready=replace(tried.ready, inference=Inference(tried.ready.plan.conclusions)))
    finally:
        gc.freeze()
        gc.enable()


async def trial(settings: Settings, day: date, key: str, same_files: bool) -> bytes:
    """Run `cds.trial` on the files as they are (`same_files`: only the day is new); a child that crashes or is late is a refusal that may be tried again."""
    environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"} | to_environment(settings)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_HOME), environment.get("PYTHONPATH"))))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cds.trial", day.isoformat(), "day" if same_files else "files", env=environment, start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        packed, said = await asyncio.wait_for(child.communicate(), settings.check_limit)
    except asyncio.TimeoutError:
        return _failed(key, day, f"the check of the changed rules did not finish within {settings.check_limit:g} s and was ended")
    finally:
        await _ended(child)
    if child.returncode == 0:
        return packed
    if child.returncode and child.returncode < 0:
        return _failed(key, day, f"the check of the changed rules crashed: {signal.strsignal(-child.returncode)}")
    last = (said.decode(errors="replace").strip() or "it said nothing").splitlines()[-1]
    return _failed(key, day, f"the check of the changed rules failed: {last}")


async def _ended(child: asyncio.subprocess.Process) -> None:
    """End the child with all its own children, and collect it."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    await child.wait()


def _failed(key: str, day: date, why: str) -> bytes:
    return pack(Tried(key, day, problems=(why,), again=True, at=monotonic()))


@dataclass(frozen=True, slots=True)
class Handover:
    """A folder in which workers leave each other what they tried; without a folder every trial stays in this process.

    `in force` is the last rulebook that passed, from which a worker starts that takes the place of another.
    """

    folder: Path | None

    def keep(self, name: str, packed: bytes) -> None:
        """Leave a file for the others, whole or not at all."""
        if self.folder is not None:
            fresh = self.folder / f"{name}.{os.getpid()}"
            fresh.write_bytes(packed)
            fresh.replace(self.folder / name)

    def take(self, name: str) -> bytes | None:
        """What was left under a name; None where nothing was."""
        try:
            return (self.folder / name).read_bytes() if self.folder is not None else None
        except OSError:
            return None

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """While this is open no other worker tries."""
        if self.folder is None:
            yield
            return
        import fcntl  # only where several workers can run
        with (self.folder / "lock").open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.05)
            yield  # closing the file gives the lock back, also when this process dies


async def tried(settings: Settings, day: date, key: str, handover: Handover, same_files: bool = False) -> bytes:
    """The trial of a fingerprint, by whichever worker comes first; the others wait and take its result."""
    asked = monotonic()
    async with handover.alone():
        packed = handover.take("tried")
        if packed is not None:
            last, again, at = pickle.loads(packed)
            if last == key and (not again or at >= asked):
                return packed
        packed = await trial(settings, day, key, same_files)
        await aside(handover.keep, "tried", packed)
        return packed
