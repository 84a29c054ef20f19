"""The rules of each Claude model, derived from its id: what it supports and what it refuses.

Written apart from the package's own catalogue on purpose: a wrong capability there must be
refused here. Sizes and the names of inference profiles are the catalogue's. Other facts:
platform.claude.com's overview of models and migration guides, and the pages of Bedrock and
Vertex AI, of October and November 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from langchain_claude_cloud.catalogue.models import ModelInfo, find, newest_of_family
from langchain_claude_cloud.errors.types import BedrockApiName, Cloud

_ORDER_A = re.compile(
    r"claude-(?P<family>[a-z]+)-(?P<major>\d+)(?:-(?P<minor>\d{1,2}))?"
    r"(?:[@-](?P<date>\d{8}|default))?(?:-v\d+(?::\d+)?)?(?:@default)?"
)
_ORDER_B = re.compile(
    r"claude-(?P<major>\d)(?:-(?P<minor>\d))?-(?P<family>[a-z]+)(?:-v2)?"
    r"(?:[@-](?P<date>\d{8}))?(?:-v\d+(?::\d+)?)?"
)
_NEWEST = (99, 0)
_ALWAYS_THINKS = frozenset({"fable", "mythos"})
_CURRENT = frozenset({"opus", "sonnet", "haiku", "fable", "mythos"})

_OFF_UP_TO_HIGH = (("opus", (5, 0)), ("haiku", (5, 5)), ("sonnet", (5, 5)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRules:
    """What one model takes.

    Attributes:
        name: The id without cloud decoration, as responses name the model.
        family: ``opus``, ``sonnet``, ...
        version: Major and minor number.
    """

    name: str
    family: str
    version: tuple[int, int]

    @property
    def legacy(self) -> bool:
        """Whether Bedrock serves it from the older stack (4.6 and before)."""
        return self.version <= (4, 6)

    @property
    def always_thinks(self) -> bool:
        """Whether thinking cannot be turned off."""
        if self.family in _ALWAYS_THINKS:
            return True
        return self.family == "opus" and self.version >= (5, 5)

    @property
    def thinks_by_default(self) -> bool:
        """Whether a request that does not mention thinking gets it."""
        return self.always_thinks or self.version >= (5, 0)

    @property
    def thinking_types(self) -> frozenset[str]:
        """The accepted values of ``thinking.type``."""
        if self.always_thinks:
            return frozenset({"adaptive"})
        if self.family == "sonnet" and self.version >= (5, 5):
            return frozenset({"adaptive", "between_tools"})
        if self.version >= (4, 7):
            return frozenset({"adaptive", "disabled"})
        if self.version == (4, 6):
            return frozenset({"adaptive", "enabled", "disabled"})
        if self.version >= (3, 7):
            return frozenset({"enabled", "disabled"})
        return frozenset({"disabled"})

    @property
    def omits_thinking_text(self) -> bool:
        """Whether ``display`` defaults to ``omitted``."""
        return self.version >= (4, 7)

    @property
    def effort_levels(self) -> tuple[str, ...]:
        """The accepted values of ``output_config.effort``."""
        if self.version >= (4, 7):
            return ("low", "medium", "high", "xhigh", "max")
        if self.version == (4, 6):
            return ("low", "medium", "high", "max")
        return ("low", "medium", "high") if self._is("opus", (4, 5)) else ()

    @property
    def sampling(self) -> bool:
        """Whether non-default sampling parameters are taken (under the older API versions)."""
        return self.version <= (4, 6)

    @property
    def one_sampling_parameter(self) -> bool:
        """Whether temperature and top_p exclude each other."""
        return self.version >= (4, 1)

    @property
    def forced_tool_choice(self) -> bool:
        """Whether ``tool_choice`` any and tool are taken."""
        if self.family in _ALWAYS_THINKS:
            return self.version < (5, 1)
        return self.family == "haiku" or self.version < (5, 5)

    @property
    def prefill(self) -> bool:
        """Whether the conversation may end with an assistant message."""
        return self.version < (4, 6)

    @property
    def hides_talk_between_tools(self) -> bool:
        """Whether text between tool calls comes as thinking."""
        return self.always_thinks or self.version >= (5, 5)

    @property
    def off_up_to_high(self) -> bool:
        """Whether thinking can be turned off, or down, only up to effort ``high``."""
        return any(self._is(*model) for model in _OFF_UP_TO_HIGH)

    @property
    def binds_thinking(self) -> bool:
        """Whether thinking is bound to the conversation, at least for new accounts."""
        return self.always_binds_thinking or (
            self.family not in _ALWAYS_THINKS and self.version >= (5, 5)
        )

    @property
    def always_binds_thinking(self) -> bool:
        """Whether thinking is bound to the conversation for every account."""
        return self.family in _ALWAYS_THINKS and self.version >= (5, 2)

    def structured_output(self, cloud: Cloud, api: BedrockApiName = "invoke") -> bool:
        """Whether ``output_config.format`` and strict tools are taken."""
        if api == "claude-platform":
            return self.version >= (4, 5)
        if cloud == "bedrock" and api != "invoke":
            return False
        if cloud == "bedrock" and (4, 7) <= self.version < (5, 0):
            return False
        return self.version >= (4, 5)

    def computer_tool(self, cloud: Cloud) -> bool:
        """Whether the computer tools of before the toolset are taken."""
        is_new = self.family not in _ALWAYS_THINKS and self.version >= (5, 5)
        return cloud == "bedrock" or not is_new

    def mid_conversation_system(self, cloud: Cloud) -> bool:
        """Whether messages may have the role ``system``."""
        if cloud == "bedrock" and self._is("sonnet", (5, 0)):
            return False
        return self.version >= (4, 8)

    @property
    def context_window(self) -> int:
        """Tokens of context, without a beta."""
        return self._row.context_window

    @property
    def max_output(self) -> int:
        """The largest accepted ``max_tokens``."""
        return self._row.max_output_tokens

    def is_retired(self, cloud: Cloud) -> bool:
        """Whether the cloud says itself that it does not serve the model any more."""
        told = self._row.lifecycles.get(cloud)
        return told is not None and told.status == "retired"

    @property
    def bedrock_prefixes(self) -> frozenset[str]:
        """What Bedrock's inference profiles of the model start with; empty if that is not known."""
        row = find(self.name)
        return frozenset(row.bedrock_prefixes if row is not None else ())

    @property
    def min_cacheable(self) -> int:
        """Tokens below which a prompt is silently not cached."""
        if self.version in {(4, 6), (4, 5)} and self.family != "sonnet":
            return 4_096
        if self.version == (4, 7):
            return 2_048
        if self.version >= (5, 0) and self.family != "sonnet":
            return 512
        return 1_024

    @property
    def _row(self) -> ModelInfo:
        return find(self.name) or newest_of_family(self.name)

    def _is(self, family: str, version: tuple[int, int]) -> bool:
        return (self.family, self.version) == (family, version)


@cache
def rules_for(model: str) -> ModelRules | None:
    """Return the rules of a Claude id (``claude-...``), or None if it is no such id.

    A model that the table does not know has the rules of the newest of its family; what looks
    like a misspelled family, and ``-latest``, is not known: a test is to find that.
    """
    if _is_misspelled(model):
        return None
    match = _ORDER_A.fullmatch(model) or _ORDER_B.fullmatch(model)
    if match is None:
        known = re.fullmatch(r"claude-[a-z0-9-]+(?:@[a-z0-9]+)?", model)
        family = next((word for word in model.split("-") if word in _CURRENT), "")
        return ModelRules(name=model, family=family, version=_NEWEST) if known else None
    version = (int(match["major"]), int(match["minor"] or 0))
    return ModelRules(name=_plain(model), family=match["family"], version=version)


def _is_misspelled(model: str) -> bool:
    words = re.findall(r"[a-z]+", model.removeprefix("claude-").partition("@")[0])
    near = [word for word in words if word not in _CURRENT and get_close_matches(word, _CURRENT)]
    return bool(near) or "latest" in words  # an alias of the first-party API alone


def _plain(model: str) -> str:
    name = re.sub(r"-v\d+(?::\d+)?$", "", model) if not model.endswith("-v2") else model
    return name.removesuffix("@default").replace("@", "-")
