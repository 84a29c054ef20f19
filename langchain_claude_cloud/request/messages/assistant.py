"""Converts an `AIMessage`, of Claude or of another model, to content of an assistant turn.

The content may have Anthropic's own form, LangChain's standard form (then this is the reverse of
`langchain_core.messages.block_translators.anthropic`), or that of another API. Thinking and
server tools of other models mean nothing to Claude and are left out.

People and middleware edit ``AIMessage.tool_calls``, so it wins over the calls in the content, which
gives their order.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Final

from langchain_core.messages import AIMessage

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.parsing import load_json
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages import blocks
from langchain_claude_cloud.request.messages.other_providers import CLIENT_CALL
from langchain_claude_cloud.request.messages.tool_results import describe
from langchain_claude_cloud.request.messages.turns import INVALID_JSON, PAUSES, Turn
from langchain_claude_cloud.request.tool_names import NO_NAMES, ToolNames, wire_id

_MODEL_KEYS: Final = ("model_name", "model", "model_id")
_REDACTED: Final = ("data", "redacted_content", "redactedContent")
"""Where blocks of any API have what the model thought, if it is hidden."""

_KEPT: Final = ("cache_control", "caller", "toolset_name")
"""What LangChain has no field for."""

_LOCATIONS: Final = {
    "encrypted_index": "web_search_result_location",
    "start_char_index": "char_location",
    "start_page_number": "page_location",
    "search_result_index": "search_result_location",
    "start_block_index": "content_block_location",
}
"""The standard form of a citation loses its kind; the first of these fields that is there tells it.
The title is nullable, but required in a request; most kinds call it ``document_title``."""

_TITLED: Final = ("web_search_result_location", "search_result_location")
_ANSWER_ONLY: Final = frozenset({"extras", "file_id", "index"})
"""Fields of an answer's citation that a request refuses, of streams or of LangChain's."""


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
    metadata, calls = message.response_metadata, MessageCalls(message, names)
    known, rest = (_OF_CLAUDE, _pass_on) if is_claude(metadata) else (_OF_OTHERS, None)

    def convert(block: JsonObject) -> JsonObject | None:
        kind = block.get("type")
        converter = calls.convert if kind in _CALLS else known.get(kind, rest)
        return converter(block) if converter else None

    content = blocks.convert_blocks(blocks.content_of(message), convert) + calls.remaining()
    plain, paused = isinstance(message.content, str), metadata.get("stop_reason") in PAUSES
    return Turn("assistant", position, content, plain, calls.unanswered, paused)


def is_claude(metadata: Mapping[str, object]) -> bool:
    """Whether a message's response metadata say that Claude wrote it, or nothing at all.

    Up to langchain-core 1.0 they name the model, but no provider.
    """
    provider = str(metadata.get("model_provider") or "")
    if provider.startswith("anthropic"):
        return True
    model = str(next((metadata[key] for key in _MODEL_KEYS if metadata.get(key)), ""))
    if model and not model.startswith("arn:"):
        return "claude" in model or "anthropic" in model
    return provider in ("", "bedrock", "bedrock_converse", "amazon_bedrock")


def _pass_on(block: JsonObject) -> JsonObject | None:
    is_result = str(block.get("type")).endswith("_tool_result")
    return _without_nulls(block) if is_result else blocks.convert_block(block)


def _without_nulls(block: JsonObject) -> JsonObject:
    """Return a block of a server tool without nulls: no field of theirs may be one.

    Other integrations dump them from models that know fields of every kind of block.
    """
    kept = blocks.without_leftovers(block).items()
    return {key: value for key, value in kept if value is not None}


def _as_text(block: JsonObject) -> JsonObject | None:
    """Return as text what a model said or showed: the API takes media from users only.

    "`image` blocks can only be in `user` messages" (400).
    """
    said = (block.get(key) for key in ("text", "refusal", "transcript"))
    text = next((each for each in said if isinstance(each, str)), "")
    if not text and block["type"] in blocks.MEDIA:
        text = f"[{describe(block)} is not shown here]"
    marker = block.get("cache_control")
    return blocks.convert_text({"type": "text", "text": text, "cache_control": marker})


def _text(block: JsonObject) -> JsonObject | None:
    """Convert text with Claude's own citations, or LangChain's standard form of them."""
    wire, given = blocks.convert_text(block), block.get("citations") or block.get("annotations")
    if not wire or not given:
        return wire
    citations = [found for each in given if isinstance(each, dict) and (found := _citation(each))]
    return {**wire, "citations": citations} if citations else wire


def _citation(given: JsonObject) -> JsonObject | None:
    """Return a citation in the form of requests; None for one of another API."""
    if given.get("type") == "non_standard_annotation":
        given = given.get("value") or {}
    held = {**(given.get("extras") or {}), **given}
    kind = str(held.get("type"))
    if kind == "citation":
        kind = next((_LOCATIONS[field] for field in _LOCATIONS if field in held), kind)
    if not kind.endswith("_location"):  # as Claude's are called, and no one else's
        return None
    wire = {key: value for key, value in held.items() if key not in _ANSWER_ONLY}
    if kind in _LOCATIONS.values() and kind not in _TITLED:
        wire.setdefault("document_title", wire.pop("title", None))
    elif kind in _TITLED:
        wire.setdefault("title", None)
    return wire | {"type": kind}


def _thinking(block: JsonObject) -> JsonObject | None:
    """Convert thinking in native or standard form; the API takes none without its signature.

    Redacted thinking comes as bytes from boto3. Recorded ones are the text of the Messages API's
    ``data`` already. Bytes that are no such text are encoded.
    """
    held = {**(block.get("extras") or {}), **block}
    for key in ("reasoningContent", "reasoningText"):  # of Converse's, one within the other
        held |= held.get(key) or {}
    data = next((held[key] for key in _REDACTED if held.get(key)), None)
    if isinstance(data, bytes):
        is_text = re.fullmatch(rb"[A-Za-z0-9+/]{8,}={0,2}", data)
        data = data.decode("ascii") if is_text else base64.b64encode(data).decode("ascii")
    if data:
        return {"type": "redacted_thinking", "data": data}
    signature = held.get("signature")
    thinking = next((held[key] for key in ("thinking", "reasoning", "text") if held.get(key)), "")
    return {"type": "thinking", "thinking": thinking, "signature": signature} if signature else None


def _server_use(block: JsonObject) -> JsonObject:
    wire = _without_nulls(block)
    return wire | {"input": wire.get("input") or _parsed(block.get("partial_json")) or {}}


def _server_call(block: JsonObject) -> JsonObject | None:
    """Translate a standard server tool call back into ``server_tool_use`` or ``mcp_tool_use``."""
    name, call_id, arguments = block.get("name"), block.get("id"), _parsed(block.get("args"))
    if not name or not call_id or arguments is None:
        return None
    extras = dict(block.get("extras") or {})
    kind = "mcp_tool_use" if name == "remote_mcp" else "server_tool_use"
    name = extras.pop("tool_name", {"code_interpreter": "code_execution"}.get(name, name))
    wire = {"type": kind, "id": call_id, "name": name, "input": arguments}
    return blocks.without_leftovers({**wire, "cache_control": block.get("cache_control"), **extras})


def _server_result(block: JsonObject) -> JsonObject | None:
    """Translate a standard server tool result back into the block that its extras name."""
    call_id, extras = block.get("tool_call_id"), dict(block.get("extras") or {})
    kind = str(extras.pop("block_type", ""))
    if not call_id or not kind.endswith("_tool_result"):
        return None
    wire = {"type": kind, "tool_use_id": call_id, "content": block.get("output", [])}
    if kind == "mcp_tool_result":
        wire["is_error"] = block.get("status") == "error"
    return blocks.without_leftovers({**wire, "cache_control": block.get("cache_control"), **extras})


_CALLS: Final = (CLIENT_CALL, "tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call")
_OF_CLAUDE: Final[Mapping[object, blocks.Converter]] = {
    "text": _text,
    **dict.fromkeys((*blocks.THINKING, "reasoning", "reasoning_content"), _thinking),
    **dict.fromkeys(("server_tool_use", "mcp_tool_use"), _server_use),
    **dict.fromkeys(("server_tool_call", "server_tool_call_chunk"), _server_call),
    "server_tool_result": _server_result,
    **dict.fromkeys(blocks.MEDIA, _as_text),
}
_OF_OTHERS: Final[Mapping[object, blocks.Converter]] = {
    **dict.fromkeys(("text", "output_text", "refusal", *blocks.MEDIA), _as_text),
    "citations_content": blocks.convert_block,
}
"""What is sent of another model's answer beside its calls; the rest is left out."""


class MessageCalls:
    """The tool calls of one message, and which of them have their block already.

    Args:
        message: The message.
        names: What the tools are called in the request.

    Raises:
        InvalidInputError: A call without an id, or two with the same.

    Attributes:
        unanswered: See `Turn.unanswered`.
    """

    def __init__(self, message: AIMessage, names: ToolNames) -> None:
        self.unanswered: dict[str, JsonObject | None] = {}
        self._names = names
        self._done: set[str] = set()
        # LangChain's calls by id. A valid one wins over an invalid one.
        self._listed: dict[str, Mapping[str, object]] = {}
        for call in message.tool_calls:
            call_id = _id_of(call)
            if call_id in self._listed:
                raise InvalidInputError(f"two tool calls have the same id, {call_id!r}.")
            self._listed |= {call_id: call} if call_id else {}
        for broken in message.invalid_tool_calls:
            if broken["id"]:  # one without cannot be answered; the rest of its turn goes back
                self._listed.setdefault(broken["id"], {**broken, "type": "invalid_tool_call"})
        # Only a model integration leaves metadata. Then LangChain's own lists are the truth: a
        # call that only content knows was removed by somebody.
        metadata = message.response_metadata.keys() - {"output_version"}
        self._is_parsed = bool(self._listed) or bool(metadata)

    def convert(self, block: JsonObject) -> JsonObject | None:
        """Return the ``tool_use`` for a block of content, native or standard.

        Returns:
            None if the call has its block already, or the block is no call.
        """
        call_id = _id_of(block)
        if call_id is None or call_id in self._done:
            return None
        if self._is_parsed and call_id not in self._listed:
            self.unanswered[wire_id(call_id)] = None
        return self._tool_use(call_id, self._listed.get(call_id, block), block)

    def remaining(self) -> list[JsonObject]:
        """Return the ``tool_use`` blocks of the calls that content does not show."""
        missing = [call_id for call_id in self._listed if call_id not in self._done]
        return [self._tool_use(call_id, self._listed[call_id], {}) for call_id in missing]

    def _tool_use(self, call_id: str, call: Mapping[str, object], block: JsonObject) -> JsonObject:
        """Return the block of a call; one whose arguments are no object is invalid."""
        self._done.add(call_id)
        sent_id, name = wire_id(call_id), str(call.get("name") or "")
        given = call.get("input") or call.get("args") or call.get("partial_json") or {}
        arguments = _parsed(given)
        if arguments is None or call.get("type") == "invalid_tool_call":
            arguments = {INVALID_JSON: given or ""}
            told = {**arguments, "error": call.get("error") or "The arguments are not valid JSON."}
            content = json.dumps(told, ensure_ascii=False, default=str)
            result = {"type": "tool_result", "tool_use_id": sent_id, "is_error": True}
            self.unanswered[sent_id] = {**result, "content": content}
        held = {**(block.get("extras") or {}), **block}
        kept = {key: held[key] for key in _KEPT if held.get(key) is not None}
        wire = {"type": "tool_use", "id": sent_id, "name": self._names.wire_name(name)}
        return {**wire, "input": self._names.wire_input(name, arguments), **kept}


def _id_of(call: Mapping[str, object]) -> str | None:
    """Return the id of a call; None for a piece of a stream that others take for one.

    Raises:
        InvalidInputError: It is a call that no result can answer.
    """
    call_id, name = call.get("id"), call.get("name")
    if call_id and isinstance(call_id, str):
        return call_id
    if name and call.get("type") in ("tool_use", "tool_call"):
        told = f"the call of tool {name!r} has no id, so no result can answer it"
        raise InvalidInputError(f"{told}. Give it one, in content and in tool_calls.")
    return None


def _parsed(arguments: object) -> JsonObject | None:
    """Return arguments that may be JSON text, or none; None if they are no object."""
    value = arguments if isinstance(arguments, dict) else load_json(str(arguments or "{}"))
    return value if isinstance(value, dict) else None
