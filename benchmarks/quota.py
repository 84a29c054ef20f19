"""Send many prompts at once to a server with a quota: ``python -m benchmarks.quota``.

The server is a process of its own on loopback that takes 100 requests in any second and answers
the others with 429. The model has its default settings.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from langchain_core.messages import AIMessage

from langchain_claude_cloud import ChatClaudeCloud, Vertex
from langchain_claude_cloud.errors import RateLimitError

ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": "Yes."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "output_tokens": 2},
}
REFUSAL = {
    "error": {
        "code": 429,
        "message": "Quota exceeded for requests.",
        "status": "RESOURCE_EXHAUSTED",
    }
}


class QuotaServer:
    """Takes so many requests in any second."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: deque[float] = deque()

    async def serve(self, ready: Connection) -> None:
        """Serve for ever, after saying on which port."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=4096)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                status, body = (200, ANSWER) if self._take() else (429, REFUSAL)
                content = json.dumps(body).encode()
                writer.write(
                    b"HTTP/1.1 %d x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                    % (status, len(content))
                )
                writer.write(content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _take(self) -> bool:
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - 1.0:
            self._taken.popleft()
        if len(self._taken) >= self._limit:
            return False
        self._taken.append(now)
        return True


def _serve(limit: int, ready: Connection) -> None:
    asyncio.run(QuotaServer(limit).serve(ready))


@contextmanager
def serving(limit: int) -> Iterator[str]:
    """Run the server in a process of its own, and give its address."""
    here, there = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_serve, args=(limit, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def ask(url: str, prompts: int) -> tuple[int, int, int, float]:
    """Send prompts at once; return how many were answered, lost and refused, and the seconds.

    What the first call imports is imported before: the server has a second to forget that call.
    """
    platform = Vertex(project="p", region="us-east5", access_token="t", base_url=url)
    model = ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform, max_tokens=100)
    model.invoke("Yes?", max_retries=100)
    time.sleep(1.0)
    begin = time.monotonic()
    outcomes = asyncio.run(model.abatch(["Yes?"] * prompts, return_exceptions=True))
    seconds = time.monotonic() - begin
    lost = [outcome for outcome in outcomes if isinstance(outcome, RateLimitError)]
    others = [one for one in outcomes if isinstance(one, Exception) and one not in lost]
    if others:
        raise others[0]
    answers = [outcome for outcome in outcomes if isinstance(outcome, AIMessage)]
    refused = sum(answer.response_metadata["attempts"] - 1 for answer in answers)
    return len(answers), len(lost), refused + len(lost) * (model.max_retries + 1), seconds


def main() -> None:
    """Print what became of the prompts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    wanted = parser.parse_args()
    each = wanted.prompts // wanted.processes
    with serving(wanted.limit) as url:
        if wanted.processes == 1:
            found = [ask(url, each)]
        else:
            with multiprocessing.get_context("spawn").Pool(wanted.processes) as pool:
                found = pool.starmap(ask, [(url, each)] * wanted.processes)
    answered, lost, refused = (sum(one[part] for one in found) for part in (0, 1, 2))
    seconds = max(one[3] for one in found)
    print(
        f"{answered} answered, {lost} lost in {seconds:.1f} s: {answered / seconds:.1f} a second "
        f"of {wanted.limit}; {refused} requests were refused"
    )


if __name__ == "__main__":
    main()
