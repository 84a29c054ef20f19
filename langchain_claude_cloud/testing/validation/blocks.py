"""Checks single content blocks: their keys, their text, their media, their signatures."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.reply.signatures import is_valid
from langchain_claude_cloud.testing.validation.fields import (
    CACHE_CONTROL,
    Field,
    anything,
    at_least,
    boolean,
    check_fields,
    items,
    list_of,
    mapping,
    nullable,
    obj,
    one_of,
    string,
    tagged,
    tagged_as,
    tool_name,
)
from langchain_claude_cloud.testing.validation.media import (
    check_document_source,
    check_image_source,
    content_of_source,
)
from langchain_claude_cloud.testing.wire import Refusal, invalid

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_CACHE = {"cache_control": Field(CACHE_CONTROL)}
_CITATIONS = {"citations": Field(nullable(obj({"enabled": Field(boolean)})))}


def _identifier(path: str, value: object) -> None:
    string(path, value)
    if not _ID.fullmatch(str(value)):
        raise invalid(path, "String should match pattern '^[a-zA-Z0-9_-]+$'")


_CODE = {"tool_id": Field(string, required=True)}
_CALLER = {"direct": {}, "code_execution_20250825": _CODE, "code_execution_20260120": _CODE}
_CALLED = {"caller": Field(nullable(tagged_as(_CALLER)))}
_RESULT = {
    "tool_use_id": Field(_identifier, required=True),
    "content": Field(anything, required=True),
    **_CALLED,
    **_CACHE,
}
_CALL = {
    "id": Field(_identifier, required=True),
    "name": Field(tool_name, required=True),
    "input": Field(mapping, required=True),
    **_CALLED,
    **_CACHE,
}
_TRANSFORMATIONS = {"oversized_image": Field(one_of("downsize", "error"))}
_COUNT = Field(at_least(0), required=True)
_TITLE = Field(nullable(string), required=True)
_TEXT = Field(string, required=True)
_IN_DOCUMENT = {"cited_text": _TEXT, "document_index": _COUNT, "document_title": _TITLE}
# As a request has them: an answer's have a `file_id` besides, which is not taken back.
_CITED: Mapping[str, Mapping[str, Field]] = {
    "char_location": {**_IN_DOCUMENT, "start_char_index": _COUNT, "end_char_index": _COUNT},
    "page_location": {**_IN_DOCUMENT, "start_page_number": _COUNT, "end_page_number": _COUNT},
    "content_block_location": {
        **_IN_DOCUMENT,
        "start_block_index": _COUNT,
        "end_block_index": _COUNT,
    },
    "web_search_result_location": {
        "cited_text": _TEXT,
        "encrypted_index": _TEXT,
        "title": _TITLE,
        "url": _TEXT,
    },
    "search_result_location": {
        "cited_text": _TEXT,
        "search_result_index": _COUNT,
        "start_block_index": _COUNT,
        "end_block_index": _COUNT,
        "source": _TEXT,
        "title": _TITLE,
    },
}


_REFERENCE = {"tool_name": _TEXT, **_CACHE}
_SEARCHED = {
    "tool_search_tool_search_result": {
        "tool_references": Field(list_of(tagged_as({"tool_reference": _REFERENCE})), required=True)
    },
    "tool_search_tool_result_error": {
        "error_code": _TEXT,
        "error_message": Field(nullable(string)),
    },
}
BLOCKS: Mapping[str, Mapping[str, Field]] = {
    "text": {
        "text": Field(string, required=True),
        "citations": Field(nullable(list_of(tagged_as(_CITED)))),
        **_CACHE,
    },
    "image": {
        "source": Field(check_image_source, required=True),
        "transformations": Field(nullable(obj(_TRANSFORMATIONS))),
        **_CACHE,
    },
    "document": {
        "source": Field(check_document_source, required=True),
        "title": Field(nullable(string)),
        "context": Field(nullable(string)),
        **_CITATIONS,
        **_CACHE,
    },
    "search_result": {
        "source": Field(string, required=True),
        "title": Field(string, required=True),
        "content": Field(anything, required=True),
        **_CITATIONS,
        **_CACHE,
    },
    "thinking": {
        "thinking": Field(string, required=True),
        "signature": Field(string, required=True),
    },
    "redacted_thinking": {"data": Field(string, required=True)},
    "tool_use": {**_CALL, "toolset_name": Field(nullable(string))},
    "tool_result": {
        "tool_use_id": Field(_identifier, required=True),
        "content": Field(anything),
        "is_error": Field(nullable(boolean)),
        "toolset_name": Field(nullable(string)),
        **_CACHE,
    },
    "server_tool_use": _CALL,
    "web_search_tool_result": _RESULT,
    "web_fetch_tool_result": _RESULT,
    "code_execution_tool_result": _RESULT,
    "bash_code_execution_tool_result": _RESULT,
    "text_editor_code_execution_tool_result": _RESULT,
    "tool_search_tool_result": {
        **_RESULT,
        "content": Field(tagged_as(_SEARCHED), required=True),
    },
    "tool_reference": _REFERENCE,
    "compaction": {
        "content": Field(nullable(string)),
        "encrypted_content": Field(nullable(string)),
        "signature": Field(nullable(string)),
        "tool_changes": Field(nullable(anything)),
        **_CACHE,
    },
}
_CHANGED = {
    "tool_reference": {"name": _TEXT},
    "mcp_tool_reference": {"name": _TEXT, "server_name": _TEXT},
    "mcp_toolset_reference": {"server_name": _TEXT},
}
_CHANGE = {"tool": Field(tagged_as(_CHANGED), required=True), **_CACHE}
TOOL_CHANGES: Mapping[str, Mapping[str, Field]] = {
    "tool_addition": _CHANGE,
    "tool_removal": _CHANGE,
}
"""What a system message may hold with the beta of tool changes."""
_WITHOUT_BETA = {name: BLOCKS[name] for name in BLOCKS if name != "compaction"}
_NESTED = {name: BLOCKS[name] for name in ("text", "image", "document", "search_result")}
_IN_RESULT = {**_NESTED, "tool_reference": BLOCKS["tool_reference"]}
_ASSISTANT_ONLY = frozenset({"tool_use", "thinking", "redacted_thinking", "server_tool_use"})
_USER_ONLY = frozenset({"tool_result", "image"})


def check_block(path: str, value: object, role: str, version: str, betas: Collection[str]) -> None:
    """Check one content block of a message.

    Args:
        path: Where it is.
        value: The block.
        role: ``user`` or ``assistant``.
        version: The API version, which decides about some keys.
        betas: What the request asks for, which decides about some blocks.

    Raises:
        Refusal: The block is not valid there.
    """
    compacts = any(beta.startswith("compact-") for beta in betas)
    block = tagged(path, value, BLOCKS if compacts else _WITHOUT_BETA)
    kind = str(block["type"])
    if kind in _ASSISTANT_ONLY and role != "assistant":
        raise invalid(path, f"`{kind}` blocks can only be in `assistant` messages")
    if kind in _USER_ONLY and role != "user":
        raise invalid(path, f"`{kind}` blocks can only be in `user` messages")
    if kind == "text":
        check_text(path, block)
    if kind in {"tool_result", "search_result", "document"}:
        _check_nested(path, block, kind)
    if version == "2026-10-21":
        _check_new_version(path, block, kind, role)


def check_text(path: str, block: JsonObject) -> None:
    """Check that a text block has text."""
    if block["text"]:
        return
    if block.get("cache_control"):
        raise invalid(path, "cache_control cannot be set for empty text blocks")
    raise invalid(path.split(".", maxsplit=1)[0], "text content blocks must be non-empty")


def _check_new_version(path: str, block: JsonObject, kind: str, role: str) -> None:
    if kind == "document" and role == "assistant":
        raise invalid(path, "`document` blocks can only be in `user` messages")
    if role != "user":
        return
    if kind == "text" and block.get("citations"):
        raise invalid(f"{path}.text.citations", "Extra inputs are not permitted")
    nested = block["content"] if kind == "search_result" else ()
    for index, item in enumerate(nested):
        if item.get("citations"):
            place = f"{path}.search_result.content.{index}.text.citations"
            raise invalid(place, "Extra inputs are not permitted")


def _check_nested(path: str, block: JsonObject, kind: str) -> None:
    content = content_of_source(block) if kind == "document" else block.get("content")
    if kind != "search_result" and (content is None or isinstance(content, str)):
        return
    place = f"{path}.{kind}.source.content" if kind == "document" else f"{path}.{kind}.content"
    tags = {"tool_result": _IN_RESULT, "document": _NESTED}.get(kind, {"text": BLOCKS["text"]})
    for index, item in enumerate(items(place, content)):
        block = tagged(f"{place}.{index}", item, tags)
        if block["type"] == "text":
            check_text(f"{place}.{index}", block)


def check_thinking(path: str, block: JsonObject, *, latest: bool) -> None:
    """Check a thinking block's signature.

    Raises:
        Refusal: The block is not as the model gave it.
    """
    if block["type"] == "redacted_thinking":
        if not block["data"]:
            raise invalid(f"{path}.redacted_thinking.data", "Invalid `data` in block")
        return
    if is_valid(block["signature"], block["thinking"]):
        return
    if latest:
        raise Refusal(
            400,
            f"{path}: `thinking` or `redacted_thinking` blocks in the latest assistant message "
            "cannot be modified. These blocks must remain as they were in the original response.",
        )
    raise invalid(path, "Invalid `signature` in `thinking` block")


def system_blocks(
    path: str, value: object, others: Mapping[str, Mapping[str, Field]] | None = None
) -> None:
    """Check a system prompt, or a system message.

    Args:
        path: Where it is.
        value: Its content.
        others: Blocks that are taken there beside text.

    Raises:
        Refusal: It has other blocks than text.
    """
    for index, item in enumerate([] if isinstance(value, str) else items(path, value)):
        place = f"{path}.{index}"
        if others:
            block = tagged(place, item, {"text": BLOCKS["text"], **others})
        else:
            block = item if isinstance(item, dict) else {}
            if block.get("type") != "text":
                raise invalid(f"{place}.type", "Input should be 'text'")
            check_fields(place, block, {"type": Field(string), **BLOCKS["text"]})
        if block["type"] == "text":
            check_text(place, block)
