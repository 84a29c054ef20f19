"""How the demo looks.

In: chunks as they stream, and what became of them. Out: a terminal in which text and
arguments grow; where there is no terminal, the same at its end, with how it grew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from langchain_core.messages import AIMessage, InvalidToolCall
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from langchain_claude_cloud.cli.common import CLOUD_NAMES, CommandError
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors.types import JsonObject

_FRAMING = {
    "vertex": "server-sent events, a bearer token",
    "bedrock": "binary event stream, SigV4 signatures",
}
_REFRESHES = 20
_SHOWN_RAW = 60
_SNAPSHOTS = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One request and its answer.

    Attributes:
        title: What it is called.
        answer: The merged answer.
        sizes: How many characters of arguments were known after each chunk that had some.
        seconds: From the request to the last chunk.
    """

    title: str
    answer: AIMessage
    sizes: tuple[int, ...]
    seconds: float

    @property
    def grew(self) -> bool:
        """Whether the arguments were seen incomplete, and more of them later."""
        return len(set(self.sizes)) > 1


class View:
    """Shows the demo.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.perf_counter()

    def introduce(self, platform: Vertex | Bedrock, model: str, task: str, *, live: bool) -> None:
        """Say what follows."""
        where = "the cloud itself" if live else f"the emulator at {platform.effective_base_url()}"
        self._console.rule(f"[bold]{CLOUD_NAMES[platform.cloud]}[/bold]: {model}")
        self._console.print(Text(f"asking {where}; {_FRAMING[platform.cloud]}", style="dim"))
        self._console.print(Text(f"task: {task}\n"))

    def watch(self, title: str, chunks: Iterator[AIMessage]) -> Step:
        """Show an answer while it streams.

        Args:
            title: What to call it.
            chunks: The answer.

        Returns:
            The step.

        Raises:
            CommandError: There were no chunks.
        """
        start, sizes = time.perf_counter(), []
        answer: AIMessage | None = None
        with self._growing() as show:
            for chunk in chunks:
                answer = chunk if answer is None else _merged(answer, chunk)
                if answer.tool_calls and not _is_last(chunk):
                    sizes.append(len(_plain(answer.tool_calls[-1]["args"])))
                show(_panel(title, answer, done=False))
            if answer is None:
                raise CommandError("The demo failed: an answer had no chunks.")
        self._console.print(_panel(title, answer, done=True))
        step = Step(title, answer, tuple(sizes), time.perf_counter() - start)
        self._print_growth(step)
        return step

    @contextmanager
    def _growing(self) -> Iterator[Callable[[RenderableType], None]]:
        """Give a way to show what is not finished; it vanishes at the end."""
        if not self._console.is_terminal:
            yield lambda _: None
            return
        with Live(console=self._console, refresh_per_second=_REFRESHES, transient=True) as live:
            yield live.update

    def _print_growth(self, step: Step) -> None:
        known = sorted(set(step.sizes))
        used = step.answer.usage_metadata
        if len(known) > 1:
            picked = [known[len(known) * part // _SNAPSHOTS] for part in range(_SNAPSHOTS)]
            grew = " -> ".join(map(str, dict.fromkeys([*picked, known[-1]])))
            self.note(f"arguments grew: {grew} characters, in {len(step.sizes)} chunks")
        if used is not None:
            self.note(f"{used['input_tokens']} tokens in, {used['output_tokens']} out")

    def note(self, text: str) -> None:
        """Say something about the last step."""
        self._console.print(Padding(Text(text, style="dim"), (0, 0, 0, 2)))

    def show_cut(self, broken: InvalidToolCall) -> None:
        """Show a call that is not whole."""
        raw = broken["args"] or ""
        lines = [
            "The answer ended in the middle of the call. It is in invalid_tool_calls, not in",
            "tool_calls, and was not run:",
            f"  name   {broken['name']}",
            f"  args   {_end_of(raw)}  ({len(raw)} characters, as they came)",
            f"  error  {broken['error']}",
            'It is answered with ToolMessage(status="error").',
        ]
        self._console.print(Panel(Text("\n".join(lines)), border_style="red"))

    def show_wire(self, call: JsonObject, result: JsonObject) -> None:
        """Show how the call and its result went back to the model."""
        raw = dict(call.get("input", {}))
        short = {key: _end_of(value) for key, value in raw.items() if isinstance(value, str)}
        blocks = [{**call, "input": {**raw, **short}}, result]
        lines = [json.dumps(block, ensure_ascii=False) for block in blocks]
        title = "how the cut call went back to the model with this step's request"
        self._console.print(Panel(Text("\n".join(lines)), title=title, border_style="yellow"))

    def print_costs(self, steps: Sequence[Step]) -> None:
        """Show what each step cost."""
        table = Table(title="cost in tokens", title_justify="left")
        for name in ("step", "in", "of these cached", "out", "ended by", "seconds"):
            table.add_column(name, justify="left" if name in {"step", "ended by"} else "right")
        for step in steps:
            table.add_row(*_costs(step))
        totals = [sum(_tokens(step)[place] for step in steps) for place in range(3)]
        table.add_section()
        table.add_row("all", *map(str, totals), "", f"{sum(s.seconds for s in steps):.2f}")
        self._console.print(table)
        self._console.print()

    def conclude(self) -> None:
        """Say that all went as it should."""
        seconds = time.perf_counter() - self._start
        self._console.print(Text(f"All steps did what they should, in {seconds:.1f} s.", "green"))


def _merged(answer: AIMessage, chunk: AIMessage) -> AIMessage:
    merged: object = answer + chunk
    if not isinstance(merged, AIMessage):
        raise TypeError(f"chunks of {type(answer).__name__} do not add up to a message")
    return merged


def _is_last(chunk: AIMessage) -> bool:
    return getattr(chunk, "chunk_position", None) == "last"


def _panel(title: str, answer: AIMessage, *, done: bool) -> Panel:
    parts: list[RenderableType] = [Text(answer.text)] if answer.text else []
    for call in answer.tool_calls:
        state = "whole" if done else "being written"
        parts.append(Text(f"{call['name']}({_plain(call['args'])})  [{state}]", style="cyan"))
    parts += [
        Text(f"{broken['name']}({broken['args']}  [cut off]", style="red")
        for broken in answer.invalid_tool_calls
    ]
    return Panel(Group(*parts), title=title, title_align="left")


def _plain(arguments: JsonObject) -> str:
    """Return arguments as they are read best, line breaks and all."""
    return ", ".join(f"{key}={value}" for key, value in arguments.items())


def _end_of(raw: str) -> str:
    return raw if len(raw) <= _SHOWN_RAW else f"... {raw[-_SHOWN_RAW:]}"


def _tokens(step: Step) -> tuple[int, int, int]:
    used = step.answer.usage_metadata
    if used is None:
        return 0, 0, 0
    cached = used.get("input_token_details", {}).get("cache_read", 0)
    return used["input_tokens"], cached, used["output_tokens"]


def _costs(step: Step) -> list[str]:
    reason = str(step.answer.response_metadata.get("stop_reason"))
    return [step.title, *map(str, _tokens(step)), reason, f"{step.seconds:.2f}"]
