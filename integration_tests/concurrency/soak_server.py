"""A process of its own that answers thousands of streams as both clouds do, some of them badly.

A prompt is ``<number> <kind>``: what goes wrong is decided by who asks. It prints its
URL on stdout, and answers ``GET /statistics`` with what was seen so far as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from functools import cache

from raw_clouds import Event, Exchange, RawClouds, answer_events, frame, whole_answer

WORDS = (" The", " quick", " brown", " fox", " jumps", " over", " dogs")
_BAD_EVENT: Event = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


def first_word(number: int) -> str:
    """Return how the answer to a prompt begins.

    There are not more beginnings than streams in the warm-up: jiter keeps short strings.
    """
    return f"answer {number % 200}"


def expected_text(number: int) -> str:
    """Return the answer to a prompt."""
    return first_word(number) + "".join(WORDS)


@cache
def _frames(cloud: str, first: int, last: int | None = None) -> bytes:
    """Return the chunks of some of the answer's events, but for the first piece of text."""
    events = answer_events("", *WORDS)[first:last]
    return b"".join(_chunk(event, cloud) for event in events)


def _chunk(event: Event, cloud: str) -> bytes:
    data = frame(event, cloud)
    return b"%x\r\n%b\r\n" % (len(data), data)


class Misbehaviour:
    """Answers prompts, and damages the first answer to those that say how.

    Attributes:
        attempts: How often each number was asked for.
    """

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one request."""
        number, _, kind = exchange.prompt.partition(" ")
        self.attempts[number] += 1
        if self.attempts[number] > 1 or kind in {"good", ""}:
            await self._answer(exchange, number)
        elif kind == "reset before":
            exchange.writer.transport.abort()
        elif kind == "throttled":
            await exchange.reply(b"{}", 429, {"retry-after": "0"})
        elif kind == "refused":
            await exchange.reply(b'{"message":"no"}', 400)
        elif kind == "overloaded":
            await exchange.begin()
            await exchange.events([answer_events()[0], _BAD_EVENT])
            await exchange.end()
        else:
            await self._break_off(exchange, number, kind)

    async def _answer(self, exchange: Exchange, number: str) -> None:
        if not exchange.is_stream:
            text = expected_text(int(number))
            await exchange.reply(whole_answer([{"type": "text", "text": text}]))
            return
        await self._begin(exchange, number)
        await exchange.send(_frames(exchange.cloud, 3))
        await exchange.end()

    async def _begin(self, exchange: Exchange, number: str) -> None:
        delta = answer_events(first_word(int(number)))[2]
        head = _frames(exchange.cloud, 0, 2) + _chunk(delta, exchange.cloud)
        await exchange.begin()
        await exchange.send(head)

    async def _break_off(self, exchange: Exchange, number: str, kind: str) -> None:
        await self._begin(exchange, number)
        if kind == "reset":
            await exchange.send(_frames(exchange.cloud, 3, 4))
            exchange.writer.transport.abort()
        elif kind == "cut":
            await exchange.end()
        elif kind == "error event":
            await exchange.events([_BAD_EVENT])
            await exchange.end()
        else:  # The client is to end it: stalled, cancelled, left.
            await exchange.wait_for_hang_up()


async def _serve() -> None:
    misbehaviour = Misbehaviour()
    server = RawClouds()

    async def handle(exchange: Exchange) -> None:
        server.requests.clear()
        if exchange.cloud != "statistics":
            await misbehaviour(exchange)
            return
        seen = {
            "requests": sum(misbehaviour.attempts.values()),
            "prompts": len(misbehaviour.attempts),
            "active": server.active - 1,
            "open": server.opened - server.closed - 1,
        }
        await exchange.reply(json.dumps(seen).encode())

    server.handler = handle
    async with await server.start():
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)  # Until the parent closes it, or ends.


if __name__ == "__main__":
    asyncio.run(_serve())
