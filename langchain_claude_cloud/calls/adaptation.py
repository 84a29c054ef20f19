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
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import Final

from langchain_claude_cloud.calls.memory import HOUR, MEMORY
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
from langchain_claude_cloud.request.schema import is_native, schema_tool
from langchain_claude_cloud.request.tools import FINE_GRAINED_BETA

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
    r"messages\.\d+\.content\.\d+: (?:invalid `?(?:data|signature)`? in `?(?:redacted_)?thinking`? "
    r"block|`?thinking`? or .{,40} in the latest assistant message cannot be (?P<changed>modified))"
)
_PREFIX: Final = re.compile(
    r"\A(?:(?:the model returned the following errors|validationexception|[a-z]+(?:-ai)? error"
    r"|an error occurred \(\w+\) when calling the \w+ operation): ?)+",
    re.IGNORECASE,
)
"""What Bedrock, AWS's library and gateways such as Portkey write before what Claude said."""

LIMIT: Final = "max_tokens above "
"""What the names of features begin with that are limits of answers."""

_CONTEXT_1M: Final = "context-1m-2025-08-07"
_NAMED_BETAS: Final = re.compile(r"unexpected value\(s\) (.+?) for the `anthropic-beta` header")
"""Vertex AI names the betas that it does not know (claude-code#34802)."""

_UNNAMED_BETAS: Final = re.compile(r"invalid beta flag")
"""Bedrock does not say which (claude-code#49648)."""

_LIMITS: Final = (
    re.compile(r"max_tokens: (?P<asked>\d+) > (?P<limit>\d+)"),
    re.compile(r"the maximum tokens you requested exceeds the model limit of (?P<limit>\d+)"),
)
_NOT_SUPPORTED: Final = (
    r"(?:extra inputs are not permitted|[^\n]{0,120}?\bnot (?:yet |currently )?supported\b"
    r"|[^\n]{0,80}?\bdoes not support\b)"
)


@dataclass
class Adaptation:
    """What one call asks for, and what it does without.

    Attributes:
        asked: What the call asks for.
        is_structured: Whether the package binds a tool for a schema.
        place: The endpoint that the request goes to.
        model: The model on its cloud.
        sent: What is sent of what the call asks for.
        known: What the endpoint is known not to take.
    """

    asked: RequestOptions
    is_structured: bool = False
    place: Hashable = None
    model: ResolvedModel = field(init=False)
    sent: RequestOptions = field(init=False)
    known: frozenset[str] = frozenset()
    _is_sent: bool = False
    _for_this_call: frozenset[str] = frozenset()
    _first: InvalidRequestError | None = None
    _room: int | None = None
    _widened: bool = False
    _resends: int = 0

    @property
    def default_max_tokens(self) -> int | None:
        """The ``max_tokens`` that the package chose; None where the user did."""
        if self.asked.max_tokens is not None or "max_tokens" in self.asked.model_kwargs:
            return None
        return self.sent.max_tokens or self.model.info.max_output_tokens

    def settle(self, place: Hashable, model: ResolvedModel) -> RequestOptions:
        """Return the options as this endpoint takes them, as far as that is known."""
        self.place, self.model, self._is_sent = place, model, True
        self.known = MEMORY.unsupported.get(place) or frozenset()
        known = self.known | self._for_this_call
        options = self.asked
        if known:
            options = self._without(known)
        limits = [int(name.removeprefix(LIMIT)) for name in known if name.startswith(LIMIT)]
        limits += [self._room] if self._room else []
        shorter = MEMORY.max_tokens.get(place)
        limits += [shorter] if shorter and not options.has_thinking_budget() else []
        if options.max_tokens is None and limits:
            options = replace(options, max_tokens=min(limits))
        if options.output_format is not None and (
            "output_config.format" in known
            or not model.capabilities.structured_output
            or not is_native(options.output_format["schema"])
        ):
            options = _format_as_tool(options, options.output_format)
        self.sent = options
        return options

    def _without(self, known: frozenset[str]) -> RequestOptions:
        options = replace(self.asked, refused=known)
        if "eager_input_streaming" in known:
            options = replace(options, fine_grained_tool_streaming=False)
        if "disable_parallel_tool_use" in known and self.is_structured:
            options = replace(options, parallel_tool_calls=None)
        has_no_field = "bound_thinking" in self._for_this_call and "block_binding" in known
        if "thinking" in known or has_no_field:
            options = replace(options, bound_thinking="leave_out")
        elif "bound_thinking" in known and "block_binding" not in known:
            options = replace(options, bound_thinking="drop_block")
        return options

    def start_over(self) -> None:
        """Note that the request was answered: what is refused from now on is another one."""
        self._first, self._widened, self._resends = None, False, 0

    def react(self, error: ClaudeCloudError) -> ClaudeCloudError | None:
        """Learn from an error, which is what the last request ended in.

        Returns:
            None if the same is to be sent again, adapted; else the error that counts: a
            request that the package had changed by itself does not hide the first refusal.
        """
        is_sent, self._is_sent = self._is_sent, False
        if not isinstance(error, InvalidRequestError | PermissionDeniedError | RateLimitError):
            return error  # it says nothing about what was sent
        text = message_of(error).lower()
        is_refused = not isinstance(error, RateLimitError) or "long context" in text
        if self._first is not None and is_refused:
            if self._widened:
                MEMORY.no_long_context.put(self.place, value=True, seconds=NO_LONG_CONTEXT_SECONDS)
            return self._first
        is_learned = is_sent and self._resends < _MOST_RESENDS and self._learns(error, text)
        self._is_sent = False  # `_learns` settles the options once more, to compare them
        if not is_learned:
            return error
        self._resends += 1
        return None

    def _learns(self, error: ClaudeCloudError, text: str) -> bool:
        """Whether the request is to be sent again in another form."""
        if isinstance(error, RateLimitError):
            return error.is_retryable and self._fits_small_quota(text)
        if isinstance(error, InvalidInputError):
            return False
        # Another call, under way at the same time, may have been quicker to learn it.
        sent = self.sent
        is_known = self.settle(self.place, self.model) != sent
        if is_known or self._learns_of_endpoint(error, text):
            return True
        return isinstance(error, InvalidRequestError) and self._changes_call(error, text)

    def _changes_call(self, error: InvalidRequestError, text: str) -> bool:
        """Whether this call alone is changed: its length, its history or its schema."""
        if isinstance(error, ContextOverflowError):
            self._first = error if self._makes_room(text) else None
            return self._first is not None
        bound = _BOUND_THINKING.match(text)
        if bound:
            return self._unbinds_thinking(error, may_be_dropped=not bound["changed"])
        is_about_schema = _ABOUT_FORMAT.match(text) or _TOO_COMPLEX.search(text)
        if self.sent.output_format is None or not is_about_schema:
            return False
        self._first = error
        return self._notes("output_config.format", error, "the schema is sent as a tool")

    def _learns_of_endpoint(self, error: ClaudeCloudError, text: str) -> bool:
        """Remember what an endpoint does not support; return whether anything is new."""
        news = _unsupported(text, self) - self.known
        if news:
            self._remember(news)
            where = f"{self.model.model_id} on {LABELS[self.model.cloud]}"
            what = f"{', '.join(sorted(news))} is left out for {where}"
            _log(error, what, f"the next {REMEMBERED_SECONDS / HOUR:.0f} hours")
            return True
        if "invalid beta flag" in text and self.known:
            # Those of the package had been left out: it was not them.
            own = own_betas(replace(self.sent, refused=frozenset()), self.model)
            MEMORY.unsupported.put(self.place, self.known - own, REMEMBERED_SECONDS)
        return False

    def _makes_room(self, text: str) -> bool:
        found = _NO_ROOM.search(text)
        if found and self.default_max_tokens == int(found[2]):
            room = int(found[3]) - int(found[1])
            if room > 0:
                self._room = room
                return True
        can = self.model.capabilities.context_1m == "beta"
        if self.asked.context_1m is None and can and not MEMORY.no_long_context.get(self.place):
            self.asked = replace(self.asked, context_1m=True)
            self._widened = True
            return True
        return False

    def _unbinds_thinking(self, error: InvalidRequestError, *, may_be_dropped: bool) -> bool:
        """Let thinking be dropped that is bound to another prefix, or that somebody changed.

        Args:
            error: The refusal.
            may_be_dropped: Whether the cloud can do so; else, and if it refuses to, it is left out.
        """
        is_tried = self.sent.bound_thinking != "send" or "block_binding" in self.sent.refused
        if may_be_dropped and not is_tried:
            self._remember({"bound_thinking"})
            return self._notes("bound_thinking", error, "the cloud is told to ignore that thinking")
        if self.sent.bound_thinking != "leave_out":
            return self._notes("thinking", error, "thinking is left out of the history")
        return False

    def _fits_small_quota(self, text: str) -> bool:
        """Whether a shorter answer may fit into a quota of tokens, if the package chose its length.

        Bedrock counts ``max_tokens`` against the quota when a request begins. So the default is
        what the model can, as agents that write files want it; and where that does not fit, a
        quarter, down to 4,096.
        """
        chosen = self.default_max_tokens
        is_of_tokens = self.model.cloud == "bedrock" and "token" in text
        has_budget = self.asked.has_thinking_budget()
        if not is_of_tokens or has_budget or chosen is None or chosen <= SHORTEST_DEFAULT:
            return False
        shorter = max(SHORTEST_DEFAULT, chosen // 4)
        known = MEMORY.max_tokens.get(self.place)
        if known and known < chosen:
            return True  # by another call, under way at the same time
        MEMORY.max_tokens.put(self.place, shorter, SMALL_QUOTA_SECONDS)
        logger.warning(
            "Amazon Bedrock counts max_tokens against the token quota. The default for %s is %d "
            "instead of %d for the next %.0f minutes. Set max_tokens to choose it yourself.",
            self.model.model_id,
            shorter,
            chosen,
            SMALL_QUOTA_SECONDS / 60,
        )
        return True

    def _notes(self, feature: str, error: InvalidRequestError, what: str) -> bool:
        self._for_this_call |= {feature}
        _log(error, what, "this call")
        return True

    def _remember(self, features: set[str]) -> None:
        MEMORY.unsupported.update(
            self.place, lambda known: (known or frozenset()) | features, REMEMBERED_SECONDS
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that the package adds, and how a cloud says that it does not take it.

    Attributes:
        feature: What it is called in the memory and in the log.
        words: The start of what the cloud says, in lower case.
        is_own: Whether the package added it.
    """

    feature: str
    words: re.Pattern[str]
    is_own: Callable[[Adaptation], bool]


def _field(path: str, key: str) -> re.Pattern[str]:
    """Return how the API, and Bedrock's own validation, refuse a field."""
    return re.compile(
        rf"(?:{path}): {_NOT_SUPPORTED}"
        rf"|malformed input request: #[^:]*: extraneous key \[(?:{key})\] is not permitted"
    )


RULES: Final = (
    Rule(
        "eager_input_streaming",
        _field(r"tools\.\d+\.(?:\w+\.)?eager_input_streaming", "eager_input_streaming"),
        lambda call: bool(
            call.sent.tools
            and call.sent.fine_grained_tool_streaming
            and call.model.capabilities.fine_grained_tools != "none"
        ),
    ),
    Rule(
        "output_config.format",
        re.compile(
            _field(
                r"output_config(?:\.format)?(?:\.type)?|output_format", "output_(?:config|format)"
            ).pattern
            + r"|malformed input request: #/output_config: extraneous key \[format\]"
            r"|structured outputs? (?:is|are) not (?:yet )?supported"
            r"|(?s:.*)constraints/vertexai\.allowedpartnermodelfeatures\b(?s:.*)structured_outputs"
        ),
        lambda call: call.sent.output_format is not None,
    ),
    Rule(
        "tool_choice",
        re.compile(r"tool_choice\b[^\n]*\bnot supported"),
        lambda call: call.asked.tool_choice is None and call.sent.tool_choice is not None,
    ),
    Rule(
        "automatic_caching",
        re.compile(
            rf"cache_control\W+{_NOT_SUPPORTED}"
            r"|malformed input request: #: extraneous key \[cache_control\]"
        ),
        lambda call: bool(call.sent.cache_control) and call.model.capabilities.automatic_caching,
    ),
    Rule(
        "disable_parallel_tool_use",
        _field(r"tool_choice(?:\.\w+)*\.disable_parallel_tool_use", "disable_parallel_tool_use"),
        lambda call: call.is_structured and call.sent.parallel_tool_calls is False,
    ),
    Rule(
        "block_binding",
        _field(r"thinking(?:\.\w+)*\.block_binding(?:\.\w+)*", "block_binding"),
        lambda call: call.sent.bound_thinking == "drop_block",
    ),
)
"""What the package adds by itself, but for betas and limits. The words are matched at the start
of what the cloud says: a message that only quotes them concerns something else."""


def _unsupported(text: str, call: Adaptation) -> set[str]:
    """Return what the package had added by itself, and a refusal says is not supported."""
    found = {rule.feature for rule in RULES if rule.words.match(text) and rule.is_own(call)}
    return found | _limit(text, call) | _betas(text, call)


def _limit(text: str, call: Adaptation) -> set[str]:
    """Return the limit of answers that a refusal names, where the package chose what was sent."""
    chosen = call.default_max_tokens
    for pattern in _LIMITS:
        found = pattern.match(text)
        if found and chosen and found.groupdict().get("asked", str(chosen)) == str(chosen):
            return {f"{LIMIT}{found['limit']}"}
    return set()


def _betas(text: str, call: Adaptation) -> set[str]:
    """Return which betas are refused: those named, or all of the package's own."""
    named = _NAMED_BETAS.match(text)
    if not named and not _UNNAMED_BETAS.match(text):
        return set()
    users = {_CONTEXT_1M} if call.asked.context_1m else set()
    own = own_betas(call.sent, call.model) - users
    if named:
        return set(own & set(re.findall(r"[^`,\s]+", named[1])))
    # The one that no feature depends on goes first.
    fine_grained = own & {FINE_GRAINED_BETA}
    return set(fine_grained or own)


def message_of(error: ClaudeCloudError) -> str:
    """Return what the cloud itself said, without the package's explanation of it."""
    parsed = getattr(error.args[0] if error.args else None, "parsed", None)
    text = str(getattr(parsed, "message", "") or error.body or error).strip()
    return _PREFIX.sub("", text)


def _log(error: ClaudeCloudError, what: str, how_long: str) -> None:
    cloud = LABELS[error.platform] if error.platform else "The cloud"
    said = shorten(message_of(error), 200)
    logger.warning('%s said: "%s". For %s, %s.', cloud, said, how_long, what)


def _format_as_tool(options: RequestOptions, output_format: JsonObject) -> RequestOptions:
    """Ask for the schema by a tool that must be called, where the format is refused."""
    tool = schema_tool(STRUCTURED_OUTPUT_TOOL, output_format["schema"])
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
