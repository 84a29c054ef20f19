"""Small requests to a cloud that show whether a model can be used as applications use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final, Literal, get_args

from langchain_core.messages import AIMessage

from langchain_claude_cloud.calls.executors import run
from langchain_claude_cloud.calls.lookup import ask
from langchain_claude_cloud.catalogue.bedrock import bedrock_apis
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli.activity_logging import (
    PERMISSIONS,
    SUBJECT,
    ask_about_logging,
)
from langchain_claude_cloud.cli.common import with_options
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConnectionFailedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)
from langchain_claude_cloud.errors.types import BedrockApiName, Cloud
from langchain_claude_cloud.routing.routes import Route

Outcome = Literal["ok", "failed", "warning", "not tried"]

_POLICY: Final = "allowedPartnerModelFeatures"
_OPTIONS: Final[dict[str, dict[type[ClaudeCloudError], tuple[str, ...]]]] = {
    "vertex": {
        PermissionDeniedError: ("--project", "--model"),
        NotFoundError: ("--project", "--region", "--model"),
        RateLimitError: ("--region",),
        ConnectionFailedError: ("--region",),
    },
    "bedrock": {
        AuthenticationError: ("--profile", "--region"),
        PermissionDeniedError: ("--profile", "--region", "--model"),
        NotFoundError: ("--region", "--model"),
        RateLimitError: ("--region",),
        ConnectionFailedError: ("--region",),
    },
}
"""Which options of the command may change the outcome."""
_STREAMS: Final = {
    "vertex": "The same permission serves calls and streams on Vertex AI: look for a perimeter, "
    "a deny rule or a gateway that holds back streamRawPredict.",
    "bedrock": "Streams need the permission bedrock:InvokeModelWithResponseStream.",
}
"""What to do where calls are allowed, and streams are not."""
_NOTES: Final = {
    "name": "save_note",
    "description": "Save a note.",
    "input_schema": {
        "type": "object",
        "properties": {"note": {"type": "string"}},
        "required": ["note"],
    },
}
_SCHEMA: Final = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one request.

    Attributes:
        name: What was tried.
        outcome: Whether it worked; a warning is no hindrance.
        detail: What was seen, or what to do.
    """

    name: str
    outcome: Outcome
    detail: str


def tell(error: ClaudeCloudError, cloud: Cloud) -> str:
    """Return an error in words, with the options of the command that may help."""
    told = f"{type(error).__name__}: {error}"
    options = _OPTIONS[cloud].get(type(error))
    if options is None:
        return with_options(told)
    return f"{told} Options that may help: {', '.join(options)}."


def probe(config: Vertex | Bedrock, name: str, resolved: ResolvedModel) -> Iterator[Check]:
    """Ask a cloud, request by request; none follows the first one that fails.

    Args:
        config: The cloud.
        name: The model, as the user calls it.
        resolved: The model, as the cloud does.
    """
    llm = ChatClaudeCloud(
        model=name, platform=config, max_tokens=1_024, max_retries=1, timeout={"total": 60.0}
    )
    yield _listed(llm, resolved)
    required: tuple[tuple[str, Callable[[ChatClaudeCloud], str]], ...] = (
        ("call", _call),
        ("stream", _stream),
    )
    for what, trying in required:
        check = _tried(what, trying, llm, config.cloud)
        yield check
        if check.outcome == "failed":
            return
    yield _tool_arguments(llm, config.cloud)
    if resolved.capabilities.structured_output:
        yield _structured_output(llm)
    if isinstance(config, Bedrock):
        yield from _other_apis(config, llm)


def logged(route: Route) -> Check:
    """Whether the cloud keeps requests and answers; who may call need not be let to ask."""
    name = "activity logging"
    try:
        asking = ask(
            route,
            ask_about_logging,
            subject=SUBJECT,
            permissions=PERMISSIONS[route.config.cloud],
            max_retries=0,
        )
        found = run(asking)
    except ClaudeCloudError as error:
        return Check(name, "warning", f"not known, and not needed: {error}")
    if found.is_on:
        where = f": {' and '.join(found.destinations)}" if found.destinations else ""
        return Check(name, "ok", f"on{where}; keep at least 30 days of it")
    page = f"docs/tutorials/{route.config.cloud}.md"
    advice = f"off; Anthropic recommends that you keep at least 30 days: see section 6 of {page}"
    return Check(name, "warning", advice)


def _other_apis(config: Bedrock, llm: ChatClaudeCloud) -> Iterator[Check]:
    """Whether the identity may use Bedrock's other APIs, none of which is needed."""
    for api in get_args(BedrockApiName):
        if api == config.api or bedrock_apis()[api].headers:  # which only its users can set
            continue
        name = f"api={api!r}"
        try:
            other = llm.model_copy(update={"platform": config.through(api), "max_retries": 0})
            yield Check(name, "ok", _call(other))
        except ClaudeCloudError as error:
            reason = f"{type(error).__name__}, status {error.status_code}"
            yield Check(name, "warning", f"cannot be used, and is not needed: {reason}")


def _listed(llm: ChatClaudeCloud, resolved: ResolvedModel) -> Check:
    """Whether the control plane lists the model; who may call need not be let to list."""
    try:
        models = llm.list_models()
    except ClaudeCloudError as error:
        return Check(
            "listing", "warning", f"could not be read, and is not needed: {type(error).__name__}"
        )
    wanted = {resolved.model_id, resolved.base_id}
    found = next((each for each in models if wanted & {each.id, *each.model_ids}), None)
    if found is None:
        detail = f"{resolved.model_id} is not among the {len(models)} models that are listed"
        return Check("listing", "warning", detail)
    until = f", until {found.end_of_life}" if found.end_of_life else ""
    outcome: Outcome = "warning" if found.end_of_life or found.status == "legacy" else "ok"
    return Check(
        "listing", outcome, f"listed among {len(models)} models, {found.status or 'active'}{until}"
    )


def _tried(
    what: str, ask: Callable[[ChatClaudeCloud], str], llm: ChatClaudeCloud, cloud: Cloud
) -> Check:
    try:
        return Check(what, "ok", ask(llm))
    except ClaudeCloudError as error:
        denied = what == "stream" and isinstance(error, PermissionDeniedError)
        hint = f" {_STREAMS[cloud]}" if denied else ""
        return Check(what, "failed", tell(error, cloud) + hint)


def _call(llm: ChatClaudeCloud) -> str:
    return f"answered{_tokens(llm.invoke('Answer with the word: ok'))}"


def _stream(llm: ChatClaudeCloud) -> str:
    chunks = list(llm.stream("Count from one to twenty, in words."))
    return f"answered in {len(chunks)} chunks{_tokens(_sum(chunks))}"


def _tool_arguments(llm: ChatClaudeCloud, cloud: Cloud) -> Check:
    name, ask = "tool arguments", llm.bind_tools([_NOTES])
    prompt = "Call save_note once. The note counts from one to thirty, in words."
    try:
        chunks = list(ask.stream(prompt))
    except ClaudeCloudError as error:
        return Check(name, "failed", tell(error, cloud))
    pieces = sum(bool(getattr(chunk, "tool_call_chunks", None)) for chunk in chunks)
    if not _sum(chunks).tool_calls:
        return Check(name, "warning", "not known: the model made no call")
    if pieces <= 2:  # noqa: PLR2004  # the call's name, and everything
        return Check(name, "warning", "came in one piece, not as they were written")
    return Check(name, "ok", f"streamed in {pieces} pieces, as they are written")


def _structured_output(llm: ChatClaudeCloud) -> Check:
    name = "structured output"
    config = {"output_config": {"format": {"type": "json_schema", "schema": _SCHEMA}}}
    asking = llm.model_copy(update={"model_kwargs": {**llm.model_kwargs, **config}})
    try:
        asking.invoke("Give the word: ok")
    except ClaudeCloudError as error:
        if _POLICY in str(error):
            detail = (
                f"a policy of the organization forbids it (constraints/vertexai.{_POLICY}): "
                "with_structured_output asks with a tool instead. To allow it, add this model's "
                "feature `structured_outputs` to the constraint."
            )
            return Check(name, "warning", detail)
        return Check(name, "warning", f"{type(error).__name__}: {error}")
    return Check(name, "ok", "native")


def _sum(chunks: list[Any]) -> AIMessage:
    """Return the whole answer."""
    merged: AIMessage = reduce(add, chunks)
    return merged


def _tokens(answer: AIMessage) -> str:
    used = answer.usage_metadata
    return f", {used['input_tokens']} tokens in, {used['output_tokens']} out" if used else ""
