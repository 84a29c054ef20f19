"""Converts the citations of an answer to the form that a request takes.

An answer that is sent back keeps its citations, but the API refuses some of the fields that it
gave itself. LangChain's standard ``annotations`` are translated back, the reverse of
`langchain_core.messages.block_translators.anthropic`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject

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
