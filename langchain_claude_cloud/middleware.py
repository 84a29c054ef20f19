"""Middleware for agents made with langchain's ``create_agent``.

Needs the extra ``agents`` (langchain).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, Literal, TypeAlias

from langchain_core.messages import AIMessage, HumanMessage, InvalidToolCall, ToolCall, ToolMessage
from langchain_core.messages.utils import AnyMessage
from langchain_core.runnables import RunnableBinding

from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.extras import MissingExtraError
from langchain_claude_cloud.request.messages.turns import INVALID_JSON, PAUSES

try:
    from langchain.agents import middleware
    from langchain.agents.structured_output import StructuredOutputValidationError
    from langgraph.runtime import Runtime
except ModuleNotFoundError as error:
    raise MissingExtraError("Middleware for agents", str(error.name), "agents") from error

__all__ = [
    "DanglingToolCallMiddleware",
    "InvalidToolCallMiddleware",
    "InvalidToolCallsError",
    "PromptCachingMiddleware",
]

State: TypeAlias = "middleware.AgentState[Any]"
Update: TypeAlias = dict[str, Any]
Request: TypeAlias = "middleware.ModelRequest[Any]"
Response: TypeAlias = "middleware.ModelResponse[Any]"


class InvalidToolCallsError(ClaudeCloudError):
    """A model wrote invalid tool calls more often in a row than ``max_attempts`` allows.

    ``partial_message`` is its last answer, with the calls in ``invalid_tool_calls``.
    """


class _ModelCallMiddleware(middleware.AgentMiddleware[State, Any, Any]):
    """Asks the model: a subclass says what is changed before, and what a failure becomes."""

    def wrap_model_call(self, request: Request, handler: Callable[[Request], Response]) -> Response:
        """Ask the model with the changed request.

        Args:
            request: What the model is asked.
            handler: Asks it.

        Returns:
            What it answered.
        """
        try:
            return handler(self._changed(request))
        except StructuredOutputValidationError as error:
            return self._instead_of(error)

    async def awrap_model_call(
        self, request: Request, handler: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Do what `wrap_model_call` does."""
        try:
            return await handler(self._changed(request))
        except StructuredOutputValidationError as error:
            return self._instead_of(error)

    def _changed(self, request: Request) -> Request:
        return request

    def _instead_of(self, error: StructuredOutputValidationError) -> Response:
        raise error


class InvalidToolCallMiddleware(_ModelCallMiddleware):
    """Tells the model which of its tool calls were invalid, and lets it try again.

    Without it, `create_agent` ends its loop at an answer whose only calls are invalid, such
    as one that was cut at ``max_tokens`` in the middle of a file. With it, each invalid call
    gets a ``ToolMessage(status="error")`` that holds what the model wrote and why it is
    invalid. Valid calls of the same answer run.

    The attempts are counted in the messages of the thread. So one instance serves any number of
    threads, and a resumed run continues the count.

    Args:
        max_attempts: How many times in a row the model is asked again, since the last human
            message. 0: never.
        on_exhausted: ``"raise"`` an `InvalidToolCallsError`, or ``"end"`` the run with an
            ``AIMessage`` that says so. In both cases all calls have results, so the thread can be
            continued.
        message: What the model is told about a call. Default: JSON with the raw text as
            ``INVALID_JSON`` and the reason as ``error``.

    Raises:
        ValueError: ``max_attempts`` is negative, or ``on_exhausted`` is not known.
    """

    def __init__(
        self,
        max_attempts: int = 2,
        on_exhausted: Literal["raise", "end"] = "raise",
        message: Callable[[InvalidToolCall], str] | None = None,
    ) -> None:
        super().__init__()
        if max_attempts < 0:
            raise ValueError(f"max_attempts is a number of times, not {max_attempts}.")
        if on_exhausted not in ("raise", "end"):
            raise ValueError(f'on_exhausted is "raise" or "end", not {on_exhausted!r}.')
        self.max_attempts = max_attempts
        self.on_exhausted = on_exhausted
        self._message = message or _tell

    @middleware.hook_config(can_jump_to=["model"])
    def after_model(self, state: State, runtime: Runtime[Any]) -> Update | None:
        """Answer the invalid calls of the last AI message.

        Args:
            state: The agent's state.
            runtime: Not used.

        Returns:
            The error results; without a valid call to run first, the way back to the model.
        """
        del runtime
        answer, calls = _unanswered(state["messages"])
        if not calls:
            return None
        back = {} if answer.tool_calls else {"jump_to": "model"}
        return {"messages": [_error_result(call, self._message(call)) for call in calls], **back}

    @middleware.hook_config(can_jump_to=["model"])
    async def aafter_model(self, state: State, runtime: Runtime[Any]) -> Update | None:
        """Do what `after_model` does."""
        return self.after_model(state, runtime)

    @middleware.hook_config(can_jump_to=["end"])
    def before_model(self, state: State, runtime: Runtime[Any]) -> Update | None:
        """Stop a model that has had its attempts.

        This is done here and not where the calls are answered, so that the valid ones have
        run and the thread has a result for each call when the run stops.

        Args:
            state: The agent's state.
            runtime: Not used.

        Returns:
            Nothing, or the end of the run.

        Raises:
            InvalidToolCallsError: The attempts are used up.
        """
        del runtime
        failed = _failed_in_a_row(state["messages"])
        if len(failed) <= self.max_attempts:
            return None
        said = _describe(failed)
        if self.on_exhausted == "end":
            return {"messages": [AIMessage(said)], "jump_to": "end"}
        error = InvalidToolCallsError(f"{said} Raise max_tokens, or allow more max_attempts.")
        error.partial_message = failed[0]
        raise error

    @middleware.hook_config(can_jump_to=["end"])
    async def abefore_model(self, state: State, runtime: Runtime[Any]) -> Update | None:
        """Do what `before_model` does."""
        return self.before_model(state, runtime)

    def _instead_of(self, error: StructuredOutputValidationError) -> Response:
        """Keep an agent with a response format from failing on an answer with invalid calls.

        Such an agent takes every answer without valid calls for its final one, and cannot parse it.
        """
        answer = error.ai_message
        if not answer.invalid_tool_calls or answer.tool_calls:
            raise error  # the output itself is wrong
        return middleware.ModelResponse(result=[answer])


class DanglingToolCallMiddleware(_ModelCallMiddleware):
    """Repairs the requests of threads whose history the API would refuse.

    If a run is cancelled, or if the user answers an interrupt with a new message, tool calls are
    left without a result, and the API refuses every later request. This middleware sends an error
    result for each such call. Some models also refuse a history that ends with an AIMessage, such
    as a worker's answer that a supervisor passes on. For them it adds a short user message.

    Only the request is changed, in the same way each time. The messages of the thread stay as they
    are, so a result that comes later is still used: it is sent right behind its call.

    Args:
        message: What the model is told about a call that nobody answered.
        continuation: The user message that is added after an AIMessage at the end, for models that
            cannot continue one. None: such a history raises an error.
    """

    def __init__(
        self,
        message: Callable[[ToolCall], str] | None = None,
        continuation: str | None = "Continue.",
    ) -> None:
        super().__init__()
        self.continuation = continuation
        self._message = message or _tell_unanswered

    def _changed(self, request: Request) -> Request:
        messages = self._answered(request.messages)
        if self.continuation and _needs_user_turn(messages, request.model):
            messages.append(HumanMessage(self.continuation))
        if [*map(id, messages)] == [*map(id, request.messages)]:
            return request
        return request.override(messages=messages)

    def _answered(self, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Return the messages, with one result of each call right behind its answer.

        A call's first result counts; ids of calls may be the same in several answers.
        """
        callers: dict[str | None, int] = {}
        results: dict[tuple[int, str | None], ToolMessage] = {}
        moved: set[int] = set()
        for index, message in enumerate(messages):
            if isinstance(message, AIMessage):
                callers |= {call["id"]: index for call in message.tool_calls}
            elif isinstance(message, ToolMessage) and message.tool_call_id in callers:
                results.setdefault((callers[message.tool_call_id], message.tool_call_id), message)
                moved.add(index)
        repaired: list[AnyMessage] = []
        for index, message in enumerate(messages):
            if index in moved:
                continue
            repaired.append(message)
            for call in message.tool_calls if isinstance(message, AIMessage) else ():
                result = results.get((index, call["id"]))
                repaired.append(result or _error_result(call, self._message(call)))
        return repaired


class PromptCachingMiddleware(_ModelCallMiddleware):
    """Caches what an agent sends again with every step: tools, system prompt, conversation.

    It sets ``prompt_caching`` for calls of `ChatClaudeCloud`, which then places the cache
    breakpoints; messages and tools stay as they are. It does not change other models, nor a model
    or call that sets its own caching.

    Args:
        ttl: How long the cache is kept after its last use.
        min_messages: With fewer messages, the system prompt counted, nothing is cached.

    Raises:
        ValueError: The API does not know the ``ttl``.

    If you also use `ModelFallbackMiddleware`, put this one after it in the list: it must see the
    model that is finally asked.
    """

    def __init__(self, ttl: Literal["5m", "1h"] = "5m", min_messages: int = 0) -> None:
        super().__init__()
        if ttl not in ("5m", "1h"):
            raise ValueError(f"ttl is one of 5m, 1h, not {ttl!r}.")
        self.ttl = ttl
        self.min_messages = min_messages

    def _changed(self, request: Request) -> Request:
        count = len(request.messages) + (request.system_message is not None)
        model, bound = _own_model(request.model)
        if count < self.min_messages or model is None or model.prompt_caching is not None:
            return request
        settings = (request.model_settings, *bound)
        if any(given.get("prompt_caching") is not None for given in settings):
            return request
        changed = {**request.model_settings, "prompt_caching": self.ttl}
        return request.override(model_settings=changed)


def register_deepagents_profile() -> None:
    """Register middleware that caches the prompts of `ChatClaudeCloud` with deepagents.

    It caches prompts of ChatAnthropic, Bedrock's Converse API and some others, but knows no other
    classes. It finds this function by the entry-point group ``deepagents.harness_profiles``, and
    looks profiles up by the provider of a model, which is ``anthropic`` for ChatAnthropic as well:
    the middleware leaves that one alone.
    """
    from deepagents import HarnessProfile, register_harness_profile  # noqa: PLC0415  # not required

    profile = HarnessProfile(extra_middleware=lambda: [PromptCachingMiddleware()])
    register_harness_profile("anthropic", profile)


def _own_model(model: object) -> tuple[ChatClaudeCloud | None, list[Mapping[str, object]]]:
    """Return the model of ours that is asked, if it is one, and what is bound to it."""
    bound: list[Mapping[str, object]] = []
    while isinstance(model, RunnableBinding):
        bound.append(model.kwargs)
        model = model.bound
    return model if isinstance(model, ChatClaudeCloud) else None, bound


def _needs_user_turn(messages: Sequence[AnyMessage], asked: object) -> bool:
    """Whether a history ends with an answer that the model cannot continue.

    The API itself continues an answer that it paused.
    """
    last = messages[-1] if messages else None
    if not isinstance(last, AIMessage) or last.response_metadata.get("stop_reason") in PAUSES:
        return False
    model, _ = _own_model(asked)
    routes = model._routes_for() if model else ()  # noqa: SLF001 - ours
    known = [route.resolve_in(route.known_region) for route in routes]
    return not all(resolved.capabilities.prefill for resolved in known)


def _error_result(call: ToolCall | InvalidToolCall, text: str) -> ToolMessage:
    return ToolMessage(text, tool_call_id=call["id"] or "", name=call["name"], status="error")


def _tell_unanswered(call: ToolCall) -> str:
    """Return the error result of a call that nobody answered."""
    return f"{call['name']} was not run, or did not finish: the run was interrupted."


def _unanswered(messages: Sequence[AnyMessage]) -> tuple[AIMessage, list[InvalidToolCall]]:
    """Return the last AI message and those of its invalid calls that have no result."""
    answered: set[str | None] = {None, ""}
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            return message, [c for c in message.invalid_tool_calls if c["id"] not in answered]
        if not isinstance(message, ToolMessage):
            break
        answered.add(message.tool_call_id)
    return AIMessage(""), []


def _failed_in_a_row(messages: Sequence[AnyMessage]) -> list[AIMessage]:
    """Return the last AI messages that all have invalid calls, the newest first."""
    turn = takewhile(lambda each: not isinstance(each, HumanMessage), reversed(messages))
    answers = (each for each in turn if isinstance(each, AIMessage))
    return list(takewhile(lambda answer: answer.invalid_tool_calls, answers))


def _tell(call: InvalidToolCall) -> str:
    """Return an error result as the package writes it for calls that nobody answered."""
    told = {INVALID_JSON: call["args"] or "", "error": call["error"] or "invalid arguments"}
    return json.dumps(told, ensure_ascii=False)


def _describe(failed: Sequence[AIMessage]) -> str:
    """Say what happened, in one or two sentences."""
    calls = failed[0].invalid_tool_calls
    names = ", ".join(sorted({call["name"] or "a tool" for call in calls}))
    reasons = "; ".join(sorted({call["error"] or "invalid arguments" for call in calls}))
    times = "once" if len(failed) == 1 else f"{len(failed)} times in a row"
    told = f"The model called {names} with invalid arguments {times}"
    return f"{told}. What was wrong last: {reasons}."
