"""Converts the content blocks of users, tools and system prompts to the API's blocks.

It takes both versions of LangChain's standard blocks, and OpenAI's and Anthropic's own. A block
of an unknown type is passed on, without what streaming left on it. The blocks returned are new
dicts; the values nested in them are the caller's and must not be changed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from langchain_core.messages import BaseMessage

from langchain_claude_cloud.catalogue.media_types import IMAGE_TYPES
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages.media import data_source, located_source, text_source
from langchain_claude_cloud.request.messages.other_providers import CACHE_POINT, native_block

Converter = Callable[[JsonObject], "JsonObject | None"]

_STREAM_LEFTOVERS: Final = frozenset({"index", "partial_json"})
_NULL_NOISE: Final = frozenset({"cache_control", "caller", "citations", "text", "toolset_name"})
"""Keys that answers carry as null and that requests want absent."""
_NOT_OF_TEXTS: Final = frozenset(
    {"_meta", "annotations", "citations", "extras", "id", "meta", "metadata", "mime_type"}
    | {"source_type"}
)
"""Keys of LangChain's text blocks that the API does not take; citations only from an answer."""

_DETAILS: Final = {
    "image": ("cache_control", "transformations"),
    "document": ("cache_control", "citations", "context", "name", "filename", "title"),
}
_IMAGE_URLS: Final = ("image_url", "input_image")
_DOCUMENTS: Final = ("document", "file", "input_file", "media", "text-plain")
_KNOWN_SOURCES: Final = ("base64", "content", "file", "text", "url")
_DATA_KEYS: Final = ("base64", "data", "file_data", "bytes")
_URL_KEYS: Final = ("url", "file_url", "file_uri", "image_url", "uri")
_MEDIA_TYPE_KEYS: Final = ("mime_type", "media_type", "mimeType", "format")
"""The last but one is that of LangChain for JavaScript, and of MCP; the last that of Converse."""

_TYPES_BY_KEY: Final = ("text", "image_url", "file", "input_audio", "video_url")
"""Keys that tell the type of a block which does not say it."""

THINKING: Final = ("thinking", "redacted_thinking")
"""The types of blocks that hold what the model thought."""

TEXTS: Final = ("text", "input_text", "output_text")
"""The types of blocks that hold text, of Anthropic's and of OpenAI's."""

_OF_ANSWERS: Final = frozenset(
    {*THINKING, "reasoning", "reasoning_content", "refusal", "server_tool_use", "mcp_tool_use"}
    | {"code_execution_result", "executable_code", "reference", "tool_result"}
    | {"mcp_approval_request", "mcp_list_tools", CACHE_POINT}
)
_ENDS_OF_ANSWERS: Final = ("_call", "_call_output", "_call_result", "_delta", "_tool_result")
"""Blocks of answers that users' turns and tools' results may not hold: the content of one agent's
answer often becomes a HumanMessage for another, or the result of a tool. Those of the tools of
Gemini, Mistral, Nova and OpenAI mean nothing to Claude in its own turns either, which do not
always name their model, nor do parts of a stream."""

DATA_KEYS: Final = (*_DATA_KEYS, *_URL_KEYS[:-1], *_TYPES_BY_KEY, "file_id")
"""Where blocks of media have their data, beside Anthropic's own ``source``."""

_UNSUPPORTED: Final = ("audio", "input_audio", "video", "video_url")
MEDIA: Final = ("image", *_IMAGE_URLS, *_DOCUMENTS, *_UNSUPPORTED)
"""The types of blocks that hold a picture, a file, a sound or a film."""


class GuardedText(str):
    """A text that a guardrail is to look at, as its user marked it."""

    __slots__ = ()


def content_of(message: BaseMessage) -> str | Sequence[object]:
    """Return what a message's content holds, with the cache marker of the message behind it.

    ChatAnthropicVertex takes a marker for the last block from ``additional_kwargs``.

    Args:
        message: Of any type; not changed.
    """
    content, marker = message.content, message.additional_kwargs.get("cache_control")
    if not marker:
        return content
    return [*([content] if isinstance(content, str) else content), {"cachePoint": marker}]


def convert_block(block: JsonObject) -> JsonObject | None:
    """Convert what `native_block` returns; None if there is nothing to send.

    Raises:
        InvalidInputError: A block that Claude or the clouds do not take.
    """
    kind = block.get("type")
    if not isinstance(kind, str):
        kind = next((key for key in _TYPES_BY_KEY if key in block), None)
        if kind is None:
            told = f"a content block needs a 'type'; this one has only {sorted(map(str, block))}"
            raise InvalidInputError(f"{told}. Cache points are 'cache_control' on a block.")
        block = {**block, "type": kind}
    if convert := _CONVERTERS.get(kind):
        return convert(block)
    if kind in _REFUSED:
        raise InvalidInputError(_REFUSED[kind].format(kind))
    is_of_answer = kind in _OF_ANSWERS or kind.endswith(_ENDS_OF_ANSWERS)
    return None if is_of_answer else without_leftovers(block)


def convert_blocks(
    content: str | Iterable[object],
    convert: Converter = convert_block,
    before: list[JsonObject] | None = None,
) -> list[JsonObject]:
    """Convert the content of a message.

    Args:
        content: Text, or texts and blocks of any API's.
        convert: Converts a block that `native_block` returns.
        before: The API's blocks before it, to which its own are added.

    Returns:
        The API's blocks. Blank text is left out, as is all that becomes None; a cache marker on
        it moves to the block before it.

    Raises:
        InvalidInputError: A block that Claude or the clouds do not take.
    """
    wire = [] if before is None else before
    if isinstance(content, str):
        wire += [{"type": "text", "text": content}] if content.strip() else []
        return wire
    for item in content:
        block = native_block(item)
        converted = convert(block)
        if converted is not None:
            wire.append(converted)
        elif marker := _found(block, ("cache_control",)):
            last = next((each for each in reversed(wire) if each["type"] not in THINKING), {})
            last.setdefault("cache_control", marker["cache_control"])
    return wire


def without_leftovers(block: JsonObject) -> JsonObject:
    """Return a native block without what streaming or an answer's nulls left on it."""
    return {
        key: value
        for key, value in block.items()
        if key not in _STREAM_LEFTOVERS and (value is not None or key not in _NULL_NOISE)
    }


def convert_text(block: JsonObject) -> JsonObject | None:
    """Convert a text block, without citations; None if it is blank."""
    text = block.get("text")
    if text is None and block.get("type") != "text":
        return None  # OpenAI's clients write null for no text
    if not isinstance(text, str):
        raise InvalidInputError(f"a text block's text must be a string, not {text!r:.80}.")
    if not text.strip():
        return None
    if len(block) == 2 and "type" in block:  # noqa: PLR2004  type and text: by far the most common
        return {"type": "text", "text": text}
    kept = without_leftovers(block).items()
    wire = {key: value for key, value in kept if key not in _NOT_OF_TEXTS}
    return wire | {"type": "text", **_found(block, ("cache_control",))}


def _media(block: JsonObject, *, image: bool) -> JsonObject:
    """Convert an image or a document of Anthropic's form, of LangChain's or of another API's."""
    source = block.get("source")
    if isinstance(source, dict) and "type" in source and block["type"] in _DETAILS:
        is_known = source["type"] in _KNOWN_SOURCES and not isinstance(source.get("content"), str)
        source = _source(source, image=image) if is_known else source
        return {**without_leftovers(block), "source": source}
    for key in ("file", "image_url", "source", "s3Location"):  # of OpenAI's, and Converse's
        held = block.get(key)
        block = {**block, **held} if isinstance(held, dict) else block
    source = _source(block, image=image)
    kind = "image" if image or source.get("media_type") in IMAGE_TYPES else "document"
    details = _found(block, _DETAILS[kind])
    names = [details.pop(key, None) for key in ("title", "filename", "name")]
    title = next(filter(None, names), None)
    return {"type": kind, "source": source, **details, **({"title": title} if title else {})}


def _source(held: JsonObject, *, image: bool) -> JsonObject:
    """Return the source for what a block holds, or Anthropic's own source, of any form."""
    media_type = next((held[key] for key in _MEDIA_TYPE_KEYS if held.get(key)), None)
    data = next((held[key] for key in _DATA_KEYS if held.get(key) not in (None, b"")), None)
    url = next((held[key] for key in _URL_KEYS if held.get(key)), None)
    text = held.get("text")
    if text is None and "text" in (held.get("type"), held.get("source_type")):
        text = data or url  # version 0 keeps the text of a file under either key
    if isinstance(held.get("content"), list):
        return {"type": "content", "content": convert_blocks(held["content"])}
    if isinstance(text, str) and not image:
        return text_source(text)
    if isinstance(data, bytes) and (data is held.get("bytes") or held["type"] == "media"):
        data = base64.b64encode(data).decode()  # of Converse's, and of Gemini's
    if data is not None:
        return data_source(data, media_type, image=image)
    if isinstance(url, str):
        return located_source(url, media_type, image=image)
    if "file_id" in held or "id" in held:
        told = "the clouds have no Files API. Read the file and pass its content as base64."
        raise InvalidInputError(f"file id {held.get('file_id') or held.get('id')!r}: {told}")
    raise InvalidInputError(f"this {held['type']} block has no base64, url or text.")


def _found(block: JsonObject, keys: Iterable[str]) -> JsonObject:
    """Return the values of keys that stand on a block, in its extras or its metadata."""
    found: JsonObject = {}
    for holder in (block.get("metadata"), block.get("extras"), block):
        if isinstance(holder, Mapping):
            found |= {key: holder[key] for key in keys if holder.get(key) is not None}
    return found


def _search_result(block: JsonObject) -> JsonObject:
    """Convert a search result; the API wants a title, and takes no blank text in it."""
    wire = without_leftovers(block)
    content = wire.get("content")
    if isinstance(content, str | list):
        wire["content"] = convert_blocks(content)
    return {**wire, "title": wire.get("title") or str(wire.get("source") or "")}


def _cited(block: JsonObject) -> JsonObject | None:
    """Convert a cited text of Converse's, without the citations: the places mean nothing here."""
    parts = (part.get("text") for part in block["content"] if isinstance(part, dict))
    text = "".join(map(str, filter(None, parts)))
    return convert_text({"type": "text", "text": text, **_found(block, ("cache_control",))})


def _guarded(block: JsonObject) -> JsonObject | None:
    """Convert a block that marks its content for a guardrail, of Converse's forms."""
    text = block.get("text")
    text = text.get("text") if isinstance(text, dict) else text
    if isinstance(text, str):
        marker = _found(block, ("cache_control",))
        return {"type": "text", "text": GuardedText(text), **marker} if text.strip() else None
    if isinstance(block.get("image"), dict):
        # Guardrails look at images without a mark.
        return convert_block(native_block({"image": block["image"]}))
    raise InvalidInputError("a guard_content block must hold a text or an image.")


_CONVERTERS: Final[Mapping[str, Converter]] = {
    **dict.fromkeys(TEXTS, convert_text),
    **dict.fromkeys(("image", *_IMAGE_URLS), partial(_media, image=True)),
    **dict.fromkeys(_DOCUMENTS, partial(_media, image=False)),
    "search_result": _search_result,
    "citations_content": _cited,
    "guard_content": _guarded,
}
_CALL: Final = "a {} block belongs into an AIMessage. Pass on AIMessage.text, not its content."
_REFUSED: Final = {
    "non_standard": "a {} block must hold a block under 'value'.",
    **dict.fromkeys(("tool_use", "tool_call", "invalid_tool_call"), _CALL),
    **dict.fromkeys(
        _UNSUPPORTED, "Claude does not take {} blocks: transcribe it, and pass the text."
    ),
}
"""What is said of blocks that cannot be sent, by their types."""
