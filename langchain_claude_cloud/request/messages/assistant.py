"""Converts an `AIMessage`, of Claude or of another model, to content of an assistant turn.

The content may have Anthropic's own form, LangChain's standard form (then this is the reverse of
`langchain_core.messages.block_translators.anthropic`), or that of another API. Thinking and
server tools of other models mean nothing to Claude and are left out.

People and middleware edit ``AIMessage.tool_calls``, so it wins over the calls in the content, which
gives their order.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.blocks import (
    MEDIA,
    Converter,
    content_of,
    convert_block,
    convert_blocks,
    convert_text,
    parse_object,
    without_leftovers,
)
from langchain_claude_cloud.request.messages.tool_results import describe
from langchain_claude_cloud.request.messages.turns import INVALID_JSON, PAUSES, Turn
from langchain_claude_cloud.request.tool_names import wire_id
from langchain_claude_cloud.request.tools import NO_NAMES, ToolNames

_BEDROCK_PROVIDERS: Final = frozenset({"bedrock", "bedrock_converse", "amazon_bedrock"})
_OTHER_TEXTS: Final = {"text": "text", "output_text": "text", "refusal": "refusal"}
"""Blocks of another model's message that are what it said, and where."""

_SERVER_NAMES: Final = {"code_interpreter": "code_execution"}
_RESULT_TYPES: Final = {
    "code_interpreter": "code_execution_tool_result",
    "remote_mcp": "mcp_tool_result",
    "tool_search_tool_bm25": "tool_search_tool_result",
    "tool_search_tool_regex": "tool_search_tool_result",
}
_KEPT: Final = ("cache_control", "caller", "toolset_name")
"""What LangChain has no field for."""


# The standard form of a citation loses its kind; the first of these fields that is there tells it.
# The title is nullable, but required in a request; each kind has its name for it.
_LOCATIONS: Final = (
    ("encrypted_index", "web_search_result_location", "title"),
    ("start_char_index", "char_location", "document_title"),
    ("start_page_number", "page_location", "document_title"),
    ("search_result_index", "search_result_location", "title"),
    ("start_block_index", "content_block_location", "document_title"),
)
_TITLES: Final = {kind: title for _, kind, title in _LOCATIONS}
# Fields of an answer that a request refuses (file_id), or of streams (index).
_ANSWER_ONLY: Final = frozenset({"file_id", "index"})


def convert_assistant(message: AIMessage, names: ToolNames = NO_NAMES, position: int = 0) -> Turn:
    """Convert an answer, of Claude or of another model.

    Args:
        message: A message or chunk.
        names: What the tools are called in the request.
        position: The index of the message.

    Returns:
        A turn, possibly without blocks: blank text, unsigned thinking and another model's
        private blocks are left out.

    Raises:
        InvalidInputError: A call without an id, or a block that cannot be sent.
    """
    metadata, convert = message.response_metadata, _claude_block
    if not is_claude(metadata):
        message, convert = _without_private(message), _foreign_block
    content, calls = content_of(message), MessageCalls(message, names)
    blocks = convert_blocks(content, partial(convert, calls=calls)) + calls.remaining()
    return Turn(
        "assistant",
        position,
        blocks,
        plain=isinstance(content, str),
        unanswered=calls.unanswered,
        paused=metadata.get("stop_reason") in PAUSES,
    )


def is_claude(metadata: Mapping[str, object]) -> bool:
    """Whether a message's response metadata say that Claude wrote it, or nothing at all.

    Up to langchain-core 1.0 they name the model, but no provider.
    """
    provider = metadata.get("model_provider")
    if provider is not None and str(provider).startswith("anthropic"):
        return True
    model = next(
        (metadata[key] for key in ("model_name", "model", "model_id") if metadata.get(key)), ""
    )
    if model and not str(model).startswith("arn:"):
        return "claude" in str(model) or "anthropic" in str(model)
    return provider is None or provider in _BEDROCK_PROVIDERS


def _without_private(message: AIMessage) -> AIMessage:
    """Return another model's message without what LangChain has no form for."""
    content = message.content
    if isinstance(content, str):
        return message
    kept = [
        block
        for block in content
        if isinstance(block, str)
        or block.get("type") != "non_standard"
        or "call_id" in (block.get("value") or ())
    ]
    return message.model_copy(update={"content": kept})


def _claude_block(block: JsonObject, calls: MessageCalls) -> JsonObject | None:
    kind = str(block.get("type") or "")
    if kind in _CALLS:
        return calls.convert(block)
    if kind in _SERVER_TOOLS:
        return _SERVER_TOOLS[kind](block, calls.server_names)
    if kind in _CONVERTERS:
        return _CONVERTERS[kind](block)
    if kind.endswith("_tool_result"):
        return _without_nulls(block)
    return convert_block(block)


def _foreign_block(block: JsonObject, calls: MessageCalls) -> JsonObject | None:
    kind = block.get("type")
    if kind in _CALLS:
        return calls.convert(block)
    if kind in _OTHER_TEXTS:
        return convert_text({"type": "text", "text": block.get(_OTHER_TEXTS[kind]) or ""})
    return _described(block) if kind in MEDIA else None


def _described(block: JsonObject) -> JsonObject | None:
    """Say what a model answered, which the API takes from users only.

    "`image` blocks can only be in `user` messages" (400).
    """
    text = block.get("text", block.get("transcript"))
    if not isinstance(text, str):
        text = f"[{describe(block)} is not shown here]"
    marker = block.get("cache_control")
    return convert_text({"type": "text", "text": text, "cache_control": marker})


def _without_nulls(block: JsonObject) -> JsonObject:
    """Return a block of a server tool without nulls: no field of theirs may be one.

    Other integrations dump them from models that know fields of every kind of block.
    """
    return {key: value for key, value in without_leftovers(block).items() if value is not None}


def _text(block: JsonObject) -> JsonObject | None:
    wire = convert_text(block)
    citations = _citations(block.get("annotations")) or _citations(block.get("citations"))
    return {**wire, "citations": citations} if wire is not None and citations else wire


def _citations(given: object) -> list[JsonObject]:
    """Return Claude's own citations, or LangChain's standard annotations, in their request form.

    Those of other APIs are left out.
    """
    items = given if isinstance(given, list) else []
    found = (_citation(item) for item in items if isinstance(item, dict))
    return [citation for citation in found if citation is not None]


def _citation(given: JsonObject) -> JsonObject | None:
    kind, extras = given.get("type"), given.get("extras") or {}
    if kind == "non_standard_annotation":
        value = given.get("value")
        return _citation(value) if isinstance(value, dict) else None
    if kind == "citation":
        kind = next((kind for field, kind, _ in _LOCATIONS if field in extras), None)
        if kind is None:
            return None
        title = {_TITLES[kind]: given.get("title")}
        url = {"url": given.get("url")} if kind == "web_search_result_location" else {}
        given = {"cited_text": given.get("cited_text", ""), **title, **url, **extras}
    if not str(kind).endswith("_location"):  # as Claude's are called, and no one else's
        return None
    wire = {key: value for key, value in given.items() if key not in _ANSWER_ONLY}
    if kind in _TITLES:
        wire.setdefault(_TITLES[kind], None)
    return wire | {"type": kind}


def _thinking(block: JsonObject) -> JsonObject | None:
    """Convert thinking in native or standard form; the API takes none without its signature.

    Redacted thinking comes as bytes from boto3. Recorded ones are the text of the Messages API's
    ``data`` already. Bytes that are no such text are encoded.
    """
    held = {**(block.get("extras") or {}), **block}
    data, signature = held.get("redacted_content") or held.get("data"), held.get("signature")
    if isinstance(data, bytes):
        is_text = re.fullmatch(rb"[A-Za-z0-9+/]{8,}={0,2}", data)
        data = data.decode("ascii") if is_text else base64.b64encode(data).decode("ascii")
    if data:
        return {"type": "redacted_thinking", "data": data}
    thinking = held.get("thinking") or held.get("reasoning") or ""
    return {"type": "thinking", "thinking": thinking, "signature": signature} if signature else None


def _server_use(block: JsonObject) -> JsonObject:
    wire = _without_nulls(block)
    if not wire.get("input"):
        wire["input"] = parse_object(str(block.get("partial_json") or "")) or {}
    return wire


def _server_call(block: JsonObject, server_names: dict[str, str]) -> JsonObject | None:
    """Translate a standard server tool call back into ``server_tool_use`` or ``mcp_tool_use``."""
    name, call_id, arguments = block.get("name"), block.get("id"), block.get("args")
    if isinstance(arguments, str):
        arguments = parse_object(arguments or "{}")
    if not name or not call_id or arguments is None:
        return None
    server_names[call_id] = name
    extras = dict(block.get("extras") or {})
    kind = "mcp_tool_use" if name == "remote_mcp" else "server_tool_use"
    name = extras.pop("tool_name", name) if name == "remote_mcp" else _SERVER_NAMES.get(name, name)
    wire = {"type": kind, "id": call_id, "name": name, "input": arguments}
    return without_leftovers({**wire, "cache_control": block.get("cache_control"), **extras})


def _server_result(block: JsonObject, server_names: dict[str, str]) -> JsonObject | None:
    """Translate a standard server tool result back into the block that it was.

    Its extras name the type; without them, the name of its call tells it.
    """
    call_id, extras = block.get("tool_call_id"), dict(block.get("extras") or {})
    name = server_names.get(call_id or "", "")
    kind = extras.pop("block_type", None) or _RESULT_TYPES.get(name, name and f"{name}_tool_result")
    if not call_id or not str(kind).endswith("_tool_result"):
        return None
    wire = {"type": kind, "tool_use_id": call_id, "content": block.get("output", [])}
    if kind == "mcp_tool_result":
        wire["is_error"] = block.get("status") == "error"
    return without_leftovers({**wire, "cache_control": block.get("cache_control"), **extras})


_CALLS: Final = frozenset({"tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call"})
_SERVER_TOOLS: Final = {
    "server_tool_call": _server_call,
    "server_tool_call_chunk": _server_call,
    "server_tool_result": _server_result,
}
_CONVERTERS: Final[Mapping[str, Converter]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _thinking,
    "reasoning": _thinking,
    "server_tool_use": _server_use,
    "mcp_tool_use": _server_use,
    "reasoning_content": _thinking,
    **dict.fromkeys(MEDIA, _described),
}


class MessageCalls:
    """The tool calls of one message, and which of them have their block already.

    Args:
        message: The message.
        names: What the tools are called in the request.

    Raises:
        InvalidInputError: A call without an id, or two with the same.

    Attributes:
        unanswered: See `Turn.unanswered`.
        server_names: What tools of the API's own are called, by the ids of their calls.
    """

    def __init__(self, message: AIMessage, names: ToolNames) -> None:
        self.unanswered: dict[str, str | None] = {}
        self.server_names: dict[str, str] = {}
        self._names = names
        # LangChain's calls, valid and invalid, by id. One that has its block is None.
        self._waiting: dict[str, ToolCall | InvalidToolCall | None] = {}
        for call in message.tool_calls:
            call_id = call.get("id")
            if not call_id and not call["name"]:
                continue  # what other integrations make of a server tool's stream
            if not call_id:
                raise _refuse_without_id(call["name"])
            if call_id in self._waiting:
                raise InvalidInputError(f"two tool calls have the same id, {call_id!r}.")
            self._waiting[call_id] = call
        for broken in message.invalid_tool_calls:
            if broken["id"]:  # one without cannot be answered; the rest of its turn goes back
                self._waiting.setdefault(broken["id"], {**broken, "type": "invalid_tool_call"})
        # Only a model integration leaves metadata. Then LangChain's own lists are the truth: a
        # call that only content knows was removed by somebody.
        metadata = message.response_metadata.keys() - {"output_version"}
        self._is_parsed = bool(self._waiting) or bool(metadata)

    def convert(self, block: JsonObject) -> JsonObject | None:
        """Return the ``tool_use`` for a block of content, native or standard.

        Returns:
            None if the call has its block already, or the block is no call.
        """
        call_id = block.get("id")
        if not call_id or not isinstance(call_id, str):
            if block.get("name") and block.get("type") in ("tool_use", "tool_call"):
                raise _refuse_without_id(block["name"])
            return None
        if call_id in self._waiting:
            call = self._waiting[call_id]
            return None if call is None else self._tool_use(call_id, call, block)
        if self._is_parsed:
            self.unanswered[wire_id(call_id)] = None
        return self._tool_use(call_id, {**block, "args": _arguments(block)}, block)

    def remaining(self) -> list[JsonObject]:
        """Return the ``tool_use`` blocks of the calls that content does not show."""
        waiting = [(call_id, call) for call_id, call in self._waiting.items() if call is not None]
        return [self._tool_use(call_id, call, {}) for call_id, call in waiting]

    def _tool_use(self, call_id: str, call: Mapping[str, object], block: JsonObject) -> JsonObject:
        """Return the block of a call; one whose arguments are no object is invalid."""
        self._waiting[call_id] = None
        name, arguments = str(call.get("name") or ""), call.get("args")
        if not isinstance(arguments, dict) or call.get("type") == "invalid_tool_call":
            error = call.get("error") or "The arguments are not valid JSON."
            self.unanswered[wire_id(call_id)] = str(error)
            arguments = {INVALID_JSON: arguments or ""}
        wire = {
            "type": "tool_use",
            "id": wire_id(call_id),
            "name": self._names.wire_name(name),
            "input": self._names.wire_input(name, arguments),
        }
        extras = block.get("extras")
        held = {**extras, **block} if isinstance(extras, dict) else block
        return wire | {key: held[key] for key in _KEPT if held.get(key) is not None}


def _arguments(block: JsonObject) -> JsonObject | str:
    """Return the arguments of a call that only content knows; text if they are invalid."""
    given = block.get("input", block.get("args")) or block.get("partial_json") or {}
    if block.get("type") == "invalid_tool_call":
        return "" if isinstance(given, dict) else str(given)
    if isinstance(given, dict):
        return given
    parsed = parse_object(str(given))
    return str(given) if parsed is None else parsed


def _refuse_without_id(name: str) -> InvalidInputError:
    """Return the error for a call that no result can answer."""
    return InvalidInputError(
        f"the call of tool {name!r} has no id, so no result can answer it. Give it one, in "
        "content and in tool_calls."
    )
