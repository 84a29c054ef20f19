"""What the commands share: the terminal, and which platform they talk to."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer
from langchain_core.messages import AIMessage
from rich.console import Console

from langchain_claude_cloud.catalogue.resolution import unknown_model_note
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.cost import Cost, cost_of
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.routing.platforms import choose_platforms
from langchain_claude_cloud.routing.routes import make_routes

if TYPE_CHECKING:
    from langchain_claude_cloud.chat_models import ChatClaudeCloud

DEFAULT_MODEL: Final = "claude-sonnet-5-5"
"""What is asked when neither an option nor ``ANTHROPIC_MODEL`` names a model."""

CLOUD_NAMES: Final = {"vertex": "Vertex AI", "bedrock": "Amazon Bedrock"}

_WIDE: Final = 160


class CloudName(StrEnum):
    """A value of ``--platform``."""

    VERTEX = "vertex"
    BEDROCK = "bedrock"


Platform: TypeAlias = Annotated[
    CloudName | None,
    typer.Option(
        help="Which cloud. Default: chosen by CLAUDE_CODE_USE_VERTEX=1 or "
        "CLAUDE_CODE_USE_BEDROCK=1, else by the form of the model's id.",
        show_default=False,
    ),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="A catalogue name, an exact id, or an ARN. Default: ANTHROPIC_MODEL, else "
        f"{DEFAULT_MODEL}."
    ),
]
Project: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Google Cloud project (Vertex AI). Default: ANTHROPIC_VERTEX_PROJECT_ID, "
        "GOOGLE_CLOUD_PROJECT, or the credentials' own."
    ),
]
Region: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Region, on either cloud. Default: CLOUD_ML_REGION, else global, on Vertex AI; "
        "AWS_REGION, or the profile's, on Bedrock."
    ),
]
Profile: TypeAlias = Annotated[
    str | None, typer.Option(help="AWS profile (Bedrock). Default: AWS_PROFILE.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The options that several commands have."""


class CommandError(Exception):
    """A command cannot do its work; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a command was told about the platform; None leaves it to the environment.

    Attributes:
        platform: The cloud.
        model: The model.
        project: The Google Cloud project.
        region: The region, of either cloud.
        profile: The AWS profile.
    """

    platform: CloudName | None = None
    model: str | None = None
    project: str | None = None
    region: str | None = None
    profile: str | None = None

    @property
    def model_name(self) -> str:
        """The model to ask for."""
        return self.model or os.environ.get("ANTHROPIC_MODEL") or DEFAULT_MODEL

    def chat_model(self) -> ChatClaudeCloud:
        """Return the model; say on stderr if the catalogue does not have it, and what may be meant.

        Raises:
            ConfigurationError: Nothing says which cloud, or an option is of the other one.
        """
        from langchain_claude_cloud.chat_models import ChatClaudeCloud  # noqa: PLC0415  costs start

        config = self.config()
        if note := unknown_model_note(self.model_name):
            sys.stderr.write(f"claude-cloud: {note}\n")
        return ChatClaudeCloud(model=self.model_name, platform=config)

    def config(self, platform: CloudName | None = None) -> Vertex | Bedrock:
        """Return the platform that the options, or else the environment, choose.

        Args:
            platform: In place of the option.

        Raises:
            ConfigurationError: Nothing says which cloud, or an option is of the other one.
        """
        name = platform or self.platform
        try:
            chosen = choose_platforms(name.value if name else None, self.model_name)
        except ConfigurationError as error:
            problem = re.split(r"[.:] ", str(error))[0]  # the rest is about arguments in Python
            raise ConfigurationError(
                f"{problem}: give --platform vertex or --platform bedrock."
            ) from error
        if isinstance(chosen, Vertex):
            self._refuse("--profile", self.profile, "Vertex AI")
            return Vertex(project=self.project, region=self.region)
        self._refuse("--project", self.project, "Amazon Bedrock")
        return Bedrock(region=self.region, profile=self.profile)

    def _refuse(self, option: str, value: str | None, cloud: str) -> None:
        if value is not None:
            raise ConfigurationError(f"{option} does nothing on {cloud}: leave it out.")


def showing_thinking(llm: ChatClaudeCloud) -> ChatClaudeCloud:
    """Return a model that sends summaries of its thinking, if it thinks unless it is told not to.

    Newer models leave out the text of their thinking if they are not asked for it.
    """
    platform = choose_platforms(llm.platform, llm.model)
    route = make_routes(platform if isinstance(platform, list) else [platform], llm.model)[0]
    takes = route.resolve_in(route.known_region).capabilities
    if takes.thinking_default == "off" or "adaptive" not in takes.thinking_types:
        return llm
    return llm.model_copy(update={"thinking": {"type": "adaptive", "display": "summarized"}})


def with_options(text: str) -> str:
    """Return the text of an error, with the options for the arguments that its advice names."""
    named = [f"--{name}" for name in ("project", "region", "profile") if f"`{name}`" in text]
    return f"{text} Options that may help: {', '.join(named)}." if named else text


def price_of(answer: AIMessage) -> Cost | None:
    """Return what an answer cost; None without the extra ``cost``, or without a price."""
    try:
        return cost_of(answer)
    except ImportError:
        return None


def describe_usage(answer: AIMessage) -> str:
    """Return how many tokens an answer took and what it cost, where that is known."""
    used, price = answer.usage_metadata, price_of(answer)
    if used is None:
        return "no usage"
    counts = f"{used['input_tokens']} tokens in, {used['output_tokens']} out"
    return counts if price is None else f"{counts}, about {price}"


def make_console() -> Console:
    """Return the console: as wide as the terminal; wide where there is none to wrap for."""
    console = Console(highlight=False, emoji=False)
    if console.is_terminal or os.environ.get("COLUMNS"):
        return console
    return Console(highlight=False, emoji=False, width=_WIDE)
