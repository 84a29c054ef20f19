"""Translates content blocks that were written for other LangChain integrations.

ChatBedrockConverse uses the blocks of Bedrock's Converse API, which tells the kind of a block by
its one key instead of a ``type``; stored histories hold such blocks with a ``type`` beside it, or
without.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

_MEDIA_TYPES: Final = {
    "pdf": "application/pdf",
    **dict.fromkeys(("csv", "html", "md", "txt"), "text/plain"),
    **{kind: f"image/{kind}" for kind in ("gif", "jpeg", "png", "webp")},
}
_BESIDE: Final = ("cache_control", "index")
"""What may stand beside the one key of a block that has no ``type``; more, and it is data."""


def native_block(item: object) -> JsonObject:
    """Return what a message's content holds as a block of a type that `blocks` knows.

    Args:
        item: A text, or a block of any API's; not changed. What is unknown stays as it is.

    Raises:
        InvalidInputError: It is neither.
    """
    if isinstance(item, str):
        return {"type": "text", "text": item}
    if not isinstance(item, dict):
        raise InvalidInputError(
            f"a content block must be text or a dict with a type, not {type(item).__name__}."
        )
    kind = item.get("type")
    if kind == "non_standard" and isinstance(item.get("value"), dict):
        return native_block(item["value"])
    if kind in (None, "function") and isinstance(item.get("function"), dict):
        return _chat_call(item) or item
    translate = _TYPED_ITEMS.get(kind) if isinstance(kind, str) else None
    return translate(item) if translate else _from_converse(item)


def _chat_call(item: JsonObject) -> JsonObject | None:
    """Return a call of OpenAI's chat completions; None if it is anything else."""
    function = item["function"]
    if not item.get("id") or "arguments" not in function:
        return None
    return _call(item["id"], function.get("name"), function["arguments"])


def _response_call(item: JsonObject) -> JsonObject:
    """Return a call of OpenAI's Responses API, whose own id is not that of the call."""
    return _call(item.get("call_id"), item.get("name"), item.get("arguments"))


def _action(item: JsonObject) -> JsonObject:
    """Return a call of a tool that OpenAI defines and the client runs, such as its computer."""
    name, call_id = item["type"].removesuffix("_call"), item.get("call_id")
    did = item.get("action") or item.get("operation") or {}
    return _call(call_id, name, did) if call_id else item


def _call(call_id: object, name: object, arguments: object) -> JsonObject:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _response_result(item: JsonObject) -> JsonObject:
    return {
        "type": "tool_result",
        "tool_use_id": item.get("call_id"),
        "content": item.get("output"),
    }


def _gemini_media(item: JsonObject) -> JsonObject:
    """Return a file of Gemini's, whose bytes stand there as they are, with its base64."""
    data = item.get("data")
    return {**item, "data": base64.b64encode(data).decode()} if isinstance(data, bytes) else item


_TYPED_ITEMS: Final[Mapping[str, Callable[[JsonObject], JsonObject]]] = {
    "media": _gemini_media,
    "function_call": _response_call,
    "function_call_output": _response_result,
    "custom_tool_call_output": _response_result,
    **dict.fromkeys(("apply_patch_call", "computer_call", "local_shell_call"), _action),
}


def _from_converse(block: JsonObject) -> JsonObject:
    """Return a block of Converse's in a form that `blocks` knows; any other block itself."""
    if _FORMS.keys().isdisjoint(block):
        return block
    for key, (kind, translate) in _FORMS.items():
        held = block.get(key)
        if isinstance(held, dict) and _is_form(block, key, kind):
            found = translate(held)
            if found is not None:
                return found | {name: block[name] for name in ("cache_control",) if name in block}
    return block


def _is_form(block: JsonObject, key: str, kind: str) -> bool:
    if block.get("type") is None:
        return block.keys() <= {key, "type", *_BESIDE}
    return block["type"] in (key, kind)


def _tool_use(held: JsonObject) -> JsonObject | None:
    call_id = held.get("toolUseId")
    if not isinstance(call_id, str):
        return None
    return _call(call_id, held.get("name"), held.get("input") or {})


def _tool_result(held: JsonObject) -> JsonObject | None:
    call_id = held.get("toolUseId")
    if not isinstance(call_id, str):
        return None
    result = {"type": "tool_result", "tool_use_id": call_id, "content": held.get("content")}
    return result | ({"is_error": True} if held.get("status") == "error" else {})


def _reasoning(held: JsonObject) -> JsonObject | None:
    """Return thinking; ChatBedrockConverse names its parts as Python does."""
    redacted = held.get("redactedContent") or held.get("redacted_content")
    if redacted:
        return {"type": "redacted_thinking", "data": redacted}
    told = held.get("reasoningText", held)
    if not isinstance(told, dict):
        return None
    signature = told.get("signature")
    return {"type": "thinking", "thinking": told.get("text") or "", "signature": signature}


def _cited(held: JsonObject) -> JsonObject | None:
    """Return the text of an answer with citations, whose places mean nothing here."""
    content = held.get("content")
    return {"type": "text", "text": "".join(_texts(content))} if isinstance(content, list) else None


def _search_result(held: JsonObject) -> JsonObject | None:
    if not isinstance(held.get("content"), list):
        return None
    texts = [{"type": "text", "text": text} for text in _texts(held["content"])]
    wire: JsonObject = {"type": "search_result", "content": texts}
    return wire | {key: held[key] for key in ("source", "title", "citations") if key in held}


def _texts(content: list[object]) -> list[str]:
    return [str(part["text"]) for part in content if isinstance(part, dict) and part.get("text")]


def _media(kind: str, held: JsonObject) -> JsonObject | None:
    """Return an image or a document as LangChain's standard block."""
    source = held.get("source")
    if not isinstance(source, dict):
        return None
    media_type = _MEDIA_TYPES.get(str(held.get("format")), held.get("format"))
    details = {key: held[key] for key in ("citations", "context") if held.get(key)}
    details |= {"title": held["name"]} if held.get("name") else {}
    if isinstance(source.get("text"), str):
        return {"type": "text-plain", "text": source["text"], **details}
    if isinstance(source.get("content"), list):
        return {"type": "document", "source": {**source, "type": "content"}, **details}
    bucket = source.get("s3Location")
    if isinstance(bucket, dict):
        return {"type": kind, "url": str(bucket.get("uri")), "mime_type": media_type, **details}
    data = source.get("bytes")
    if not data:
        return {"type": kind, **details}
    encoded = base64.b64encode(data).decode("ascii") if isinstance(data, bytes) else data
    return {"type": kind, "base64": encoded, "mime_type": media_type, **details}


def _typed(kind: str, held: JsonObject) -> JsonObject:
    """Return what a block holds, with its type; videos and sounds are not for Claude."""
    return {**held, "type": kind}


_Translator = Callable[[JsonObject], "JsonObject | None"]
_FORMS: Final[Mapping[str, tuple[str, _Translator]]] = {
    "toolUse": ("tool_use", _tool_use),
    "toolResult": ("tool_result", _tool_result),
    "reasoningContent": ("reasoning_content", _reasoning),
    "reasoning_content": ("reasoning_content", _reasoning),
    "citationsContent": ("citations_content", _cited),
    "searchResult": ("search_result", _search_result),
    "guardContent": ("guard_content", partial(_typed, "guard_content")),
    "image": ("image", partial(_media, "image")),
    "document": ("document", partial(_media, "document")),
    "video": ("video", partial(_typed, "video")),
    "audio": ("audio", partial(_typed, "audio")),
}
"""By Converse's key: the type that others write beside it, and the translation."""
