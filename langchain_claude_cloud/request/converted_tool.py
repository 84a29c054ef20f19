"""A tool in the API's form, as it is bound to a model."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.property_keys import KeyNames


class ConvertedTool(dict[str, Any]):
    """The definition of a tool, with the names and keys that its caller knows.

    It is a plain dict to everybody else: LangChain and its middleware read and copy it. A copy
    is converted again, which changes nothing.

    Attributes:
        unfit: Why its schema cannot be sent, if it cannot.
        notes: What the schema lost on the way, one phrase each.
    """

    def __init__(
        self, definition: JsonObject, *, unfit: str | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        """Begin.

        Args:
            definition: The definition; copied.
            unfit: See the attribute.
            notes: See the attribute.
        """
        super().__init__(definition)
        self.unfit = unfit
        self.notes = notes

    def with_marker(self, cache_control: JsonObject) -> ConvertedTool:
        """Return the tool with a cache breakpoint behind it."""
        marked = {**self, "cache_control": cache_control}
        return ConvertedTool(marked, unfit=self.unfit, notes=self.notes)

    @cached_property
    def key_names(self) -> KeyNames:
        """What its property keys are called in requests."""
        schema = self.get("input_schema")
        return KeyNames.of(schema if isinstance(schema, dict) else {})

    @cached_property
    def wire_schema(self) -> JsonObject:
        """Its input schema as it is sent."""
        return self.key_names.wire_schema()
