"""Scripts the emulator over HTTP, for tests in other processes and in other languages.

``POST /_emulator/replies`` and ``/_emulator/faults`` queue an entry, ``GET /_emulator/requests``
shows what came in, ``GET /_emulator/verification`` says whether script and requests fitted, and
``DELETE /_emulator/script`` forgets both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.blocks import (
    Block,
    as_block,
    raw_tool_use,
    redacted_thinking,
    text,
    thinking,
    tool_use,
)
from langchain_claude_cloud.testing.faults import FaultKind, make_fault
from langchain_claude_cloud.testing.matching import tool_result
from langchain_claude_cloud.testing.scripting import (
    FaultSettings,
    Reply,
    ReplySettings,
    check_settings,
)
from langchain_claude_cloud.testing.server.state import State
from langchain_claude_cloud.testing.wire import Incoming, Outgoing, ReceivedRequest

_PREFIX: Final = "/_emulator/"


def is_remote(request: Incoming) -> bool:
    """Whether a request scripts the emulator."""
    return request.raw_path.startswith(_PREFIX)


def serve(state: State, request: Incoming) -> Outgoing:
    """Answer a request that scripts the emulator."""
    target = f"{request.method} {request.raw_path.removeprefix(_PREFIX)}"
    try:
        if target == "POST replies":
            state.script.add(_reply(_parsed(request)))
        elif target == "POST faults":
            state.script.add(_fault(_parsed(request)))
        elif target == "DELETE script":
            state.reset()
        elif target == "GET verification":
            state.verify()
        elif target == "GET requests":
            return _json(200, [_shown(each) for each in state.requests])
        else:
            return _json(404, {"message": f"The emulator has no {target}."})
    except (ValueError, TypeError, LookupError) as error:
        return _json(400, {"message": str(error)})
    except AssertionError as error:
        return _json(409, {"message": str(error)})
    return _json(200, {"pending": len(state.script)})


def _json(status: int, value: object) -> Outgoing:
    data = json.dumps(value, ensure_ascii=False).encode()
    return Outgoing(status, {"content-type": "application/json"}, data)


def _parsed(request: Incoming) -> JsonObject:
    value = json.loads(request.body)
    if not isinstance(value, dict):
        raise TypeError("Give a JSON object.")
    return value


def _reply(given: JsonObject) -> Reply:
    blocks = tuple(map(_block, given.pop("content", [])))
    check_settings("reply, beside content", ReplySettings, given)
    return Reply(blocks=blocks, **_settings(given))


def _fault(given: JsonObject) -> Any:  # noqa: ANN401  # make_fault's
    kind, blocks = given.pop("kind", None), [_block(each) for each in given.pop("content", [])]
    check_settings("fault, beside kind and content", FaultSettings, given)
    settings: Any = _settings(given)
    if kind is None:
        return make_fault(*blocks, **settings)
    known = {each.name.lower(): each for each in FaultKind}
    if str(kind).lower() not in known:
        raise ValueError(f"kind={kind!r} is not known. Give one of {', '.join(known)}.")
    return make_fault(known[str(kind).lower()], *blocks, **settings)


def _settings(given: JsonObject) -> JsonObject:
    settings = dict(given)
    match = settings.get("match")
    if isinstance(match, dict):
        settings["match"] = tool_result(**match["tool_result"])
    if isinstance(settings.get("field"), list):
        settings["field"] = tuple(settings["field"])
    return settings


def _block(value: object) -> Block:
    """Return a block of an answer from JSON: a text, or a block as the API has it."""
    if isinstance(value, str):
        return text(value)
    if not isinstance(value, dict):
        raise TypeError("A block is a text or an object with a type.")
    make = _BLOCKS.get(str(value.get("type")), as_block)
    return make(value)


def _call(value: JsonObject) -> Block:
    if "raw" in value:
        return raw_tool_use(value["name"], value["raw"], id=value.get("id"))
    return tool_use(value["name"], value.get("input"), id=value.get("id"))


_BLOCKS: Final[dict[str, Callable[[JsonObject], Block]]] = {
    "text": lambda value: text(value["text"], citations=value.get("citations") or ()),
    "thinking": lambda value: thinking(value["thinking"], signature=value.get("signature")),
    "redacted_thinking": lambda value: redacted_thinking(value["data"]),
    "tool_use": _call,
}
"""How the blocks are made that are streamed in pieces; others are sent whole."""


def _shown(request: ReceivedRequest) -> JsonObject:
    names = ("platform", "operation", "model", "region", "project", "path", "body", "status")
    return {name: getattr(request, name) for name in (*names, "outcome")}
