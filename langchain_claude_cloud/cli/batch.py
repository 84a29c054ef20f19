"""The commands ``batch ...``: many prompts from a file."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from langchain_claude_cloud.cli.common import CloudName, CommandError, Target

batch = typer.Typer(
    help="Answer many prompts from a file.", no_args_is_help=True, rich_markup_mode=None
)


@batch.callback()
def _group() -> None:
    """Answer many prompts from a file."""


@batch.command()
def run(
    inputs: Annotated[str, typer.Argument(help="A .jsonl, .csv or .parquet file.")],
    output: Annotated[str, typer.Argument(help="A .jsonl or .sqlite file.")],
    *,
    platform: Annotated[CloudName | None, typer.Option(help="Which cloud.")] = None,
    model: Annotated[str | None, typer.Option(help="The model.")] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    schema: Annotated[
        str | None, typer.Option(help="A file with a JSON schema that answers follow.")
    ] = None,
    requests_per_minute: Annotated[float | None, typer.Option(help="At most.")] = None,
) -> None:
    """Answer the prompts in a file; run it again to answer what is missing.

    The status is 1 if an input failed or the run was interrupted.
    """
    from langchain_claude_cloud.batch import run as run_batch  # noqa: PLC0415  # the model

    report = run_batch(
        _runnable(Target(platform, model), system, schema),
        inputs,
        output,
        requests_per_minute=requests_per_minute,
    )
    raise typer.Exit(int(bool(report.failed or report.interrupted)))


def _runnable(target: Target, system: str | None, schema: str | None) -> Any:  # noqa: ANN401 - of any output
    from langchain_core.messages import SystemMessage  # noqa: PLC0415  # the model
    from langchain_core.messages.utils import convert_to_messages  # noqa: PLC0415  # the model
    from langchain_core.runnables import RunnableLambda  # noqa: PLC0415  # the model

    from langchain_claude_cloud.chat_models import ChatClaudeCloud  # noqa: PLC0415  # the model

    llm = ChatClaudeCloud(model=target.model_name, platform=target.config())
    runnable: Any = llm if schema is None else llm.with_structured_output(_schema(schema))
    if system is None:
        return runnable

    async def add_system(prompt: Any) -> Any:  # noqa: ANN401 - what the file holds
        return [
            SystemMessage(system),
            *convert_to_messages([prompt] if isinstance(prompt, str) else prompt),
        ]

    return RunnableLambda(add_system) | runnable


def _schema(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # as the user wrote it
            schema: dict[str, Any] = json.load(file)
    except ValueError as error:
        raise CommandError(f"{path} is no JSON schema: {error}") from error
    return schema
