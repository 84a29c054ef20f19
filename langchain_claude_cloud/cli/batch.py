"""The commands ``batch ...``: many prompts from a file."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from langchain_claude_cloud.cli.common import CloudName, CommandError, Target, make_console

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


@batch.command()
def estimate(  # noqa: PLR0913 - the options of the command; keyword-only
    inputs: Annotated[str, typer.Argument(help="A .jsonl, .csv or .parquet file.")],
    *,
    platform: Annotated[CloudName | None, typer.Option(help="Which cloud.")] = None,
    model: Annotated[str | None, typer.Option(help="The model.")] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    schema: Annotated[
        str | None, typer.Option(help="A file with a JSON schema that answers follow.")
    ] = None,
    answer_tokens: Annotated[float, typer.Option(help="Of an answer, on average.")] = 500,
    requests_per_minute: Annotated[float | None, typer.Option(help="Your quota.")] = None,
    tokens_per_minute: Annotated[float | None, typer.Option(help="Your quota.")] = None,
    prices: Annotated[
        str | None, typer.Option(help="A JSON file: prices of models per million tokens.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say how many tokens the prompts of a file have, what they cost and how long they take.

    Nothing is sent. Single calls and the cloud's batch jobs are compared.
    """
    from langchain_claude_cloud.batch.estimate import estimate as make_estimate  # noqa: PLC0415  # the model
    from langchain_claude_cloud.cli.estimate import read_prices, show_estimate  # noqa: PLC0415  # the model

    target = Target(platform, model)
    found = make_estimate(
        _runnable(target, system, schema),
        inputs,
        answer_tokens=answer_tokens,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        prices=read_prices(prices, target.model_name) if prices else None,
    )
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        show_estimate(make_console(), found, answer_tokens)


def _runnable(target: Target, system: str | None, schema: str | None) -> Any:  # noqa: ANN401 - of any output
    from langchain_core.messages import SystemMessage  # noqa: PLC0415  # the model
    from langchain_core.messages.utils import convert_to_messages  # noqa: PLC0415  # the model
    from langchain_core.runnables import RunnableLambda  # noqa: PLC0415  # the model

    from langchain_claude_cloud.chat_models import ChatClaudeCloud  # noqa: PLC0415  # the model

    llm = ChatClaudeCloud(model=target.model_name, platform=target.config())
    runnable: Any = llm if schema is None else llm.with_structured_output(_schema(schema))
    if system is None:
        return runnable

    def add_system(prompt: Any) -> Any:  # noqa: ANN401 - what the file holds
        return [
            SystemMessage(system),
            *convert_to_messages([prompt] if isinstance(prompt, str) else prompt),
        ]

    async def add_system_async(prompt: Any) -> Any:  # noqa: ANN401 - without a thread
        return add_system(prompt)

    return RunnableLambda(add_system, add_system_async) | runnable


def _schema(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # as the user wrote it
            schema: dict[str, Any] = json.load(file)
    except ValueError as error:
        raise CommandError(f"{path} is no JSON schema: {error}") from error
    return schema
