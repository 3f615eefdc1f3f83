"""End a worker that is stuck, so that its supervisor starts a fresh one instead of every call timing out in silence.

Python's own timer thread (faulthandler) needs no interpreter lock: it also ends a process whose C code never returns.
"""

from __future__ import annotations

import asyncio
import faulthandler
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def watched(seconds: float) -> AsyncIterator[None]:
    """While this context is open, the process prints where it stands and exits once the event loop is stuck that long."""
    task = asyncio.get_running_loop().create_task(_feed(seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        faulthandler.cancel_dump_traceback_later()


async def _feed(seconds: float) -> None:
    while True:
        faulthandler.dump_traceback_later(seconds, exit=True)
        await asyncio.sleep(seconds / 4)
