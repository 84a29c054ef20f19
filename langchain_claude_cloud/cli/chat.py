"""The command ``chat``: a model, line by line.

In: lines from the terminal or a pipe. Out: answers as they stream, and what each cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from rich.console import Console

from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli.common import CLOUD_NAMES, CloudName, Target
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError

_QUIT = frozenset({"/quit", "/exit"})


def run_chat(console: Console, target: Target, *, system: str | None, emulator: bool) -> None:
    """Talk until the input ends.

    Args:
        console: Where answers go; questions are read from stdin.
        target: Whom to ask.
        system: A system prompt.
        emulator: Whether to talk to an emulator, started here.

    Raises:
        ConfigurationError: Nothing says which cloud to ask, or what it was told is refused.
    """
    with _platform(target, emulator=emulator) as platform:
        model = ChatClaudeCloud(model=target.model_name, platform=platform)
        cloud = CLOUD_NAMES[platform.cloud]
        console.print(f"{model.model} on {cloud}. Ctrl-D or /quit ends it.", style="dim")
        history: list[BaseMessage] = [SystemMessage(system)] if system else []
        for question in _questions(console):
            history = _ask(console, model, [*history, HumanMessage(question)])


@contextmanager
def _platform(target: Target, *, emulator: bool) -> Iterator[Vertex | Bedrock]:
    if not emulator:
        yield target.config()
        return
    from langchain_claude_cloud.testing import CloudEmulator  # noqa: PLC0415  # an extra

    with CloudEmulator(event_delay=0.01) as running:
        is_bedrock = target.platform is CloudName.BEDROCK
        yield running.bedrock() if is_bedrock else running.vertex()


def _questions(console: Console) -> Iterator[str]:
    while True:
        try:
            question = console.input("[bold]> [/bold]").strip()
        except EOFError:
            console.print()
            return
        if question in _QUIT:
            return
        if question:
            yield question


def _ask(console: Console, model: ChatClaudeCloud, history: list[BaseMessage]) -> list[BaseMessage]:
    """Print the answer and return the conversation with it; without the question if it failed."""
    try:
        answer = _print_answer(console, model, history)
    except ConfigurationError:
        raise  # it would fail again
    except ClaudeCloudError as error:
        console.print(f"\n{type(error).__name__}: {error}", style="red", markup=False)
        return history[:-1]
    except KeyboardInterrupt:
        console.print("\n(stopped)", style="dim")
        return history[:-1]
    return [*history, answer]


def _print_answer(
    console: Console, model: ChatClaudeCloud, history: list[BaseMessage]
) -> AIMessage:
    answer = None
    for chunk in model.stream(history):
        console.print(chunk.text, end="", markup=False, soft_wrap=True)
        answer = chunk if answer is None else answer + chunk
    if not isinstance(answer, AIMessage):
        raise ClaudeCloudError("The answer was empty.")
    console.print()
    used = answer.usage_metadata
    if used is not None:
        counts = f"{used['input_tokens']} tokens in, {used['output_tokens']} out"
        console.print(f"({counts})", style="dim")
    return answer
