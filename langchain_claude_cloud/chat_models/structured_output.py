"""Makes a runnable whose output has the form of a schema.

The model answers with text (the API's structured outputs) or by calling a tool, and which of
the two may depend on the route that answers; one parser takes both. A reply that was cut off
or refused is an error that carries it, never a partial result.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from difflib import get_close_matches
from operator import itemgetter
from typing import Any, Final, Literal, cast, get_args

from langchain_core.exceptions import ModelRefusalError, OutputParserException
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough

from langchain_claude_cloud.chat_models.output_schema import OutputSchema
from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.schema import is_native, refuse_maps, schema_tool
from langchain_claude_cloud.response.blocks import ArgumentsError, parse_arguments
from langchain_claude_cloud.response.tool_arguments import PartialJsonReader

Method = Literal["json_schema", "function_calling", "json_mode"]

_CUT: Final = {
    "max_tokens": "was cut off at max_tokens; allow more of them",
    "model_context_window_exceeded": "was cut off at the end of the context window",
}


class StructuredOutputError(OutputParserException):
    """A reply does not hold a whole value of the schema.

    Attributes:
        message: The reply.
        raw_message: The same reply, under langchain-core's name.
    """

    def __init__(self, reason: str, message: BaseMessage) -> None:
        told = f"The structured output {reason}. The reply is on the exception as `message`."
        super().__init__(told, llm_output=message.text)
        self.message = message
        self.raw_message: BaseMessage | None = message  # langchain-core's name


class StructuredOutputRefusalError(StructuredOutputError, ModelRefusalError):
    """The model refused to answer; also LangChain's own error for that."""


class StructuredOutputParser(BaseTransformOutputParser[Any]):
    """Reads a value of a schema from a reply; while it streams, as far as it is known.

    Attributes:
        output: The schema; None takes any object.
        tool: The tool whose call is the value; None where the text is. Calls of other tools
            are not: the caller may have bound some.
    """

    output: OutputSchema | None = None
    tool: str | None = None

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Return the value of the schema in a reply.

        Args:
            result: The reply, as the first of a list.
            partial: Whether what is known so far will do; then None if that is nothing.

        Raises:
            StructuredOutputError: The reply is cut, refused or does not fit the schema.
        """
        message = cast("AIMessage", cast("ChatGeneration", result[0]).message)
        if not partial:
            return self._whole(message)
        return self._known(message, PartialJsonReader().feed(message.text))

    def parse(self, text: str) -> Any:
        """Return the value of the schema in a text."""
        return self._whole(AIMessage(text))

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:  # noqa: A002 - core's name
        steps = _Steps(self)
        for chunk in input:
            yield from steps.add(chunk)
        yield from steps.end()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:  # noqa: A002 - core's name
        steps = _Steps(self)
        async for chunk in input:
            for value in steps.add(chunk):
                yield value
        for value in steps.end():
            yield value

    def _known(self, message: AIMessage, args: JsonObject) -> Any:
        """Return what an unfinished reply shows: of a pydantic class, once it validates.

        Args:
            message: The reply.
            args: The object in its text, as far as it is known.
        """
        called = [call["args"] for call in message.tool_calls if call["name"] == self.tool]
        value = called[0] if called else args
        return self.output.read_partial(value) if self.output and value else value or None

    def _whole(self, message: AIMessage) -> Any:
        metadata = message.response_metadata
        # Beside a guardrail's intervention, Claude's own reason still says what was cut.
        stop_reason = metadata.get("model_stop_reason") or metadata.get("stop_reason") or ""
        if stop_reason == "refusal":
            raise StructuredOutputRefusalError(_describe_refusal(message), message)
        if stop_reason in _CUT:
            raise StructuredOutputError(_CUT[stop_reason], message)
        try:
            value = _read(message, self.tool)
            return value if self.output is None else self.output.read(value)
        except ValueError as error:
            reason = f"does not fit the schema: {error}"
            if metadata.get("stop_reason") == "guardrail_intervened":
                reason = f"was blocked or changed by the guardrail of Bedrock, and {reason}"
            raise StructuredOutputError(reason, message) from error


def _describe_refusal(message: AIMessage) -> str:
    """Say that the model refused, with the API's category and text."""
    details = message.response_metadata.get("stop_details") or {}
    category = f" (category {details['category']})" if details.get("category") else ""
    text = f": {details['explanation']}" if details.get("explanation") else ""
    return f"was refused by the model{category}{text}"


def _read(message: AIMessage, tool: str | None) -> JsonObject:
    for call in message.tool_calls:
        if call["name"] == tool:
            return call["args"]
    for broken in message.invalid_tool_calls:
        if broken["name"] == tool:
            raise ArgumentsError(broken["error"] or "invalid arguments")
    if message.tool_calls:
        others = ", ".join(call["name"] for call in message.tool_calls)
        raise ArgumentsError(f"the model called {others} instead: run it and ask again")
    asked = "the model did not call a tool, and " if tool else ""
    if not message.text.strip():
        raise ArgumentsError(f"{asked}its reply has no text")
    try:
        return parse_arguments(message.text)
    except ArgumentsError as error:
        raise ArgumentsError(f"{asked}its text is not JSON ({error})") from None


class _Steps:
    """The values of a reply while it streams: each new one once, the whole one last."""

    def __init__(self, parser: StructuredOutputParser) -> None:
        self._parser = parser
        self._message: Any = None
        self._text = PartialJsonReader()
        self._last: object = None

    def add(self, chunk: str | BaseMessage) -> Iterator[object]:
        """Take a chunk, yield the value if it changed."""
        message = AIMessage(chunk) if isinstance(chunk, str) else chunk
        self._message = message if self._message is None else self._message + message
        args = self._text.feed(message.text)
        if getattr(self._message, "chunk_position", "last") != "last":
            yield from self._new(self._parser._known(self._message, args))  # noqa: SLF001 - its own

    def end(self) -> Iterator[object]:
        """Yield the whole value, unless it was the last one."""
        if self._message is not None:
            yield from self._new(self._parser._whole(self._message))  # noqa: SLF001 - its own

    def _new(self, value: object) -> Iterator[object]:
        if value is not None and value != self._last:
            self._last = value
            yield value


def structured_output(
    model: BaseChatModel,
    schema: JsonObject | type,
    *,
    include_raw: bool,
    method: Method | None,
    strict: bool | None,
    arguments: JsonObject,
) -> Runnable[LanguageModelInput, Any]:
    """Return a runnable that asks a model for a value of a schema; see the model's method."""
    methods = get_args(Method)
    if method is not None and method not in methods:
        raise ValueError(f"method {method!r} is not known: use one of {', '.join(methods)}.")
    for name in arguments:
        if meant := get_close_matches(name, ("include_raw", "method"), 1, 0.75):
            raise InvalidInputError(f"The argument {name!r} is not known: is it {meant[0]!r}?")
    wanted = OutputSchema.of(schema)
    chosen = method or _best_method(model, wanted)
    # langchain-core describes it for tracing, and knows fewer forms.
    described = schema if wanted.is_class and inspect.isclass(schema) else wanted.json_schema
    traced = {"kwargs": {"method": chosen, "strict": strict}, "schema": described}
    asked = {**arguments, "ls_structured_output_format": traced}
    bound: Runnable[LanguageModelInput, AIMessage]
    if chosen == "function_calling":
        own = schema_tool(wanted.name, wanted.json_schema)
        asked = {"tool_choice": wanted.name, "parallel_tool_calls": False, **asked}
        tools = [own, *(asked.pop("tools", None) or ())]
        bound = model.bind_tools(tools, strict=strict, structured_output_tool=True, **asked)
    else:
        refuse_maps(wanted.json_schema, str(wanted.json_schema.get("title", wanted.name)))
        named = {"name": wanted.name, "schema": wanted.json_schema}
        bound = model.bind(response_format={"type": "json_schema", "json_schema": named}, **asked)
    tool = wanted.name if chosen == "function_calling" else None
    parser = StructuredOutputParser(output=wanted, tool=tool)
    return _with_raw(bound, parser) if include_raw else bound | parser


def _best_method(model: BaseChatModel, schema: OutputSchema) -> Method:
    """Return the API's own way where the model has it, and it can give what is asked for.

    It gives no maps, and takes no schema that refers to itself; a tool does. A model that
    cannot be made to call it may answer with text, which is an error then, where a map would
    be empty without a word.
    """
    has_format = (model.profile or {}).get("structured_output")
    return "json_schema" if has_format and is_native(schema.json_schema) else "function_calling"


def _with_raw(
    bound: Runnable[LanguageModelInput, AIMessage], parser: StructuredOutputParser
) -> Runnable[LanguageModelInput, Any]:
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")
