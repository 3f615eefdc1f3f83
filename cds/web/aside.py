"""One thread beside the event loop, in which reloading reads files and builds rulebooks.

It is always the same one: every further thread would get a memory arena of its own, and each could keep a whole rulebook's room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="cds-reload")
Result = TypeVar("Result")


async def aside(call: Callable[..., Result], *given: object) -> Result:
    """What a call returns, while the event loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, call, *given)
