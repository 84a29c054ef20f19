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
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import Final

from langchain_claude_cloud import errors
from langchain_claude_cloud.calls.memory import HOUR, MEMORY
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.errors.types import LABELS, STRUCTURED_OUTPUT_TOOL, JsonObject
from langchain_claude_cloud.request.body import RequestOptions, own_betas
from langchain_claude_cloud.request.schema import is_native, schema_tool
from langchain_claude_cloud.request.tools import FINE_GRAINED_BETA

logger = logging.getLogger("langchain_claude_cloud")

REMEMBERED_SECONDS: Final = 6 * HOUR
"""How long it is remembered that an endpoint does not support something."""

NO_LONG_CONTEXT_SECONDS: Final = HOUR
"""How long a refused context of 1M tokens is not asked for again."""

_TELLING: Final = (errors.InvalidRequestError, errors.PermissionDeniedError, errors.RateLimitError)
_MOST_RESENDS: Final = 6
_NO_ROOM: Final = re.compile(
    r"input length and `?max_tokens`? exceed context limit: "
    r"(?P<input>\d+) \+ (?P<asked>\d+) > (?P<limit>\d+)"
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

_ABOUT_BETAS: Final = re.compile(
    r"(?:unexpected|unknown|unsupported|invalid) (?:value|beta)|(?:the )?(?:anthropic[_-])?beta\b"
)
"""Vertex AI and gateways name the betas that they do not know (claude-code#34802)."""

_UNNAMED_BETAS: Final = re.compile(r"(?:invalid|unknown|unsupported) beta (?:flag|header|value)")
"""Bedrock does not say which (claude-code#49648)."""

_LIMIT: Final = re.compile(
    r"(?:malformed input request: #/)?max_tokens(?:: | is too large: )(?P<asked>\d+)"
    r"(?: > | is not less or equal to |\. this model supports at most )(?P<limit>\d+)"
    r"|the maximum tokens you requested exceeds the model limit of (?P<most>\d+)"
)
_NOT_SUPPORTED: Final = (
    r"(?:extra inputs are not permitted|[^\n]{0,120}?\bnot (?:yet |currently )?supported\b"
    r"|[^\n]{0,80}?\bdoes not support\b)"
)
_UNKNOWN: Final = (
    r"(?:malformed input request: #[^:]*: |invalid json payload received\. )?"
    r"(?:un(?:known|recognized|supported|expected)|extraneous) (?:request )?"
    r"(?:name|field|key|parameter|argument|property)(?: supplied)?\W{1,3}(?:[\w.\[\]]{1,80}\.)?"
)
"""How Bedrock's own validation, Google's front end and gateways begin, before a field's name."""


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
    _first: errors.ClaudeCloudError | None = None
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
        options = self._without(known) if known else self.asked
        limit = MEMORY.max_tokens.get(place)
        limits = [limit] if limit and limit > options.thinking_budget() else []
        limits += [self._room] if self._room else []
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

    def react(self, error: errors.ClaudeCloudError) -> errors.ClaudeCloudError | None:
        """Learn from an error, which is what the last request ended in.

        Returns:
            None if the same is to be sent again, adapted; else the error that counts: a
            request that the package had changed by itself does not hide the first refusal.
        """
        is_local = isinstance(error, errors.InvalidInputError)
        is_sent, self._is_sent = self._is_sent and not is_local, False
        if not isinstance(error, _TELLING):
            return error  # it says nothing about what was sent
        text = message_of(error).lower()
        is_refused = not isinstance(error, errors.RateLimitError) or "long context" in text
        if self._first is not None and is_refused:
            if self._widened:
                MEMORY.no_long_context.put(self.place, value=True, seconds=NO_LONG_CONTEXT_SECONDS)
            return self._first
        is_learned = is_sent and self._resends < _MOST_RESENDS and self._learns(error, text)
        self._is_sent = False  # `_learns` settles the options once more, to compare them
        if not is_learned:
            if is_refused:
                self._first = None  # a throttle in between changes nothing
            if self.known and _UNNAMED_BETAS.match(text):
                # Those of the package had been left out: it was not them.
                own = own_betas(replace(self.sent, refused=frozenset()), self.model)
                MEMORY.unsupported.put(self.place, self.known - own, REMEMBERED_SECONDS)
            return error
        self._resends += 1
        return None

    def _learns(self, error: errors.ClaudeCloudError, text: str) -> bool:
        """Whether the request is to be sent again: what is known now changes it.

        Another call, under way at the same time, may have been quicker to learn it.
        """
        sent = self.sent
        lessons = [self._learn_of_endpoint, self._learn_of_call]
        if isinstance(error, errors.RateLimitError):
            lessons = [self._fit_small_quota] if error.is_retryable else []
        while self.settle(self.place, self.model) == sent:
            if not lessons:
                return False
            lessons.pop(0)(error, text)
        return True

    def _learn_of_endpoint(self, error: errors.ClaudeCloudError, text: str) -> None:
        """Remember what an endpoint does not support."""
        refused = {name for name in _own_features(self) if re.match(_WORDS[name], text)}
        news = sorted((refused | _betas(text, self)) - self.known)
        self._remember(*news)
        if limit := _limit(text, self):
            MEMORY.max_tokens.put(self.place, limit, REMEMBERED_SECONDS)
            news.append(f"max_tokens above {limit}")
        if news:
            where = f"{self.model.model_id} on {LABELS[self.model.cloud]}"
            _log(error, f"{', '.join(news)} is left out for {where}", "the next 6 hours")

    def _learn_of_call(self, error: errors.ClaudeCloudError, text: str) -> None:
        """Change this call alone: its length, its history or its schema."""
        if isinstance(error, errors.ContextOverflowError):
            self._first = error
            self._make_room(text)
        elif bound := _BOUND_THINKING.match(text):
            self._unbind_thinking(error, may_be_dropped=not bound["changed"])
        elif self.sent.output_format and (_ABOUT_FORMAT.match(text) or _TOO_COMPLEX.search(text)):
            self._first = error
            self._note("output_config.format", error, "the schema is sent as a tool")

    def _make_room(self, text: str) -> None:
        found = _NO_ROOM.search(text)
        room = int(found["limit"]) - int(found["input"]) if found else 0
        if found and room > 0 and self.default_max_tokens == int(found["asked"]):
            self._room = room
            return
        can = self.model.capabilities.context_1m == "beta"
        if self.asked.context_1m is None and can and not MEMORY.no_long_context.get(self.place):
            self.asked = replace(self.asked, context_1m=True)
            self._widened = True

    def _unbind_thinking(self, error: errors.ClaudeCloudError, *, may_be_dropped: bool) -> None:
        """Let thinking be dropped that is bound to another prefix, or that somebody changed.

        Args:
            error: The refusal.
            may_be_dropped: Whether the cloud can do so; else, and if it refuses to, it is left out.
        """
        is_tried = self.sent.bound_thinking != "send" or "block_binding" in self.sent.refused
        if may_be_dropped and not is_tried:
            self._remember("bound_thinking")
            self._note("bound_thinking", error, "the cloud is told to ignore that thinking")
        elif self.sent.bound_thinking != "leave_out":
            self._note("thinking", error, "thinking is left out of the history")

    def _fit_small_quota(self, error: errors.ClaudeCloudError, text: str) -> None:
        """Shorten an answer whose length the package chose, so that a quota of tokens has room.

        Bedrock counts ``max_tokens`` against the quota when a request begins. So the default is
        what the model can, as agents that write files want it; and where that does not fit, a
        quarter, down to 4,096, for the next ten minutes.
        """
        chosen = self.default_max_tokens or 0
        shorter = max(4096, chosen // 4)
        is_of_tokens = self.model.cloud == "bedrock" and "token" in text
        if not is_of_tokens or self.asked.thinking_budget() or shorter >= chosen:
            return
        MEMORY.max_tokens.put(self.place, shorter, 600.0)
        what = f"max_tokens is {shorter} instead of {chosen} by default for {self.model.model_id}"
        why = "as it counts against the token quota: set it to choose it yourself"
        _log(error, f"{what}, {why}", "the next 10 minutes")

    def _note(self, feature: str, error: errors.ClaudeCloudError, what: str) -> None:
        self._for_this_call |= {feature}
        _log(error, what, "this call")

    def _remember(self, *features: str) -> None:
        MEMORY.unsupported.update(
            self.place, lambda known: (known or frozenset()).union(features), REMEMBERED_SECONDS
        )


def _field(path: str, key: str) -> str:
    """Return how a field is refused, or what is in it."""
    return rf"{path}\.{key}(?:\.\w+)*: {_NOT_SUPPORTED}|{_UNKNOWN}{key}\b"


_WORDS: Final = {
    "eager_input_streaming": _field(r"tools\.\d+(?:\.\w+)?", "eager_input_streaming"),
    "output_config.format": rf"(?:output_config(?:\.format)?(?:\.type)?|output_format): "
    rf"{_NOT_SUPPORTED}|{_UNKNOWN}output_(?:config|format)\b"
    r"|malformed input request: #/output_config: extraneous key \[format\]"
    r"|structured outputs? (?:is|are) not (?:yet )?supported"
    r"|[^\n:]{0,80}\bdoes not support (?:structured output|output[ _](?:format|config))"
    r"|(?s:.*)constraints/vertexai\.allowedpartnermodelfeatures\b(?s:.*)structured_outputs",
    "tool_choice": r"tool_choice\b[^\n]*\bnot supported",
    "automatic_caching": rf"cache_control\W+{_NOT_SUPPORTED}"
    r"|malformed input request: #: extraneous key \[cache_control\]",
    "disable_parallel_tool_use": _field(r"tool_choice(?:\.\w+)*", "disable_parallel_tool_use"),
    "block_binding": _field(r"thinking(?:\.\w+)*", "block_binding"),
}
"""What the package adds by itself, but for betas and limits, and how a cloud refuses it: the start
of what it says, in lower case. A message that only quotes the words concerns something else."""


def _own_features(call: Adaptation) -> set[str]:
    """Return what of `_WORDS` the package had added by itself."""
    asked, sent, takes = call.asked, call.sent, call.model.capabilities
    is_eager = sent.fine_grained_tool_streaming and takes.fine_grained_tools != "none"
    added = {
        "eager_input_streaming": sent.tools and is_eager,
        "output_config.format": sent.output_format is not None,
        "tool_choice": asked.tool_choice is None and sent.tool_choice is not None,
        "automatic_caching": sent.cache_control and takes.automatic_caching,
        "disable_parallel_tool_use": call.is_structured and sent.parallel_tool_calls is False,
        "block_binding": sent.bound_thinking == "drop_block",
    }
    return {feature for feature, is_added in added.items() if is_added}


def _limit(text: str, call: Adaptation) -> int | None:
    """Return the limit of answers that a refusal names, where the package chose what was sent."""
    found, chosen = _LIMIT.match(text), call.default_max_tokens
    is_own = found and chosen and int(found["asked"] or chosen) == chosen
    return int(found["limit"] or found["most"]) if found and is_own else None


def _betas(text: str, call: Adaptation) -> set[str]:
    """Return which betas are refused: those named, or all of the package's own."""
    own = own_betas(call.sent, call.model) if _ABOUT_BETAS.match(text) else frozenset()
    if re.search(r"-20\d\d-\d\d-\d\d", text):
        return {beta for beta in own if beta in text}
    if not _UNNAMED_BETAS.match(text):
        return set()
    return set(own & {FINE_GRAINED_BETA} or own)  # the one that no feature depends on goes first


def message_of(error: errors.ClaudeCloudError) -> str:
    """Return what the cloud itself said, without the package's explanation of it."""
    parsed = getattr(error.args[0] if error.args else None, "parsed", None)
    text = str(getattr(parsed, "message", "") or error.body or error).strip()
    return _PREFIX.sub("", text)


def _log(error: errors.ClaudeCloudError, what: str, how_long: str) -> None:
    cloud = LABELS[error.platform] if error.platform else "The cloud"
    said = shorten(message_of(error), 200)
    logger.warning('%s said: "%s". For %s, %s.', cloud, said, how_long, what)


def _format_as_tool(options: RequestOptions, output_format: JsonObject) -> RequestOptions:
    """Ask for the schema by a tool that must be called, where the format is refused."""
    tool = schema_tool(STRUCTURED_OUTPUT_TOOL, output_format["schema"])
    forced = {"type": "any"} if options.tools else {"type": "tool", "name": tool["name"]}
    may_force = "tool_choice" not in options.refused
    return replace(
        options,
        output_format=None,
        tools=(*options.tools, tool),
        tool_choice=options.tool_choice or (forced if may_force else None),
    )
