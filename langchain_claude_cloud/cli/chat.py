"""The command ``chat``: a conversation with a model, line by line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
    messages_to_dict,
)
from rich.console import Console

from langchain_claude_cloud.catalogue.resolution import unknown_model_note
from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli import common
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.cost import Cost
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError

_QUIT: Final = frozenset({"/quit", "/exit"})
_HELP: Final = """\
/help         show this
/model NAME   continue with another model; without a name, say which one answers
/save FILE    write the conversation to a file, as JSON of LangChain's messages
/quit         end (or Ctrl-D)
Ctrl-C stops an answer. Arrow keys edit a line and bring back earlier ones."""


def run_chat(console: Console, target: common.Target, *, system: str | None, emulator: bool) -> int:
    """Talk until the input ends.

    Args:
        console: Where answers go; questions are read from stdin.
        target: Whom to ask.
        system: A system prompt.
        emulator: Whether to talk to an emulator, started here.

    Returns:
        0, or 1 if the last question was not answered.

    Raises:
        ConfigurationError: Nothing says which cloud to ask, or what it was told is refused.
    """
    if sys.stdin.isatty():
        with suppress(ImportError):  # not on Windows
            import readline  # noqa: F401, PLC0415  # makes input() edit lines and remember them
    with _platform(target, emulator=emulator) as platform:
        chat = Chat(console, ChatClaudeCloud(model=target.model_name, platform=platform), system)
        chat.introduce(common.CLOUD_NAMES[platform.cloud])
        for line in _lines(console):
            chat.take(line)
    return 1 if chat.has_failed else 0


@contextmanager
def _platform(target: common.Target, *, emulator: bool) -> Iterator[Vertex | Bedrock]:
    if not emulator:
        yield target.config()
        return
    from langchain_claude_cloud.testing import CloudEmulator  # noqa: PLC0415  # an extra

    with CloudEmulator(event_delay=0.01) as running:
        is_bedrock = target.platform is common.CloudName.BEDROCK
        yield running.bedrock() if is_bedrock else running.vertex()


def _lines(console: Console) -> Iterator[str]:
    # readline must print the prompt itself: else it does not know where the line begins.
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        try:
            line = input(prompt).strip()
        except EOFError:
            if prompt:
                console.print()
            return
        except KeyboardInterrupt:
            console.print()
            continue
        if line in _QUIT:
            return
        if line:
            yield line


class Chat:
    """A conversation.

    Args:
        console: Where answers go.
        model: Whom to ask.
        system: A system prompt.

    Attributes:
        has_failed: Whether the last question was not answered.
    """

    def __init__(self, console: Console, model: ChatClaudeCloud, system: str | None) -> None:
        self._console = console
        self._model = common.showing_thinking(model)
        self._history: list[BaseMessage] = [SystemMessage(system)] if system else []
        self._told: set[str] = set()
        self._is_thinking = False
        self.has_failed = False

    def introduce(self, cloud: str) -> None:
        """Say who answers."""
        words = f"{self._model.model} on {cloud}. /help lists commands, Ctrl-D ends."
        self._console.print(words, style="dim")
        self._say_if_unknown()

    def _say_if_unknown(self) -> None:
        """Say that the catalogue does not have the model, and what may be meant."""
        if note := unknown_model_note(self._model.model):
            self._complain(note)

    def take(self, line: str) -> None:
        """Do what a line says: a command, or a question."""
        command, _, rest = line.partition(" ")
        if command == "/help":
            self._console.print(_HELP, style="dim", markup=False)
        elif command == "/model":
            self._change_model(rest.strip())
        elif command == "/save":
            self._save(rest.strip())
        elif command.startswith("/") and "/" not in command[1:]:
            self._complain(f"There is no command {command}. /help lists them.")
        else:
            self._ask(line)

    def _complain(self, words: str) -> None:
        self._console.print(words, style="red", markup=False)

    def _change_model(self, name: str) -> None:
        try:
            if name:
                platform = self._model.platform
                self._model = common.showing_thinking(
                    ChatClaudeCloud(model=name, platform=platform)
                )
            self._console.print(self._model.model, style="dim", markup=False)
            self._say_if_unknown()
        except ClaudeCloudError as error:
            self._complain(str(error))

    def _save(self, name: str) -> None:
        if not name:
            self._complain("Give a file: /save conversation.json")
            return
        text = json.dumps(messages_to_dict(self._history), ensure_ascii=False, indent=2)
        try:
            Path(name).expanduser().write_text(text, encoding="utf-8")
        except OSError as error:
            self._complain(str(error))
        else:
            words = f"{len(self._history)} messages written to {name}"
            self._console.print(words, style="dim", markup=False)

    def _ask(self, question: str) -> None:
        """Print the answer and remember both; forget the question if it failed."""
        self.has_failed = True
        asked = [*self._history, HumanMessage(question)]
        try:
            answer = self._print_answer(asked)
        except ConfigurationError:
            raise  # it would fail again
        except ClaudeCloudError as error:
            self._complain(f"\n{type(error).__name__}: {error}")
        except KeyboardInterrupt:
            self._console.print("\n(stopped)", style="dim")
        else:
            self.has_failed = False
            self._history = [*asked, message_chunk_to_message(answer)]

    def _print_answer(self, history: list[BaseMessage]) -> AIMessage:
        answer = None
        for chunk in self._model.stream(history):
            self._print_chunk(chunk)
            answer = chunk if answer is None else answer + chunk
        if not isinstance(answer, AIMessage):
            raise ClaudeCloudError("The answer was empty.")
        self._console.print()
        self._console.print(f"({common.describe_usage(answer)})", style="dim", markup=False)
        self._say_once(common.price_of(answer))
        return answer

    def _say_once(self, price: Cost | None) -> None:
        """Say what the price table does not know, the first time that it matters."""
        for note in price.notes if price else ():
            if note not in self._told:
                self._told.add(note)
                self._console.print(note, style="dim", markup=False)

    def _print_chunk(self, chunk: AIMessage) -> None:
        for block in chunk.content_blocks:
            if block["type"] == "reasoning" and block.get("reasoning"):
                self._console.print(
                    block["reasoning"], end="", style="dim", markup=False, soft_wrap=True
                )
                self._is_thinking = True
        if chunk.text and self._is_thinking:
            self._console.print()
            self._is_thinking = False
        self._console.print(chunk.text, end="", markup=False, soft_wrap=True)
        for call in chunk.tool_call_chunks if isinstance(chunk, AIMessageChunk) else ():
            name = f"\n{call['name']} " if call["name"] else ""
            words = f"{name}{call['args'] or ''}"
            self._console.print(words, end="", style="cyan", markup=False, soft_wrap=True)
