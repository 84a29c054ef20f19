"""A uvicorn server in a thread of its own, on a loopback address.

It stops at once, whatever its connections are doing, and leaves the process's logging alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from langchain_claude_cloud.testing.server.app import EmulatorApp

_START_TIMEOUT = 10.0
_TURNS = 5


class _Server(uvicorn.Server):
    """A server that says when it listens and that stops at once.

    uvicorn looks for its stop flag ten times a second and then waits for connections; a
    test suite starts and stops hundreds of emulators, some with a stalled stream.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        self.listening.set()
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, break what is open, and wait until nothing runs."""
        # asyncio leaks a connection that it is accepting when its server is closed.
        for listener in sockets or []:
            asyncio.get_running_loop().remove_reader(listener)
        # Let the applications learn that their connections are gone before they are cancelled.
        # One that was just accepted is known to the server some turns of the loop later.
        for _ in range(_TURNS):
            self._abort_connections()
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._abort_connections()
        await asyncio.sleep(0)

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            _abort(connection)

    def stop(self) -> None:
        """Tell the server to stop; called from another thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)

    def drop(self, client: object) -> None:
        """Break the connection of one client; called on the server's loop."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == client:
                _abort(connection)


def _abort(connection: object) -> None:
    transport = getattr(connection, "transport", None)
    if transport is not None:
        transport.abort()


class ServerThread:
    """Runs an application until `stop`."""

    def __init__(self, app: EmulatorApp, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio turns Nagle's algorithm off only where the protocol is named; with it, each
        # response on a reused connection would wait 40 ms for an acknowledgement.
        self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._server = _Server(_config(app))
        app.drop_connection = self._server.drop
        self._thread = threading.Thread(target=self._run, name="cloud-emulator", daemon=True)

    def start(self) -> None:
        """Start serving; return once connections are accepted.

        Raises:
            RuntimeError: The server did not come up.
        """
        self._thread.start()
        if not self._server.listening.wait(_START_TIMEOUT):
            self.stop()
            raise RuntimeError("The cloud emulator did not start; see the log of `uvicorn.error`.")

    def stop(self) -> None:
        """Stop serving and wait for the thread."""
        self._server.stop()
        self._thread.join(_START_TIMEOUT)
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _config(app: EmulatorApp) -> uvicorn.Config:
    return uvicorn.Config(
        app.asgi,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        # A line a request, in the log of whoever tests with it, says nothing that
        # `CloudEmulator.requests` does not.
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        h11_max_incomplete_event_size=256 * 1024,
    )
