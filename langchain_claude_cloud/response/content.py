"""Merges the content of chunks, and turns it into that of a whole message.

While an answer streams, blocks carry an ``index`` by which fragments find each other, and
tools carry the raw text of their arguments. `finish_content` turns that into what a whole
message has, in both output versions; what it does to a finished block changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final, TypeAlias, cast

from langchain_core.messages import InvalidToolCall
from langchain_core.messages.tool import invalid_tool_call
from langchain_core.utils._merge import merge_lists

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response.blocks import ParsedToolCall, client_call, server_input
from langchain_claude_cloud.response.message import Content
from langchain_claude_cloud.response.tool_arguments import dump_arguments

NEVER_ENDED: Final = "truncated: the stream stopped before the block ended"

ParsedToolCalls: TypeAlias = Mapping[int, ParsedToolCall]

_TEXT_OF_DELTA: Final = {
    "text": "text",
    "thinking": "thinking",
    "reasoning": "reasoning",
    "input_json_delta": "partial_json",
    "tool_call_chunk": "args",
}
_DELTA_KEYS: Final = 3


def merge_contents(contents: Iterable[Content]) -> Content:
    """Merge the contents of chunks: blocks by their index, as langchain-core does it.

    core looks through all blocks for each one that is added, which takes a minute for an
    answer with 20,000 tool calls. Here each index is merged by itself.

    Text that came as strings becomes a block as soon as another block joins it: a model that
    thinks by default starts with one and continues with the other.
    """
    given = list(contents)
    begin = next((n for n, content in enumerate(given) if not isinstance(content, str)), len(given))
    text = "".join(cast("list[str]", given[:begin]))
    if begin == len(given):
        return text
    groups: dict[object, list[Any]] = {}
    if text:
        groups[0] = [{"type": "text", "text": text, "index": 0}]
    for content in given[begin:]:
        if isinstance(content, str):
            last = next(reversed(groups.values()), [])
            if last and isinstance(last[0], str):
                last.append(content)
            elif content:
                groups["alone", len(groups)] = [content]
            continue
        for block in content:
            index = block.get("index") if isinstance(block, dict) else None
            key = index if isinstance(index, int | str) else ("alone", len(groups))
            groups.setdefault(key, []).append(block)
    return [block for group in groups.values() for block in _merged(group)]


def _merged(group: list[Any]) -> list[str | JsonObject]:
    """Merge what has one index, or strings that follow each other."""
    if isinstance(group[0], str):
        return ["".join(group)]
    return merge_lists(*[[block] for block in _join_runs(group)]) or []


def _join_runs(blocks: Iterable[JsonObject]) -> Iterator[JsonObject]:
    """Join deltas that follow each other, so that each is copied once.

    Merged one by one, the text so far is copied with every delta: 4 GB of copies for an
    argument of 400 kB in 20,000 fragments.
    """
    for key, run in groupby(blocks, _key_of_delta):
        if key is None:
            yield from run
        else:
            first, *others = run
            yield {**first, key: first[key] + "".join([other[key] for other in others])}


def _key_of_delta(block: JsonObject) -> str | None:
    """Return the key of the text, if a block only adds text to a position."""
    key = _TEXT_OF_DELTA.get(str(block.get("type")))
    only_text = key and len(block) == _DELTA_KEYS and isinstance(block.get(key), str)
    return key if only_text else None


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
    finished: list[str | JsonObject] = []
    for block in content:
        if isinstance(block, dict):
            rest = _finish(block, parsed_calls)
            index = {"index": block["index"]} if "index" in block and not strip_index else {}
            finished.append({**rest, **index})
        else:
            finished.append(block)
    return finished


def _finish(streamed: JsonObject, parsed_calls: ParsedToolCalls) -> JsonObject:
    """Return a block as it is in a whole message, without its index."""
    block = {key: value for key, value in streamed.items() if key != "index"}
    call = parsed_calls.get(streamed.get("index", -1))
    match block.get("type"):
        case "tool_use" if "index" in streamed:
            block.pop("partial_json", None)
            return client_call(block, call or unfinished_call(streamed))
        case "tool_call_chunk":
            extras = {"extras": block["extras"]} if "extras" in block else {}
            call = call or unfinished_call(streamed)
            # As core writes a valid call, with the type first.
            kind = {"type": "tool_call"} if call["type"] == "tool_call" else {}
            return {**kind, **call, **extras}
        case "server_tool_use" | "mcp_tool_use" if "partial_json" in block:
            raw = block.pop("partial_json")
            return {**block, **server_input(raw)}
        case "server_tool_call_chunk":
            args = server_input(block.get("args") or "")["input"]
            return {**block, "type": "server_tool_call", "args": args}
    return block


def unfinished_call(call: Mapping[str, Any]) -> InvalidToolCall:
    """Return a call that never ended, from its block or its fragments, as an invalid one."""
    given = call.get("input")
    raw = call.get("partial_json") or call.get("args") or (dump_arguments(given) if given else "")
    return invalid_tool_call(name=call.get("name"), args=raw, id=call.get("id"), error=NEVER_ENDED)
