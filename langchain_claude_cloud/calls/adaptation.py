"""Sends a request again without a field that the package added and the cloud refused.

The catalogue lists what a model supports on each cloud, but the clouds change faster. So if a
refusal names something that the package added, the request is sent once more without it. What the
user asked for is never left out: neither a beta or field that the user set, nor the feature that
needs a beta.

There are two kinds of refusals. "This field is not supported" holds for the endpoint and this
identity, and is remembered for some hours, by `Route.place`. A complaint about one schema, one
history or one length holds only for this call.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.calls.unsupported_features import LIMIT, Sent, unsupported_features
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ContextOverflowError,
    InvalidInputError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitError,
)
from langchain_claude_cloud.errors.types import LABELS, STRUCTURED_OUTPUT_TOOL, JsonObject
from langchain_claude_cloud.request.body import RequestOptions, own_betas
from langchain_claude_cloud.request.schema import refers_to_itself, schema_tool

logger = logging.getLogger("langchain_claude_cloud")

REMEMBERED_SECONDS: Final = 6 * HOUR
"""How long it is remembered that an endpoint does not support something."""

NO_LONG_CONTEXT_SECONDS: Final = HOUR
"""How long a refused context of 1M tokens is not asked for again."""

SMALL_QUOTA_SECONDS: Final = 600.0
"""How long answers are kept shorter after a quota of tokens ran out."""

SHORTEST_DEFAULT: Final = 4096
"""How short the default ``max_tokens`` becomes at most for a small quota of tokens."""

_MOST_RESENDS: Final = 6
_NO_ROOM: Final = re.compile(
    r"input length and `?max_tokens`? exceed context limit: (\d+) \+ (\d+) > (\d+)"
)
_TOO_COMPLEX: Final = re.compile(
    r"schema is too complex|compiled grammar is too large|too many parameters with union types"
    r"|too many optional parameters"
)
_ABOUT_FORMAT: Final = re.compile(r"output_config\.format\b|output_format\b")
_BOUND_THINKING: Final = re.compile(
    r"messages\.\d+\.content\.\d+: invalid `?signature`? in `?(?:redacted_)?thinking`? block"
)
_PREFIX: Final = re.compile(r"(?:the model returned the following errors: ?)")


@dataclass
class Adaptation:
    """What one call asks for, and what it does without.

    Attributes:
        asked: What the call asks for.
        is_structured: Whether the package binds a tool for a schema.
    """

    asked: RequestOptions
    is_structured: bool = False
    _for_this_call: frozenset[str] = frozenset()
    _sent: Sent | None = None
    _first: InvalidRequestError | None = None
    _widened: bool = False
    _resends: int = 0

    def settle(self, place: Hashable, model: ResolvedModel) -> RequestOptions:
        """Return the options as this endpoint takes them, as far as that is known."""
        known = (MEMORY.unsupported.get(place) or frozenset()) | self._for_this_call
        options = self.asked
        if known:
            options = _without(options, known, is_structured=self.is_structured)
        if "bound_thinking" in self._for_this_call and "block_binding" in known:
            options = replace(options, bound_thinking="leave_out")
        if options.max_tokens is None:
            options = replace(options, max_tokens=MEMORY.max_tokens.get(place))
        if options.output_format is not None and (
            "output_config.format" in known
            or not model.capabilities.structured_output
            or refers_to_itself(options.output_format["schema"])
        ):
            options = _format_as_tool(options, options.output_format)
        self._sent = Sent(self.asked, options, model, self.is_structured)
        return options

    def react(self, error: ClaudeCloudError, place: Hashable) -> ClaudeCloudError | None:
        """Learn from an error.

        Args:
            error: What the last request ended in.
            place: The endpoint.

        Returns:
            None if the same is to be sent again, adapted; else the error that counts: a
            request that the package had changed by itself does not hide the first refusal.
        """
        sent, self._sent = self._sent, None
        if not isinstance(error, InvalidRequestError | PermissionDeniedError | RateLimitError):
            return error  # it says nothing about what was sent
        text = message_of(error).lower()
        is_refused = not isinstance(error, RateLimitError) or "long context" in text
        if self._first is not None and is_refused:
            if self._widened:
                _remember(place, {"context_1m"}, NO_LONG_CONTEXT_SECONDS)
            return self._first
        if (
            sent is None
            or self._resends >= _MOST_RESENDS
            or not self._learns(error, text, sent, place)
        ):
            return error
        self._resends += 1
        return None

    def _learns(self, error: ClaudeCloudError, text: str, sent: Sent, place: Hashable) -> bool:
        """Whether the request is to be sent again in another form."""
        if isinstance(error, RateLimitError):
            return error.is_retryable and _fits_small_quota(text, sent, place)
        if isinstance(error, InvalidInputError):
            return False
        # Another call, under way at the same time, may have been quicker to learn it.
        is_known = self.settle(place, sent.model) != sent.options
        if is_known or _learns_of_endpoint(error, text, sent, place):
            return True
        return isinstance(error, InvalidRequestError) and self._changes_call(
            error, text, sent, place
        )

    def _changes_call(
        self, error: InvalidRequestError, text: str, sent: Sent, place: Hashable
    ) -> bool:
        """Whether this call alone is changed: its length, its history or its schema."""
        if isinstance(error, ContextOverflowError):
            made_room = self._makes_room(text, sent, place)
            self._first = error if made_room else None
            return made_room
        if _BOUND_THINKING.match(text):
            return self._unbinds_thinking(error, sent, place)
        is_about_schema = _ABOUT_FORMAT.match(text) or _TOO_COMPLEX.search(text)
        if sent.options.output_format is None or not is_about_schema:
            return False
        self._first = error
        return self._notes("output_config.format", error, "the schema is sent as a tool")

    def _makes_room(self, text: str, sent: Sent, place: Hashable) -> bool:
        found = _NO_ROOM.search(text)
        if found and sent.default_max_tokens == int(found[2]):
            room = int(found[3]) - int(found[1])
            if room > 0:
                self.asked = replace(self.asked, max_tokens=room)
                return True
        known = MEMORY.unsupported.get(place) or frozenset()
        can = sent.model.capabilities.context_1m == "beta" and "context_1m" not in known
        if self.asked.context_1m is None and can:
            self.asked = replace(self.asked, context_1m=True)
            self._widened = True
            return True
        return False

    def _unbinds_thinking(self, error: InvalidRequestError, sent: Sent, place: Hashable) -> bool:
        """Let thinking that is bound to another prefix be dropped: by the cloud, else here."""
        known = (MEMORY.unsupported.get(place) or frozenset()) | self._for_this_call
        if sent.options.bound_thinking == "send" and "block_binding" not in known:
            _remember(place, {"bound_thinking"}, REMEMBERED_SECONDS)
            self._for_this_call |= {"bound_thinking"}
            return self._notes("bound_thinking", error, "the cloud is told to ignore the thinking")
        if sent.options.bound_thinking != "leave_out":
            return self._notes("thinking", error, "thinking is left out of the history")
        return False

    def _notes(self, feature: str, error: InvalidRequestError, what: str) -> bool:
        self._for_this_call |= {feature}
        _log(error, what, "this call")
        return True


def message_of(error: ClaudeCloudError) -> str:
    """Return what the cloud itself said, without the package's explanation of it."""
    parsed = getattr(error.args[0] if error.args else None, "parsed", None)
    text = str(getattr(parsed, "message", "") or error.body or error).strip()
    return text[_match.end() :] if (_match := _PREFIX.match(text.lower())) else text


def _without(
    options: RequestOptions, known: frozenset[str], *, is_structured: bool
) -> RequestOptions:
    options = replace(options, refused=known)
    if "eager_input_streaming" in known:
        options = replace(options, fine_grained_tool_streaming=False)
    if "disable_parallel_tool_use" in known and is_structured:
        options = replace(options, parallel_tool_calls=None)
    if "thinking" in known:
        options = replace(options, bound_thinking="leave_out")
    elif "bound_thinking" in known and "block_binding" not in known:
        options = replace(options, bound_thinking="drop_block")
    limits = [int(name.removeprefix(LIMIT)) for name in known if name.startswith(LIMIT)]
    if options.max_tokens is None and limits:
        options = replace(options, max_tokens=min(limits))
    return options


def _learns_of_endpoint(error: ClaudeCloudError, text: str, sent: Sent, place: Hashable) -> bool:
    """Remember what an endpoint does not support; return whether anything is new."""
    known = MEMORY.unsupported.get(place) or frozenset()
    news = unsupported_features(text, sent) - known
    if news:
        _remember(place, news, REMEMBERED_SECONDS)
        where = f"{sent.model.model_id} on {LABELS[sent.model.cloud]}"
        what = f"{', '.join(sorted(news))} is left out for {where}"
        _log(error, what, f"the next {REMEMBERED_SECONDS / HOUR:.0f} hours")
        return True
    if "invalid beta flag" in text and known:
        # Those of the package had been left out: it was not them.
        own = own_betas(replace(sent.options, refused=frozenset()), sent.model)
        MEMORY.unsupported.put(place, known - own, REMEMBERED_SECONDS)
    return False


def _log(error: ClaudeCloudError, what: str, how_long: str) -> None:
    logger.warning("%.200s: for %s, %s.", message_of(error), how_long, what)


def _remember(place: Hashable, features: set[str], seconds: float) -> None:
    MEMORY.unsupported.update(place, lambda known: (known or frozenset()) | features, seconds)


def _fits_small_quota(text: str, sent: Sent, place: Hashable) -> bool:
    """Whether a shorter answer may fit into a quota of tokens, where the package chose the length.

    Bedrock counts ``max_tokens`` against the quota when a request begins. So the default is what
    the model can, as agents that write files want it; and where that does not fit, a quarter,
    down to 4,096.
    """
    chosen = sent.default_max_tokens
    is_of_tokens = sent.model.cloud == "bedrock" and "token" in text
    has_budget = isinstance(sent.asked.thinking, int | dict)
    if not is_of_tokens or has_budget or chosen is None or chosen <= SHORTEST_DEFAULT:
        return False
    shorter = max(SHORTEST_DEFAULT, chosen // 4)
    MEMORY.max_tokens.put(place, shorter, SMALL_QUOTA_SECONDS)
    logger.warning(
        "Amazon Bedrock counts max_tokens against the token quota. The default for %s is %d "
        "instead of %d for the next %.0f minutes. Set max_tokens to choose it yourself.",
        sent.model.model_id,
        shorter,
        chosen,
        SMALL_QUOTA_SECONDS / 60,
    )
    return True


def _format_as_tool(options: RequestOptions, output_format: JsonObject) -> RequestOptions:
    """Ask for the schema by a tool that must be called, where the format is refused."""
    schema = output_format["schema"]
    tool = schema_tool(STRUCTURED_OUTPUT_TOOL, schema)
    forced: JsonObject | None
    forced = {"type": "any"} if options.tools else {"type": "tool", "name": tool["name"]}
    if "tool_choice" in options.refused:
        forced = None
    return replace(
        options,
        output_format=None,
        tools=(*options.tools, tool),
        tool_choice=options.tool_choice or forced,
    )
