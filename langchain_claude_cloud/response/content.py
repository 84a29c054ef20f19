"""Merges the content of chunks, and turns it into that of a whole message.

While an answer streams, blocks carry an ``index`` by which fragments find each other, and
tools carry the raw text of their arguments. `finish_content` turns that into what a whole
message has, in both output versions; what it does to a finished block changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from langchain_core.messages.base import merge_content
from langchain_core.messages.tool import invalid_tool_call
from langchain_core.utils._merge import merge_lists

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.blocks import ParsedToolCall, client_call, server_input
from langchain_claude_cloud.response.message import Content
from langchain_claude_cloud.response.tool_arguments import dump_arguments

NEVER_ENDED: Final = "truncated: the stream stopped before the block ended"

ParsedToolCalls: TypeAlias = Mapping[int, ParsedToolCall]


def merge_contents(contents: Iterable[Content]) -> Content:
    """Merge the contents of chunks.

    Text that came as strings becomes a block as soon as another block joins it: a model that
    thinks by default starts with one and continues with the other.
    """
    texts: list[str] = []
    blocks: _Blocks | None = None
    for content in _join_runs(contents):
        if blocks is None and isinstance(content, str):
            texts.append(content)
            continue
        if blocks is None:
            blocks = _Blocks()
            if any(texts):
                blocks.add({"type": "text", "text": "".join(texts), "index": 0})
        if isinstance(content, str):
            blocks.add_text(content)
        else:
            for block in content:
                blocks.add(block)
    return "".join(texts) if blocks is None else blocks.merged


class _Blocks:
    """Blocks that are merged by their index, as langchain-core does it.

    core looks through all blocks for each one that is added, which takes a minute for an
    answer with 20,000 tool calls. Here it sees those with the same index alone.
    """

    def __init__(self) -> None:
        self.merged: list[Any] = []
        self._places: dict[int | str, list[int]] = {}

    def add(self, block: str | JsonObject) -> None:
        """Merge a block with the one of its index, or append it."""
        index = block.get("index") if isinstance(block, dict) else None
        if not isinstance(index, int | str):
            self.merged.append(block)
            return
        places = self._places.setdefault(index, [])
        found = merge_lists([self.merged[place] for place in places], [block]) or []
        for place, merged in zip(places, found, strict=False):
            self.merged[place] = merged
        if len(found) > len(places):
            places.append(len(self.merged))
            self.merged.append(found[-1])

    def add_text(self, text: str) -> None:
        """Append text as langchain-core does."""
        self.merged = cast("list[Any]", merge_content(self.merged, text))


def _join_runs(contents: Iterable[Content]) -> Iterator[Content]:
    """Join deltas of one block that follow each other, so that each is copied once.

    Merged one by one, the text so far is copied with every delta: 4 GB of copies for an
    argument of 400 kB in 20,000 fragments.
    """
    run: tuple[JsonObject, str] | None = None
    pieces: list[str] = []
    for content in contents:
        delta = _text_delta(content)
        if run and delta and _is_same_block(run[0], delta[0]):
            pieces.append(delta[0][delta[1]])
            continue
        if run:
            yield [{**run[0], run[1]: "".join(pieces)}]
        if delta is None:
            yield content
        pieces = [delta[0][delta[1]]] if delta else []
        run = delta
    if run:
        yield [{**run[0], run[1]: "".join(pieces)}]


_TEXT_OF_DELTA: Final = {
    "text": "text",
    "thinking": "thinking",
    "reasoning": "reasoning",
    "input_json_delta": "partial_json",
    "tool_call_chunk": "args",
}
_DELTA_KEYS: Final = 3


def _text_delta(content: Content) -> tuple[JsonObject, str] | None:
    """Return the block of a content that only adds text to a position, and its text's key."""
    if len(content) != 1 or not isinstance(block := content[0], dict):
        return None
    key = _TEXT_OF_DELTA.get(str(block.get("type")))
    if key is None or len(block) != _DELTA_KEYS or "index" not in block:
        return None
    return (block, key) if isinstance(block.get(key), str) else None


def _is_same_block(one: JsonObject, other: JsonObject) -> bool:
    return bool(one["index"] == other["index"] and one["type"] == other["type"])


def finish_content(
    content: Content, parsed_calls: ParsedToolCalls, *, strip_index: bool
) -> Content:
    """Turn streamed content into that of a whole message.

    Args:
        content: Merged content; it is not changed.
        parsed_calls: What is known of the calls, by block position. A call that it does not
            name never ended.
        strip_index: Whether to take out the positions, which only merging needs.
    """
    if isinstance(content, str):
        return content
    return [_finish(block, parsed_calls, strip_index=strip_index) for block in content]


def open_calls(content: Content, parsed_calls: ParsedToolCalls) -> list[ParsedToolCall]:
    """Return, as invalid, the calls in streamed content that were not parsed yet."""
    if isinstance(content, str):
        return []
    return [
        _unfinished(block)
        for block in content
        if isinstance(block, dict) and _is_open(block) and block["index"] not in parsed_calls
    ]


def _is_open(block: JsonObject) -> bool:
    return block.get("type") in ("tool_use", "tool_call_chunk") and "index" in block


def _finish(
    block: str | JsonObject, parsed_calls: ParsedToolCalls, *, strip_index: bool
) -> str | JsonObject:
    if isinstance(block, str):
        return block
    finish = _FINISHERS.get(str(block.get("type")))
    if finish is not None and (finish is not _finish_call or "index" in block):
        index = {} if strip_index or "index" not in block else {"index": block["index"]}
        return {**finish(_without_index(block), parsed_calls.get(block.get("index", -1))), **index}
    return _without_index(block) if strip_index else block


def _without_index(block: JsonObject) -> JsonObject:
    return {key: value for key, value in block.items() if key != "index"}


def _finish_call(block: JsonObject, parsed_call: ParsedToolCall | None) -> JsonObject:
    block.pop("partial_json", None)
    return client_call(block, parsed_call or _unfinished(block))


def _finish_standard_call(block: JsonObject, parsed_call: ParsedToolCall | None) -> JsonObject:
    extras = {"extras": block["extras"]} if "extras" in block else {}
    call = parsed_call or _unfinished(block)
    if call["type"] == "invalid_tool_call":
        return {**call, **extras}
    return {
        "type": "tool_call",
        "name": call["name"],
        "args": call["args"],
        "id": call["id"],
        **extras,
    }


def _finish_server_tool(block: JsonObject, parsed_call: ParsedToolCall | None) -> JsonObject:
    del parsed_call
    raw = block.pop("partial_json", None)
    return {**block, **server_input(raw)} if raw is not None else block


def _finish_standard_server_tool(
    block: JsonObject, parsed_call: ParsedToolCall | None
) -> JsonObject:
    del parsed_call
    args = server_input(block.get("args") or "")["input"]
    return {**block, "type": "server_tool_call", "args": args}


_FINISHERS: Final[dict[str, Callable[[JsonObject, ParsedToolCall | None], JsonObject]]] = {
    "tool_use": _finish_call,
    "tool_call_chunk": _finish_standard_call,
    "server_tool_use": _finish_server_tool,
    "mcp_tool_use": _finish_server_tool,
    "server_tool_call_chunk": _finish_standard_server_tool,
}


def _unfinished(block: JsonObject) -> ParsedToolCall:
    raw = block.get("partial_json", block.get("args"))
    given = block.get("input")
    return invalid_tool_call(
        name=block.get("name"),
        args=raw or (dump_arguments(given) if given else ""),
        id=block.get("id"),
        error=NEVER_ENDED,
    )
