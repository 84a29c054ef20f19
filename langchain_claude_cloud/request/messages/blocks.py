"""Converts the content blocks of users, tools and system prompts to the API's blocks.

It takes both versions of LangChain's standard blocks, and OpenAI's and Anthropic's own. A block
of an unknown type is passed on, without what streaming left on it. The blocks returned are new
dicts; the values nested in them are the caller's and must not be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from langchain_claude_cloud.catalogue.media_types import IMAGE_TYPES
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.messages import sources
from langchain_claude_cloud.request.messages.other_providers import native_block

Converter = Callable[[JsonObject], "JsonObject | None"]

_STREAM_LEFTOVERS: Final = frozenset({"index", "partial_json"})
_NULL_NOISE: Final = frozenset({"cache_control", "caller", "citations", "toolset_name"})
"""Keys that answers carry as null and that requests want absent."""
_LANGCHAIN_KEYS: Final = frozenset(
    {"annotations", "extras", "id", "metadata", "mime_type", "source_type"}
)
_DETAILS: Final = {
    "image": ("cache_control", "transformations"),
    "document": ("cache_control", "citations", "context", "title"),
}
_TYPES_BY_KEY: Final = ("image_url", "file", "input_audio", "video_url")
"""Keys that tell the type of a block of OpenAI's which does not say it."""

# Nullable, but required in a request: the name under which each kind keeps its title.
_TITLES: Final[Mapping[str, str]] = {
    "char_location": "document_title",
    "page_location": "document_title",
    "content_block_location": "document_title",
    "web_search_result_location": "title",
    "search_result_location": "title",
}
# The standard form loses the kind; the first of these fields that is there tells it.
_KIND_BY_FIELD: Final = (
    ("encrypted_index", "web_search_result_location"),
    ("start_char_index", "char_location"),
    ("start_page_number", "page_location"),
    ("search_result_index", "search_result_location"),
    ("start_block_index", "content_block_location"),
)
# Fields of an answer that a request refuses (file_id), or of streams (index).
_ANSWER_ONLY: Final = frozenset({"file_id", "index"})

_UNMARKED: Final = ("thinking", "redacted_thinking")
_UNSUPPORTED: Final = ("audio", "input_audio", "video", "video_url")


class GuardedText(str):
    """A text that a guardrail is to look at, as its user marked it."""

    __slots__ = ()


def is_blank(text: str) -> bool:
    """Whether the API would refuse a text block with this text."""
    return not text or text.isspace()


def convert_blocks(content: str | Iterable[object]) -> list[JsonObject]:
    """Convert the content of a message that is not the model's.

    Args:
        content: Text, or a list of texts and content blocks.

    Returns:
        The API's blocks; blank text is left out.

    Raises:
        InvalidInputError: A block that Claude or the clouds do not take.
    """
    if isinstance(content, str):
        return [] if is_blank(content) else [{"type": "text", "text": content}]
    wire: list[JsonObject] = []
    for item in content:
        add_block(wire, convert_item(item), item)
    return wire


def add_block(wire: list[JsonObject], block: JsonObject | None, item: object) -> None:
    """Add a converted block to those before it.

    The cache marker of one that is left out, as blank text is, moves to the block before it.

    Args:
        wire: The blocks before.
        block: The block; None if nothing is sent of it.
        item: What it was converted from.
    """
    if block is not None:
        wire.append(block)
        return
    marker = _found(item, ("cache_control",)) if isinstance(item, dict) else {}
    last = next((each for each in reversed(wire) if each["type"] not in _UNMARKED), None)
    if marker and last is not None:
        last.setdefault("cache_control", marker["cache_control"])


def convert_item(item: object) -> JsonObject | None:
    """Convert one item of a message's content: a text or a content block."""
    return convert_block({"type": "text", "text": item} if isinstance(item, str) else item)


def convert_block(block: object) -> JsonObject | None:
    """Convert one content block; None if there is nothing to send.

    Raises:
        InvalidInputError: A block that Claude or the clouds do not take.
    """
    block = native_block(block)
    if not isinstance(block, dict):
        raise InvalidInputError(
            f"a content block must be text or a dict with a type, not {type(block).__name__}."
        )
    kind = block.get("type")
    convert = _CONVERTERS.get(kind) if isinstance(kind, str) else _untyped
    return convert(block) if convert else without_leftovers(block)


def without_leftovers(block: JsonObject) -> JsonObject:
    """Return a native block without what streaming or an answer's nulls left on it."""
    return {
        key: value
        for key, value in block.items()
        if key not in _STREAM_LEFTOVERS and (value is not None or key not in _NULL_NOISE)
    }


def convert_text(block: JsonObject) -> JsonObject | None:
    """Convert a text block, without its standard annotations; None if it is blank."""
    text = block.get("text")
    if not isinstance(text, str):
        raise InvalidInputError(f"a text block's text must be a string, not {text!r:.80}.")
    if is_blank(text):
        return None
    if len(block) == 2 and "type" in block:  # noqa: PLR2004  type and text: by far the most common
        return {"type": "text", "text": text}
    kept = without_leftovers(block).items()
    wire = {key: value for key, value in kept if key not in _LANGCHAIN_KEYS}
    wire |= {"type": "text", **_found(block, ("cache_control",))}
    if "citations" in wire:
        wire["citations"] = convert_citations(wire["citations"])
    return wire if wire.get("citations", True) else {k: wire[k] for k in wire if k != "citations"}


def unwrap(block: JsonObject) -> JsonObject:
    """Return what a standard ``non_standard`` block wraps.

    Raises:
        InvalidInputError: It wraps no block.
    """
    value = block.get("value")
    if not isinstance(value, dict):
        raise InvalidInputError("a non_standard block must hold a block under 'value'.")
    return value


def _untyped(block: JsonObject) -> JsonObject | None:
    if isinstance(block.get("text"), str):
        return convert_text(block)
    kind = next((key for key in _TYPES_BY_KEY if key in block), None)
    if kind is not None:
        return convert_block({**block, "type": kind})
    raise InvalidInputError(
        f"a content block needs a 'type'; this one has only {sorted(map(str, block))}. Cache "
        "points are written as 'cache_control' on a block."
    )


def _media(block: JsonObject, *, image: bool) -> JsonObject:
    """Convert an image or a document of Anthropic's form, of LangChain's or of OpenAI's."""
    source, given = block.get("source"), block.get("file")
    if isinstance(source, dict) and block["type"] in _DETAILS:
        return {**without_leftovers(block), "source": _native_source(source, image=image)}
    if isinstance(given, dict):
        return _openai_file({**block, **given})
    kind = "image" if image else "document"
    return _with_details(kind, _standard_source(block, image=image), block)


def _image_url(block: JsonObject) -> JsonObject:
    given = block.get("image_url")
    url = given.get("url") if isinstance(given, dict) else given
    if not isinstance(url, str):
        raise InvalidInputError("an image_url block needs a URL under image_url.url.")
    return _with_details("image", sources.located_source(url, None, image=True), block)


def _openai_file(block: JsonObject) -> JsonObject:
    data = block.get("file_data")
    if not isinstance(data, str):
        raise sources.refuse_file_id(block.get("file_id"))
    return _with_details("document", sources.data_source(data, None, image=False), block)


def _native_source(source: JsonObject, *, image: bool) -> JsonObject:
    kind = source.get("type")
    if kind == "file":
        raise sources.refuse_file_id(source.get("file_id"))
    if kind == "url":
        return sources.located_source(str(source.get("url")), None, image=image)
    if kind == "base64":
        data, media_type = source.get("data"), source.get("media_type")
        return {**source, **sources.data_source(data, media_type, image=image)}
    if kind == "content" and isinstance(source.get("content"), list):
        return {**source, "content": convert_blocks(source["content"])}
    return source


def _standard_source(block: JsonObject, *, image: bool) -> JsonObject:
    """Return the source of a standard image, file or text block, of either version."""
    media_type, text, url = block.get("mime_type"), block.get("text"), block.get("url")
    if block["type"] == "text-plain" and isinstance(text, str):
        return sources.text_source(text)
    data = block.get("base64", block.get("data"))
    if data is not None:
        return sources.data_source(data, media_type, image=image)
    if block.get("source_type") == "text":
        # Version 0 keeps the text of a file under one of these keys.
        return sources.text_source(str(block.get("text", url)))
    if isinstance(url, str):
        return sources.located_source(url, media_type, image=image)
    if "file_id" in block or "id" in block:
        raise sources.refuse_file_id(block.get("file_id") or block.get("id"))
    raise InvalidInputError(f"this {block['type']} block has no base64, url or text.")


def _with_details(kind: str, source: JsonObject, block: JsonObject) -> JsonObject:
    """Return a block around a source, with what the caller said beside it."""
    if source.get("media_type") in IMAGE_TYPES:
        kind = "image"
    details = _found(block, _DETAILS[kind])
    filename = _found(block, ("filename",)).get("filename")
    if kind == "document" and filename:
        details.setdefault("title", filename)
    return {"type": kind, "source": source, **details}


def _found(block: JsonObject, keys: Iterable[str]) -> JsonObject:
    """Return the values of keys that stand on a block, in its extras or its metadata."""
    holders = (block, block.get("extras"), block.get("metadata"))
    found: JsonObject = {}
    for holder in holders:
        if isinstance(holder, Mapping):
            for key in keys:
                if holder.get(key) is not None:
                    found.setdefault(key, holder[key])
    return found


def _refuse(block: JsonObject) -> JsonObject:
    raise InvalidInputError(
        f"Claude does not take {block['type']} blocks. It reads text, images (PNG, JPEG, GIF, "
        "WebP), PDF documents and plain text; transcribe or describe the rest."
    )


def nothing(block: JsonObject) -> None:
    """Leave out a block that only an answer can hold."""
    del block


def _guarded(block: JsonObject) -> JsonObject | None:
    """Convert a block that marks its content for a guardrail, of Converse's forms."""
    held = block.get("guard_content", block)
    while isinstance(held, dict) and "text" in held:
        held = held["text"]
    if isinstance(held, str):
        return None if is_blank(held) else {"type": "text", "text": GuardedText(held)}
    image = held.get("image") if isinstance(held, dict) else None
    if isinstance(image, dict):
        return convert_block({"image": image})  # guardrails look at images without a mark
    raise InvalidInputError("a guard_content block must hold a text or an image.")


def _unwrapped(block: JsonObject) -> JsonObject | None:
    return convert_block(unwrap(block))


_CONVERTERS: Final[Mapping[str, Converter]] = {
    "text": convert_text,
    "image": partial(_media, image=True),
    "image_url": _image_url,
    **dict.fromkeys(("document", "file", "media", "text-plain"), partial(_media, image=False)),
    "input_text": convert_text,
    "input_image": _image_url,
    "input_file": _openai_file,
    "non_standard": _unwrapped,
    "guard_content": _guarded,
    "reasoning": nothing,
    "refusal": nothing,
    **dict.fromkeys(_UNSUPPORTED, _refuse),
}


def convert_citations(citations: object) -> list[JsonObject]:
    """Return native citations in their request form; those of other APIs are left out."""
    found = (_clean(citation) for citation in _mappings(citations) if citation.get("type"))
    return list(found)


def convert_annotations(annotations: object) -> list[JsonObject]:
    """Translate standard annotations back; those that are not Claude's are left out."""
    found = (_restore(annotation) for annotation in _mappings(annotations))
    return [citation for citation in found if citation]


def _mappings(values: object) -> Iterable[JsonObject]:
    return (
        (value for value in values if isinstance(value, dict)) if isinstance(values, list) else ()
    )


def _clean(citation: JsonObject) -> JsonObject:
    wire = {key: value for key, value in citation.items() if key not in _ANSWER_ONLY}
    title = _TITLES.get(wire["type"])
    if title:
        wire.setdefault(title, None)
    return wire


def _restore(annotation: JsonObject) -> JsonObject | None:
    if annotation.get("type") == "non_standard_annotation":
        value = annotation.get("value")
        return _clean(value) if isinstance(value, dict) and value.get("type") else None
    extras = annotation.get("extras")
    if not isinstance(extras, dict):
        return None
    kind = next((kind for field, kind in _KIND_BY_FIELD if field in extras), None)
    if kind is None:
        return None
    citation = {"type": kind, "cited_text": annotation.get("cited_text", ""), **extras}
    citation[_TITLES[kind]] = annotation.get("title")
    if kind == "web_search_result_location":
        citation["url"] = annotation.get("url")
    return _clean(citation)
