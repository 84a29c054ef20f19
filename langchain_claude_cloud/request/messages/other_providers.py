"""Translates content blocks that were written for other LangChain integrations.

ChatBedrockConverse uses the blocks of Bedrock's Converse API, which tells the kind of a block by
its one key instead of a ``type``; stored histories hold such blocks with a ``type`` beside it, or
without.
"""

from __future__ import annotations

import base64
from typing import Final

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject

_MEDIA_TYPES: Final = {
    "pdf": "application/pdf",
    **dict.fromkeys(("csv", "html", "md", "txt"), "text/plain"),
    **{kind: f"image/{kind}" for kind in ("gif", "jpeg", "png", "webp")},
}
_OF_CONVERSE: Final = {
    "toolUse": "tool_use",
    "toolResult": "tool_result",
    "reasoningContent": "reasoning_content",
    "reasoning_content": "reasoning_content",
    "citationsContent": "citations_content",
    "searchResult": "search_result",
    "guardContent": "guard_content",
    "image": "image",
    "document": "document",
    "video": "video",
    "audio": "audio",
}
"""The keys of Converse's blocks, and the types that others write beside them."""

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
    if kind == "media" and isinstance(item.get("data"), bytes):  # of Gemini's
        return {**item, "data": base64.b64encode(item["data"]).decode()}
    return _from_openai(item) or _from_converse(item) or item


def _from_openai(item: JsonObject) -> JsonObject | None:
    """Return a call of OpenAI's APIs, or its result; None if it is anything else.

    A call of the Responses API has an id of its own beside that of the call. Among them are calls
    of tools that OpenAI defines and the client runs, such as its computer.
    """
    match item:
        case {"function": {"arguments": arguments} as function, "id": call_id} if call_id:
            return _call(call_id, function.get("name"), arguments)
        case {"type": "function_call"}:
            return _call(item.get("call_id"), item.get("name"), item.get("arguments"))
        case {"type": "function_call_output" | "custom_tool_call_output"}:
            return _result(item.get("call_id"), item.get("output"))
        case {
            "type": "apply_patch_call" | "computer_call" | "local_shell_call",
            "call_id": call_id,
        } if call_id:
            did = item.get("action") or item.get("operation") or {}
            return _call(call_id, item["type"].removesuffix("_call"), did)
    return None


def _call(call_id: object, name: object, arguments: object) -> JsonObject:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _result(call_id: object, content: object) -> JsonObject:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def _from_converse(block: JsonObject) -> JsonObject | None:
    """Return a block of Converse's in a form that `blocks` knows; None if it is anything else."""
    for key in _OF_CONVERSE.keys() & block.keys():
        kind, held = block.get("type"), block[key]
        is_alone = kind is None and block.keys() <= {key, "type", *_BESIDE}
        if isinstance(held, dict) and (is_alone or kind in (key, _OF_CONVERSE[key])):
            found = _translated(key, held)
            if found is not None:
                return found | {name: block[name] for name in ("cache_control",) if name in block}
    return None


def _translated(key: str, held: JsonObject) -> JsonObject | None:
    """Return what a block of Converse's holds under its key; None if it is something else."""
    found: JsonObject | None = None
    match key, held:
        case "toolUse", {"toolUseId": str(call_id)}:
            found = _call(call_id, held.get("name"), held.get("input") or {})
        case "toolResult", {"toolUseId": str(call_id)}:
            is_error = {"is_error": True} if held.get("status") == "error" else {}
            found = _result(call_id, held.get("content")) | is_error
        case "reasoningContent" | "reasoning_content", _:
            found = _reasoning(held)
        case "citationsContent", {"content": list(content)}:  # the places mean nothing here
            found = {"type": "text", "text": "".join(_texts(content))}
        case "searchResult", {"content": list(content)}:
            texts = [{"type": "text", "text": text} for text in _texts(content)]
            found = {name: held[name] for name in ("source", "title", "citations") if name in held}
            found |= {"type": "search_result", "content": texts}
        case "image" | "document", {"source": dict(source)}:
            found = _media(key, held, source)
        case "guardContent" | "video" | "audio", _:
            found = {**held, "type": _OF_CONVERSE[key]}
    return found


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


def _texts(content: list[object]) -> list[str]:
    return [str(part["text"]) for part in content if isinstance(part, dict) and part.get("text")]


def _media(kind: str, held: JsonObject, source: JsonObject) -> JsonObject:
    """Return an image or a document as LangChain's standard block."""
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
