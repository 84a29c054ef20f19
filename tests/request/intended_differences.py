"""How a body of ours may differ from the one it was rebuilt from, and why.

Each difference is a function that takes it out of a body. Two bodies mean the same to the API
if they are equal once all differences are out; which of them were needed for that, the tests
count, so that none is listed that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One intended difference.

    Attributes:
        name: What differs.
        reason: Why that is right.
        out: Returns a body without it.
    """

    name: str
    reason: str
    out: Callable[[Json], Json]


def needed(ours: Json, given: Json, differences: tuple[Difference, ...] | None = None) -> set[str]:
    """Return the names of the differences between two bodies, of those that may be.

    Raises:
        AssertionError: They differ in something that is not intended.
    """
    if ours == given:
        return set()
    listed = DIFFERENCES if differences is None else differences
    assert _same(ours, listed) == _same(given, listed)
    return {
        each.name
        for each in listed
        if _same(ours, listed, but=each) != _same(given, listed, but=each)
    }


def _same(body: Json, listed: tuple[Difference, ...], but: Difference | None = None) -> Json:
    for difference in listed:
        if difference is not but:
            body = difference.out(body)
    return body


def _turns(change: Callable[[Json], Json]) -> Callable[[Json], Json]:
    """Return what changes each turn of a body."""
    return lambda body: {**body, "messages": [change(turn) for turn in body["messages"]]}


def _blocks(change: Callable[[Json], Json | None]) -> Callable[[Json], Json]:
    """Return what changes or leaves out each block of the turns, also nested ones."""

    def change_all(content: Any) -> Any:
        if not isinstance(content, list):
            return content
        changed = []
        for block in content:
            nested = block.get("type") == "tool_result"
            whole = {**block, "content": change_all(block.get("content"))} if nested else block
            if nested and "content" not in block:
                del whole["content"]
            kept = change(whole)
            if kept is not None:
                changed.append(kept)
        return changed

    return _turns(lambda turn: {**turn, "content": change_all(turn["content"])})


def _without(keys: Collection[str], unwanted: Callable[[Any], bool]) -> Callable[[Json], Json]:
    def drop(block: Json) -> Json:
        return {k: v for k, v in block.items() if not (k in keys and unwanted(v))}

    return _blocks(drop)


def _no_envelope(body: Json) -> Json:
    out = ("model", "anthropic_version", "stream")
    return {k: v for k, v in body.items() if k not in out}


def _content_as_blocks(turn: Json) -> Json:
    content = turn["content"]
    return {**turn, "content": _as_blocks(content)}


def _as_blocks(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _not_blank(block: Json) -> Json | None:
    is_blank = block.get("type") == "text" and not block["text"].strip()
    return None if is_blank else block


def _merged(body: Json) -> Json:
    turns: list[Json] = []
    for turn in body["messages"]:
        if turns and turns[-1]["role"] == turn["role"]:
            turns[-1] = {**turn, "content": [*_list(turns[-1]), *_list(turn)]}
        else:
            turns.append(turn)
    return {**body, "messages": turns}


def _list(turn: Json) -> list[Json]:
    return _content_as_blocks(turn)["content"]  # type: ignore[no-any-return]


def _opened(body: Json) -> Json:
    opening = {"role": "user", "content": "."}
    first, *rest = body["messages"]
    return (
        {**body, "messages": rest}
        if _content_as_blocks(opening) == _content_as_blocks(first)
        else body
    )


def _calls_last(turn: Json) -> Json:
    blocks = _list(turn)
    calls = [block for block in blocks if block["type"] == "tool_use"]
    rest = [block for block in blocks if block["type"] != "tool_use"]
    return {**turn, "content": rest + calls}


def _answer_as_one_text(turn: Json) -> Json:
    blocks = _list(turn)
    calls = [block for block in blocks if block["type"] == "tool_use"]
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    if turn["role"] != "assistant" or len(texts) < 2 or len(texts) + len(calls) < len(blocks):
        return turn
    return {**turn, "content": [{"type": "text", "text": "\n".join(texts)}, *calls]}


def _result_as_one_text(block: Json) -> Json:
    content = _as_blocks(block.get("content"))
    if block["type"] != "tool_result" or any(each["type"] != "text" for each in content):
        return block
    return {**block, "content": "\n".join(each["text"] for each in content)}


DIFFERENCES: Final[tuple[Difference, ...]] = (
    Difference(
        "the envelope",
        "the model goes into the URL; the version and whether to stream are the platform's",
        _no_envelope,
    ),
    Difference(
        "text as a string or as a block",
        "a string is a text block to the API; what LangChain holds as a string is sent as one",
        _turns(_content_as_blocks),
    ),
    Difference(
        "blank text",
        "'text content blocks must contain non-whitespace text' (400)",
        _blocks(_not_blank),
    ),
    Difference(
        "no error",
        "is_error is false unless it is sent",
        _without({"is_error"}, lambda value: value is False),
    ),
    Difference(
        "neighbouring turns of one role",
        "the API joins them; here they are joined before, so that results come first",
        _merged,
    ),
    Difference(
        "a user's turn at the start",
        "'first message must use the \"user\" role' (400, seen on Bedrock)",
        _opened,
    ),
)

LOST_IN_OPENAIS_FORM: Final[tuple[Difference, ...]] = (
    Difference(
        "markers and citations",
        "the form has no place for them",
        _without({"cache_control", "citations"}, lambda _: True),
    ),
    Difference("errors", "the form has no place for them", _without({"is_error"}, lambda _: True)),
    Difference("callers", "the form has no place for them", _without({"caller"}, lambda _: True)),
    Difference("calls last", "they stand beside the content there", _turns(_calls_last)),
    Difference("texts of an answer", "LangChain joins them", _turns(_answer_as_one_text)),
    Difference("texts of a result", "LangChain joins them", _blocks(_result_as_one_text)),
)
"""What a conversation loses on its way through OpenAI's form, which LangChain writes."""
