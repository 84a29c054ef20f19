"""`ChatClaudeCloud`: LangChain's chat model interface over calls of a cloud.

This module connects LangChain's methods with `langchain_claude_cloud.calls.driver`, which decides
what a call does, and `langchain_claude_cloud.calls.executors`, which do it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack

from langchain_core.callbacks import BaseRunManager
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.utils import LC_ID_PREFIX
from pydantic import BaseModel

from langchain_claude_cloud import LazyModule
from langchain_claude_cloud.chat_models.fields import ModelBase, safe_to_show
from langchain_claude_cloud.errors.types import JsonObject

if TYPE_CHECKING:
    from langchain_core.tools import base as core_tools
    from langchain_protocol import protocol as core_protocol

    from langchain_claude_cloud.calls import driver, executors, lookup, options, rate_limit, steps
    from langchain_claude_cloud.chat_models import structured_output
    from langchain_claude_cloud.chat_models import token_counting as counting
    from langchain_claude_cloud.chat_models.arguments import ModelArguments
    from langchain_claude_cloud.control_plane import available_models
    from langchain_claude_cloud.platform.http import pool
    from langchain_claude_cloud.request import tools as request_tools
    from langchain_claude_cloud.response import message as answers
else:
    # Annotations name what is in these modules, so that `typing.get_type_hints` finds it:
    # langchain-core asks for the hints of a method when it is called through `with_fallbacks`.
    available_models = LazyModule("langchain_claude_cloud.control_plane.available_models")
    core_protocol = LazyModule("langchain_protocol.protocol")
    core_tools = LazyModule("langchain_core.tools.base")
    counting = LazyModule("langchain_claude_cloud.chat_models.token_counting")
    driver, executors, lookup, options, rate_limit, steps = (
        LazyModule(f"langchain_claude_cloud.calls.{name}")
        for name in ("driver", "executors", "lookup", "options", "rate_limit", "steps")
    )
    answers = LazyModule("langchain_claude_cloud.response.message")
    pool = LazyModule("langchain_claude_cloud.platform.http.pool")
    request_tools = LazyModule("langchain_claude_cloud.request.tools")
    structured_output = LazyModule("langchain_claude_cloud.chat_models.structured_output")

Run: TypeAlias = BaseRunManager | None
"""LangChain's run that a call belongs to, for its callbacks."""

Stop: TypeAlias = list[str] | None
Tool: TypeAlias = "dict[str, Any] | type | Callable[..., Any] | core_tools.BaseTool"


class ChatClaudeCloud(ModelBase):
    """Claude on Vertex AI or Amazon Bedrock.

    Every field that goes into a request is also taken at call time, by ``invoke``, ``stream``
    and ``bind``, under the same name.

    Args:
        model: A catalogue name such as ``claude-sonnet-5-5``, an exact id of the cloud, or an ARN.
            Default: ``ANTHROPIC_MODEL``.
        platform: `Vertex`, `Bedrock`, their names, or a list of them: if one fails, the next is
            tried. Default: ``CLAUDE_CODE_USE_VERTEX``, ``CLAUDE_CODE_USE_BEDROCK``, or the form of
            the model's id.
        max_tokens: The longest answer, in tokens. Default: the model's limit.
        temperature: Not sent to models that refuse it; the same holds for top_p and top_k.
        top_p: See ``temperature``.
        top_k: See ``temperature``.
        stop_sequences: Texts that end the answer. Also ``stop``.
        thinking: ``"adaptive"``, a budget in tokens, or a dict that is sent as it is.
        effort: How much work the model puts into the answer.
        betas: Names of betas. They are always sent.
        fine_grained_tool_streaming: Whether tool arguments stream as they are written.
        context_1m: True always requests the context window of 1M tokens. None requests it only
            after a prompt did not fit, on a model that needs a beta for it.
        context_management: The API's object for context editing, sent as it is.
        prompt_caching: True, ``"5m"`` or ``"1h"``: places cache breakpoints.
        residency: A geography such as ``"eu"`` that no request may leave.
        streaming: True streams internally on ``invoke`` too.
        stream_usage: Whether streamed messages carry usage metadata.
        timeout: Seconds to wait for the start of an answer and between its parts; or a mapping with
            ``connect``, ``start``, ``idle`` and ``total`` (the whole call with its retries).
        max_retries: How often a failed request is sent again, at most.
        requests_per_minute: The most requests to an endpoint in any minute. Instances of the
            process with the same limits share them.
        tokens_per_minute: The most tokens in any minute, counted as in the cloud's quota.
        default_headers: HTTP headers to send in addition to the platform's.
        user_id: An opaque id of the end user, for abuse detection.
        model_kwargs: Fields of the request's body, sent as they are.
        http_client: An httpx client for sync calls.
        http_async_client: An httpx client for async calls.
        url_fetcher: A function that fetches images and documents by URL, in place of the package's
            fetcher.
        api_key: A Bedrock API key or a Google access token, if there is a single platform.
        base_url: The address of a gateway, if there is a single platform.
    """

    if TYPE_CHECKING:  # with the other names of fields, and the values that an argument takes

        def __init__(self, **arguments: Unpack[ModelArguments]) -> None: ...

    def _call(
        self,
        messages: Sequence[BaseMessage],
        stop: Stop,
        arguments: JsonObject,
        run_manager: Run = None,
        *,
        stream: bool,
    ) -> options.Call:
        # These are the keyword arguments of the frames above, which error trackers store.
        arguments.update(safe_to_show(arguments))
        stop = arguments.pop("stop", stop)
        run_manager = arguments.pop("run_manager", run_manager)
        asked = options.read_options(self, arguments, stop=stop, stream=stream)
        self._check_clients()
        limit = rate_limit.RateLimit(self.requests_per_minute, self.tokens_per_minute)
        return options.Call(
            messages=messages,
            options=asked,
            routes=self._routes_for(asked.model, asked.default_headers, asked.bedrock),
            version="v1" if self.output_version == "v1" else "v0",
            with_usage=self.stream_usage or not stream,
            clients=steps.Clients(
                self.http_client, self.http_async_client, self.url_fetcher, run_manager
            ),
            limit=limit if limit == rate_limit.NO_LIMIT else limit.check(),
        )

    def _generate(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Run = None, **kwargs: Any
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs, run_manager, stream=False)
        return _result(executors.run(driver.complete(call), call.clients))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Run = None, **kwargs: Any
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs, run_manager, stream=False)
        return _result(await executors.arun(driver.complete(call), call.clients))

    def _stream(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Run = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs, run_manager, stream=True)
        return executors.execute(_chunks(call), call.clients)

    def _astream(
        self, messages: list[BaseMessage], stop: Stop = None, run_manager: Run = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs, run_manager, stream=True)
        return executors.aexecute(_chunks(call), call.clients)

    def _stream_chat_model_events(
        self, messages: list[BaseMessage], **kwargs: Any
    ) -> Iterator[core_protocol.MessagesData]:
        """Return protocol events; core looks for this hook when v3 events are wanted."""
        call = self._call(messages, None, kwargs, stream=True)
        return executors.execute(_events(call), call.clients)

    def _astream_chat_model_events(
        self, messages: list[BaseMessage], **kwargs: Any
    ) -> AsyncIterator[core_protocol.MessagesData]:
        """Return protocol events; core looks for this hook when v3 events are wanted."""
        call = self._call(messages, None, kwargs, stream=True)
        return executors.aexecute(_events(call), call.clients)

    def bind_tools(
        self,
        tools: Sequence[Tool],
        *,
        tool_choice: str | bool | JsonObject | None = None,
        parallel_tool_calls: bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools to the model.

        Args:
            tools: LangChain tools, pydantic or typed-dict classes, callables, JSON schemas,
                or the API's own dicts, server and client tools included.
            tool_choice: ``"auto"``, ``"any"``, ``"none"``, a tool's name, or the API's object.
            parallel_tool_calls: False allows only one call per answer.
            strict: Whether the API guarantees that arguments fit the schema.
            **kwargs: Arguments of the call.

        Returns:
            The model with the tools bound.

        Raises:
            InvalidInputError: A tool cannot be converted, or the choice names none of them.
        """
        converted = list(request_tools.convert_tools(tools, strict=strict))
        names = [tool["name"] for tool in converted if "name" in tool]
        choice = request_tools.convert_tool_choice(tool_choice, names)
        bound = {"tool_choice": choice, "parallel_tool_calls": parallel_tool_calls}
        given = {name: value for name, value in bound.items() if value is not None}
        return self.bind(tools=converted, **given, **kwargs)

    def with_structured_output(
        self,
        schema: JsonObject | type,
        *,
        include_raw: bool = False,
        method: Literal["json_schema", "function_calling", "json_mode"] | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, JsonObject | BaseModel]:
        """Return a runnable whose output has the form of a schema.

        Args:
            schema: A pydantic class, a typed dict, or a JSON schema.
            include_raw: Whether to return ``raw``, ``parsed`` and ``parsing_error``.
            method: ``json_schema`` (the API's structured outputs) or ``function_calling`` (a tool);
                ``json_mode`` means the same as ``json_schema``. Default: chosen by model and
                schema.
            strict: For ``function_calling``: whether the API guarantees the schema.
            **kwargs: Arguments of the call.

        Raises:
            ValueError: The method is not known.
        """
        return structured_output.structured_output(
            self, schema, include_raw=include_raw, method=method, strict=strict, arguments=kwargs
        )

    def count_tokens(
        self, messages: LanguageModelInput, *, tools: Sequence[Tool] | None = None, **kwargs: Any
    ) -> int:
        """Return how many tokens a prompt has, as the cloud counts them.

        Args:
            messages: The prompt. An empty list has no tokens, and nothing is sent.
            tools: Tools that go with it.
            **kwargs: Arguments of the call that count as tokens.

        Returns:
            The count. It is an `EstimatedCount` if no cloud counts for the model and region, or if
            the identity may not count; the log says so once.

        Raises:
            ClaudeCloudError: The cloud could not be asked, or refused the prompt.
        """
        call = self._count_call(messages, tools, kwargs)
        return executors.run(counting.count(call), call.clients) if call.messages else 0

    async def acount_tokens(
        self, messages: LanguageModelInput, *, tools: Sequence[Tool] | None = None, **kwargs: Any
    ) -> int:
        """Do what `count_tokens` does, on an event loop."""
        call = self._count_call(messages, tools, kwargs)
        return await executors.arun(counting.count(call), call.clients) if call.messages else 0

    def _count_call(
        self, messages: LanguageModelInput, tools: Sequence[Tool] | None, arguments: JsonObject
    ) -> options.Call:
        given = {**arguments, "tools": tools}
        return self._call(self._convert_input(messages).to_messages(), None, given, stream=False)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Tool] | None = None, **kwargs: Any
    ) -> int:
        """Return how many tokens messages have: any slice of a history, such as LangChain trims.

        The cloud is asked once about a list; what is part of it is derived from its count.
        What cannot be sent, or counted now, is estimated: see `chat_models.token_counting`.
        """
        call = self._count_call(messages, tools, kwargs)
        return counting.count_slice(call) if call.messages else 0

    def get_num_tokens(self, text: str) -> int:
        """Return how many tokens a text has as a prompt, as the cloud counts them."""
        return self.count_tokens(text) if text else 0

    def list_models(self) -> tuple[available_models.AvailableModel, ...]:
        """Return the Claude models that the model's platforms list, newest first.

        Amazon Bedrock is asked with ListFoundationModels and ListInferenceProfiles, in the account
        and region of the calls. A model with an inference profile there can be called once the
        account has access to it. Vertex AI is asked for Anthropic's models in Model Garden. It
        lists the published models, whether or not the project has enabled them.

        Returns:
            What each platform lists, in the platforms' order.

        Raises:
            PermissionDeniedError: The identity may not list models; the message names the
                permission.
            ClaudeCloudError: Another refusal, or a control plane was not reached.
        """
        clients = steps.Clients(client=self.http_client)
        return _joined([executors.run(asking, clients) for asking in self._listings()])

    async def alist_models(self) -> tuple[available_models.AvailableModel, ...]:
        """Do what `list_models` does, on an event loop, asking all platforms at once.

        Raises:
            ClaudeCloudError: See `list_models`.
        """
        clients = steps.Clients(async_client=self.http_async_client)
        asking = [asyncio.create_task(executors.arun(each, clients)) for each in self._listings()]
        # All are waited for: a failure leaves nothing running behind.
        await asyncio.gather(*asking, return_exceptions=True)
        return _joined([task.result() for task in asking])

    def _listings(self) -> list[steps.Steps[available_models.Models]]:
        routes = self._routes_for()
        return [lookup.list_models(route, self.max_retries, self.timeout) for route in routes]

    def close(self) -> None:
        """Close the connections to this model's endpoints that threads have kept open."""
        for url in self._addresses():
            pool.close_pools(url)

    async def aclose(self) -> None:
        """Close the connections to this model's endpoints that this event loop has kept open."""
        for url in self._addresses():
            await pool.aclose_pools(url)

    def _addresses(self) -> list[str]:
        ready = [route for route in self._routes_for() if not route.platform.needs_prepare()]
        return [route.platform.endpoint(route.resolved().model_id, "invoke") for route in ready]


def _joined(listed: Sequence[available_models.Models]) -> available_models.Models:
    return tuple(dict.fromkeys(model for models in listed for model in models))


def _chunks(call: options.Call) -> steps.Steps[None]:
    handler = partial(answers.ChunkHandler, version=call.version, with_usage=call.with_usage)
    return driver.CallDriver(call, "stream", handler).steps()


def _events(call: options.Call) -> steps.Steps[None]:
    run, usage = call.clients.run_manager, call.with_usage
    message_id = f"{LC_ID_PREFIX}-{run.run_id}" if run else ""
    handler = partial(answers.ProtocolEventHandler, message_id=message_id, with_usage=usage)
    return driver.CallDriver(call, "stream", handler).steps()


def _result(answer: AIMessage) -> ChatResult:
    """Return an answer in the form that langchain-core expects.

    Tracers such as openinference read the raw usage from ``llm_output`` alone. core merges it
    into the metadata that it is a copy of.
    """
    metadata = dict(answer.response_metadata)
    return ChatResult(generations=[ChatGeneration(message=answer)], llm_output=metadata)
