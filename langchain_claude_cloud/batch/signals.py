"""Ends a run at Ctrl-C and SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interruptible(interrupt: Callable[[], None]) -> Iterator[None]:
    """Call a function at Ctrl-C and SIGTERM, where that can be had."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, signals = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(one) for one in signals]
    try:
        for one in signals:
            with contextlib.suppress(NotImplementedError):  # Windows
                loop.add_signal_handler(one, interrupt)
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(one)
            signal.signal(one, handler)
