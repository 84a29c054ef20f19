"""A chunk class that merges tool calls in linear time and never repairs a cut one.

langchain-core parses every fragment of a tool call's arguments with a parser that repairs
what is broken, at every construction and every merge. Measured on 1.7: 78 us a fragment,
quadratic when chunks are added up, and a call cut off at `max_tokens` comes out as if it
were whole. `ClaudeMessageChunk` replaces that one step:

* A fragment is not parsed. A merged call that is still open shows its arguments as far as
  they are known: a reader goes from chunk to chunk, and reads what was added.
* The stream hands over the parsed call when a call ends: valid, after a strict parse, or
  invalid, with the reason. In a finished chunk a call that was not parsed is invalid.
* Whatever leaves the stream for good (conversion to a message, `dumpd`, `model_dump`,
  pickle) is a standard LangChain type from which nothing can be repaired later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import reduce
from typing import Any, Final, Literal, Self, TypeVar

from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessageChunk, ToolCallChunk
from langchain_core.messages.ai import add_usage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.utils._merge import merge_dicts
from pydantic import BaseModel, Field, SerializationInfo, model_serializer, model_validator

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.response import blocks
from langchain_claude_cloud.response.tool_arguments import PartialJsonReader, Readers

_OURS: Final = frozenset({"parsed_calls", "readers"})
_DUMP_OPTIONS: Final = frozenset(
    {"mode", "include", "exclude", "by_alias", "exclude_unset", "exclude_defaults", "exclude_none"}
)
_CHUNK_ONLY: Final = frozenset({"type", "tool_call_chunks", "chunk_position", *_OURS})


class _FinalMessage(AIMessage):
    """Turns the fields of a chunk into a plain `AIMessage`.

    core takes a chunk class's first base for its message class (`message_chunk_to_message`).
    """

    def __new__(cls, *_: object, **fields: Any) -> Any:  # noqa: ANN401 - an AIMessage, or cls
        """Make a message; of a chunk's fields in a dump, the standard type that was dumped."""
        if cls is _FinalMessage:
            return finished_message(fields)
        dumped = _DUMPED_AS.get(fields.get("type", ""))
        return dumped(**fields) if dumped else super().__new__(cls)


class _NoFragments(list[ToolCallChunk]):
    """The fragments of a chunk that has parsed calls instead, or invalid ones beside others.

    Where a chunk is a field of a pydantic model, core's own steps run on it: they make fragments
    of all its calls, and repair them the next time.
    """

    def extend(self, _: Iterable[ToolCallChunk]) -> None:
        """Add nothing."""


class ClaudeMessageChunk(_FinalMessage, AIMessageChunk):
    """A chunk of an answer.

    Attributes:
        parsed_calls: The calls that are known to be valid or invalid, by block position.
        readers: What has read the open calls so far, by block position.
    """

    type: Literal["AIMessageChunk"] = "AIMessageChunk"  # type: ignore[assignment]  # as core does
    parsed_calls: dict[int, Any] = Field(default_factory=dict, exclude=True, repr=False)
    readers: Any = Field(default_factory=Readers, exclude=True, repr=False)

    @model_validator(mode="after")
    def init_tool_calls(self) -> Self:
        """Derive the calls from fragments and parsed calls; core would repair them here."""
        calls: dict[int, blocks.ParsedToolCall] = dict(self.parsed_calls)
        is_last = self.chunk_position == "last"
        for number, fragment in enumerate(self.tool_call_chunks):
            index = fragment.get("index")
            # Fragments that core made of finished calls have none; they sort after the others.
            position = index if isinstance(index, int) else (1 << 30) + number
            if position not in calls and is_last:
                calls[position] = blocks.unfinished_call(fragment)
            elif position not in calls and fragment["name"]:
                calls[position] = self._show(position, fragment)
        if self.parsed_calls and not self.tool_call_chunks:
            self.tool_call_chunks = _NoFragments()
        if calls or self.tool_call_chunks:
            in_order = [calls[position] for position in sorted(calls)]
            self.tool_calls, self.invalid_tool_calls = blocks.split_calls(in_order)
            if is_last:
                self.parsed_calls = calls
        return self

    @model_validator(mode="after")
    def init_server_tool_calls(self) -> Self:
        """Finish a finished chunk, in place of core's step for the content of v1 alone.

        Forgets the fragments beside invalid calls: nothing must be able to repair those.
        """
        if self.chunk_position == "last":
            self.content = blocks.finish_content(self.content, self.parsed_calls, strip_index=False)
            if self.invalid_tool_calls:
                self.tool_call_chunks = _NoFragments()
                # By this name `messages_to_dict` makes it load as a message; see `standard`.
                self.type = "ai"  # type: ignore[assignment]
        return self

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, but for fragments of a chunk that has none any more."""
        if not (name == "tool_call_chunks" and isinstance(self.tool_call_chunks, _NoFragments)):
            super().__setattr__(name, value)

    @property
    def is_open(self) -> bool:
        """Whether there are fragments of calls that may go on."""
        return bool(self.tool_call_chunks) and self.chunk_position != "last"

    def _show(self, position: int, fragment: ToolCallChunk) -> blocks.ParsedToolCall:
        """Return an open call with its arguments as far as they are known."""
        raw = fragment["args"] or ""
        args: JsonObject = {}
        if raw:
            reader = self.readers.get(position) or PartialJsonReader()
            args = reader.feed(raw[reader.length :])
            self.readers[position] = reader
        return tool_call(name=fragment["name"] or "", args=args, id=fragment["id"])

    def __add__(self, other: object) -> BaseMessageChunk:  # type: ignore[override]  # as core does
        others = other if isinstance(other, list | tuple) else [other]
        chunks = [self, *(chunk for chunk in others if isinstance(chunk, AIMessageChunk))]
        if len(chunks) <= len(others):
            return super().__add__(other)
        ours = [chunk for chunk in chunks if isinstance(chunk, ClaudeMessageChunk)]
        readers = Readers()
        for chunk in ours[::-1]:
            # Taken in one step, so that two threads that merge a chunk never get the same reader.
            readers |= {key: chunk.readers.pop(key, None) for key in [*chunk.readers]}
        reports = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
        fragments = (part for each in chunks for part in each.tool_call_chunks)
        merged = type(self)(
            content=merge_contents(chunk.content for chunk in chunks),
            additional_kwargs=merge_dicts(*[chunk.additional_kwargs for chunk in chunks]),
            response_metadata=merge_dicts(*[chunk.response_metadata for chunk in chunks]),
            tool_call_chunks=_merge_blocks(fragments),
            usage_metadata=reduce(add_usage, reports) if reports else None,
            id=next((chunk.id for chunk in chunks if chunk.id), None),
            chunk_position="last" if any(chunk.chunk_position for chunk in chunks) else None,
            parsed_calls={key: call for chunk in ours for key, call in chunk.parsed_calls.items()},
            readers=readers,
        )
        if merged.is_open:
            merged.__dict__["type"] = "ai"  # as it is dumped, so that `messages_to_dict` loads
        return merged

    def __radd__(self, other: object) -> BaseMessageChunk:
        """Merge a core chunk and one of ours into one of ours."""
        if not isinstance(other, AIMessageChunk):
            return NotImplemented
        return type(self)(content="") + [other, self]  # noqa: RUF005 - merging is not unpacking

    def standard(self) -> AIMessage:
        """Return this chunk as a standard LangChain type, for whatever outlives the stream.

        A chunk with an open or an invalid call becomes a message: core would make fragments
        of the invalid calls of a chunk again, and repair them at the next merge.
        """
        if self.is_open or self.invalid_tool_calls or self.type != "AIMessageChunk":
            return finished_message(self.__dict__)
        kept = {key: value for key, value in self.__dict__.items() if key not in _OURS}
        return AIMessageChunk(**{**kept, "tool_call_chunks": []})

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """Serialize for `dumpd` as the standard type."""
        return self.standard().to_json()

    def __reduce__(self) -> tuple[Any, ...]:
        return (copy, (self.standard(),))

    @model_serializer(mode="plain")
    def _dump_standard(self, info: SerializationInfo) -> JsonObject:
        options: JsonObject = {name: getattr(info, name) for name in _DUMP_OPTIONS}
        return self.standard().model_dump(**options)


_DUMPED_AS: Final[dict[str, type[AIMessage]]] = {"ai": AIMessage, "AIMessageChunk": AIMessageChunk}


def finished_message(fields: Mapping[str, Any]) -> AIMessage:
    """Return the plain message of a chunk's fields: a call that was not parsed is invalid.

    Args:
        fields: The fields of a `ClaudeMessageChunk`; fragments may be missing (core's
            conversion leaves them out), their raw text is in the content.
    """
    kept = {key: value for key, value in fields.items() if key not in _CHUNK_ONLY}
    parsed_calls = fields.get("parsed_calls") or {}
    content = blocks.finish_content(kept.pop("content", ""), parsed_calls, strip_index=True)
    calls, broken = kept.pop("tool_calls", []), [*kept.pop("invalid_tool_calls", [])]
    valid = {call["id"] for call in parsed_calls.values() if call["type"] == "tool_call"}
    known = valid | {call["id"] for call in broken}
    by_id = {block.get("id"): block for block in content if isinstance(block, dict)}
    for call in calls:
        if call["id"] not in known:
            shown = {**call, "args": blocks.dump_arguments(call["args"])}
            broken.append(blocks.unfinished_call(by_id.get(call["id"], shown)))
    calls = [call for call in calls if call["id"] in valid]
    return AIMessage(content=content, tool_calls=calls, invalid_tool_calls=broken, **kept)


def merge_contents(contents: Iterable[blocks.Content]) -> blocks.Content:
    """Merge the contents of chunks: text, or blocks by their index.

    Text that came as strings becomes a block as soon as another block joins it: a model that
    thinks by default starts with one and continues with the other.
    """
    parts: list[Any] = []
    is_text = True
    for content in contents:
        if isinstance(content, list):
            is_text = False
            parts += content
        elif content:
            position = {"index": 0} if is_text else {}
            parts.append({"type": "text", "text": content, **position})
    return "".join([part["text"] for part in parts]) if is_text else _merge_blocks(parts)


def _merge_blocks(parts: Iterable[Any]) -> list[Any]:
    """Merge blocks or fragments of calls by their index; what has none stays alone.

    core looks through all blocks for each one that is added, which takes a minute for an
    answer with 20,000 tool calls.
    """
    groups: dict[object, list[Any]] = {}
    for part in parts:
        index = part.get("index") if isinstance(part, dict) else None
        key = index if isinstance(index, int | str) else ("alone", len(groups))
        groups.setdefault(key, []).append(part)
    return [group[0] if len(group) == 1 else _merge_group(group) for group in groups.values()]


def _merge_group(group: list[JsonObject]) -> JsonObject:
    """Merge blocks with one index, as core does it, but join all text at once.

    Merged one by one, the text so far is copied with every delta: 4 GB of copies for an
    argument of 400 kB in 20,000 fragments.
    """
    merged = group[0].copy()
    texts: dict[str, list[str]] = {}
    for block in group[1:]:
        for key, value in block.items():
            held = merged.get(key)
            if held is None:
                merged[key] = value
            elif value is None or key in ("id", "index", "name", "type"):
                continue
            elif isinstance(held, str) and isinstance(value, str):
                texts.setdefault(key, [held]).append(value)
            else:
                merged |= merge_dicts({key: held}, {key: value})
    for key, parts in texts.items():
        merged[key] = "".join(parts)
    return merged


ModelT = TypeVar("ModelT", bound=BaseModel)


def template(example: ModelT) -> Callable[[JsonObject], ModelT]:
    """Return what makes objects of a class without the cost of their validation.

    A stream makes two objects an event, a message chunk and the generation chunk around it.
    Validated, they cost 4 us and 2 us; every field is one that this package made itself, so
    they are put together as pydantic's ``model_construct`` does it, in 1 us and 0.5 us. What
    they look like is learned from a validated object, so that a field which a later
    langchain-core adds has its default here too.

    Args:
        example: A validated object. An object that is made has the fields that are given for it,
            and the example's others; its lists and dicts are its own.
    """
    kind, names = type(example), frozenset(example.model_fields_set)
    fields: JsonObject = dict(example.__dict__)
    copied = [key for key in fields if isinstance(fields[key], dict | list)]
    has_extra = example.__pydantic_extra__ is not None
    assign = object.__setattr__

    def fill(given: JsonObject) -> ModelT:
        filled = fields | given
        for key in copied:
            filled[key] = filled[key].copy()
        made = object.__new__(kind)
        assign(made, "__dict__", filled)
        assign(made, "__pydantic_fields_set__", set(names))
        assign(made, "__pydantic_extra__", {} if has_extra else None)
        assign(made, "__pydantic_private__", None)
        return made

    return fill


_EXAMPLE: Final = ClaudeMessageChunk(content="", response_metadata={})
_message_of: Final = template(_EXAMPLE)
_generation_of: Final = template(ChatGenerationChunk(message=_EXAMPLE))


def event_chunk(
    content: blocks.Content,
    metadata: JsonObject,
    *,
    text: str = "",
    fragments: list[ToolCallChunk] = _EXAMPLE.tool_call_chunks,
) -> ChatGenerationChunk:
    """Return the chunk of an event in the midst of a block.

    Args:
        content: Text, or blocks by their position.
        metadata: The response metadata; it is copied, as the fragments are.
        text: The text in the content.
        fragments: Fragments of arguments without a name, so that no call is to be shown.
    """
    given = {"content": content, "response_metadata": metadata, "tool_call_chunks": fragments}
    return _generation_of({"text": text, "message": _message_of(given)})
