"""The commands ``batch ...``: many prompts from a file."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from langchain_claude_cloud.cli import common

if TYPE_CHECKING:
    from langchain_claude_cloud.batch import (
        BatchJob,
        BatchStatus,
        BedrockBatch,
        RunReport,
        VertexBatch,
    )
    from langchain_claude_cloud.errors.types import Cloud

_ENDING: Final = ".batch.json"

Inputs: TypeAlias = Annotated[str, typer.Argument(help="A .jsonl, .csv or .parquet file.")]
Output: TypeAlias = Annotated[str, typer.Argument(help="A .jsonl or .sqlite file.")]
Column: TypeAlias = Annotated[str, typer.Option("--input", help="The column with the prompts.")]
IdColumn: TypeAlias = Annotated[
    str | None,
    typer.Option("--id", help="The column with the ids. Default: id, else a hash of the prompt."),
]
System: TypeAlias = Annotated[str | None, typer.Option(help="A system prompt.")]
Schema: TypeAlias = Annotated[
    str | None, typer.Option(help="A file with the JSON schema of the answers.")
]
Reference: TypeAlias = Annotated[
    str, typer.Argument(help="The file that was submitted, or its reference.")
]

batch = typer.Typer(
    help="Answer many prompts from a file.", no_args_is_help=True, rich_markup_mode=None
)


@batch.callback()
def _group() -> None:
    """Answer many prompts from a file."""


@batch.command()
def run(  # noqa: PLR0913 - the options of the command; keyword-only
    inputs: Inputs,
    output: Output,
    *,
    platform: common.Platform = None,
    model: common.Model = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
    system: System = None,
    schema: Schema = None,
    column: Column = "input",
    id_column: IdColumn = None,
    max_in_flight: Annotated[
        int | None,
        typer.Option(help="Answer at most this many at once. Default: it adapts.", min=1),
    ] = None,
    requests_per_minute: Annotated[
        float | None, typer.Option(help="Send at most this many.", min=1)
    ] = None,
    tokens_per_minute: Annotated[
        float | None, typer.Option(help="Use at most this many.", min=1)
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Answer the prompts of a file with single calls.

    Run the same command again to answer what is still missing. The exit status is 1 if an input
    failed or the run was interrupted.
    """
    from langchain_claude_cloud.batch import run as run_batch  # noqa: PLC0415  # the model

    report = run_batch(
        _runnable(common.Target(platform, model, project, region, profile), system, schema),
        inputs,
        output,
        id=id_column,
        input=column,
        max_in_flight=max_in_flight or "auto",
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )
    if as_json:  # else it is on stderr already
        _echo(report, as_json=True)
    if report.failed:
        typer.echo(f"Each failed input has its error in {output}.", err=True)
    if report.changed:
        typer.echo(
            f"{report.changed:,} skipped inputs are not what was answered under their ids. To "
            "answer them, name another output.",
            err=True,
        )
    raise typer.Exit(int(bool(report.failed or report.interrupted)))


@batch.command()
def estimate(  # noqa: PLR0913 - the options of the command; keyword-only
    inputs: Inputs,
    *,
    platform: common.Platform = None,
    model: common.Model = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
    system: System = None,
    schema: Schema = None,
    column: Column = "input",
    answer_tokens: Annotated[float, typer.Option(help="Tokens of an average answer.", min=0)] = 500,
    requests_per_minute: Annotated[float | None, typer.Option(help="Your quota.", min=1)] = None,
    tokens_per_minute: Annotated[float | None, typer.Option(help="Your quota.", min=1)] = None,
    prices: Annotated[
        str | None, typer.Option(help="A JSON file with each model's prices per million tokens.")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Estimate the tokens, price and time of a file.

    Nothing is sent. Single calls (run) are compared with batch jobs (submit).
    """
    from langchain_claude_cloud.batch.estimate import estimate as make_estimate  # noqa: PLC0415  # the model
    from langchain_claude_cloud.cli.estimate import read_prices, show_estimate  # noqa: PLC0415  # the model

    target = common.Target(platform, model, project, region, profile)
    found = make_estimate(
        _runnable(target, system, schema),
        inputs,
        input=column,
        answer_tokens=answer_tokens,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        prices=read_prices(prices, target.model_name) if prices else None,
    )
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        show_estimate(common.make_console(), found, answer_tokens)


@batch.command()
def submit(  # noqa: PLR0913 - the options of the command; keyword-only
    inputs: Inputs,
    *,
    storage: Annotated[
        str, typer.Option(help="Where the files go: s3://..., gs://... or bq://...")
    ],
    platform: Annotated[
        common.CloudName | None, typer.Option(help="Which cloud. Default: the storage's.")
    ] = None,
    model: common.Model = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
    system: System = None,
    schema: Schema = None,
    column: Column = "input",
    id_column: IdColumn = None,
    role: Annotated[
        str | None, typer.Option(help="Bedrock: the ARN of the jobs' service role.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="A further option of the cloud's jobs, as NAME=VALUE. Repeatable."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="The file that remembers the batch. Default: INPUTS.batch.json."),
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Have the cloud answer a file: slower, at half the price.

    Batch jobs mostly take less than a day.
    Run the same command again to continue after an interruption, or to ask again for what failed.
    """
    from langchain_claude_cloud.batch import submit as submit_batch  # noqa: PLC0415  # the model
    from langchain_claude_cloud.batch.jobs.clouds import cloud_of  # noqa: PLC0415  # the model

    cloud, _ = cloud_of(storage)
    if platform not in (None, cloud):
        raise typer.BadParameter(f"--platform {platform}: {storage} is storage of {cloud}.")
    given = _options(cloud, role, option or [])
    target = common.Target(common.CloudName(cloud), model, project, region, profile)
    job = submit_batch(
        _runnable(target, system, schema),
        inputs,
        storage=storage,
        reference=reference,
        id=id_column,
        input=column,
        options=given,
        note={} if schema is None else {"schema": _schema(schema)},
    )
    if as_json:
        _echo(job.status(), as_json=True, reference=str(job.reference))
    else:
        typer.echo(f"{job.reference}: {job.status()}")


@batch.command()
def status(reference: Reference, *, as_json: common.Json = False) -> None:
    """Show how far a batch is."""
    _echo(_load(reference).status(), as_json=as_json)


@batch.command()
def wait(reference: Reference, *, as_json: common.Json = False) -> None:
    """Wait until a batch has ended.

    The exit status is 1 if an input was not answered.
    """
    ended = _load(reference).wait()
    if as_json:  # else it is on stderr already
        _echo(ended, as_json=True)
    raise typer.Exit(int(ended.state != "completed"))


@batch.command()
def results(reference: Reference, output: Output, *, as_json: common.Json = False) -> None:
    """Write the results of a batch that has ended.

    The exit status is 1 if an input failed.
    """
    report = _load(reference).write(output)
    _echo(report, as_json=as_json)
    raise typer.Exit(int(bool(report.failed)))


@batch.command()
def cancel(reference: Reference, *, as_json: common.Json = False) -> None:
    """Stop a batch. Answers that are there already are kept."""
    _echo(_load(reference).cancel(), as_json=as_json)


def _echo(found: BatchStatus | RunReport, *, as_json: bool, **more: str) -> None:
    text = json.dumps({**more, **asdict(found)}, default=float) if as_json else str(found)
    typer.echo(text)


def _load(path: str) -> BatchJob:
    from langchain_claude_cloud.batch import BatchJob  # noqa: PLC0415  # the model

    beside = Path(f"{path}{_ENDING}")
    if path.endswith((".jsonl", ".csv", ".parquet")) and not beside.exists():
        raise common.CommandError(
            f"{path} was not submitted: there is no {beside}. Submit it, or name its reference."
        )
    job = BatchJob.load(beside if beside.exists() else path)
    schema = job.note.get("schema")
    if schema is None:
        return job
    return BatchJob.load(job.reference, job.model.with_structured_output(schema))


def _options(cloud: Cloud, role: str | None, given: list[str]) -> BedrockBatch | VertexBatch | None:
    """Return the options of a cloud's jobs; None where none are given."""
    from langchain_claude_cloud.batch import BedrockBatch, VertexBatch  # noqa: PLC0415  # the model

    kind = BedrockBatch if cloud == "bedrock" else VertexBatch
    options: dict[str, Any] = {} if role is None else {"role": role}
    for each in given:
        name, _, value = each.partition("=")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    known = {field.name for field in fields(kind)}
    if unknown := options.keys() - known:
        raise common.CommandError(
            f"--option {min(unknown)}: {kind.__name__} has {', '.join(sorted(known))}."
        )
    return kind(**options) if options else None


def _runnable(target: common.Target, system: str | None, schema: str | None) -> Any:  # noqa: ANN401 - of any output
    from langchain_core.messages import SystemMessage  # noqa: PLC0415  # the model
    from langchain_core.messages.utils import convert_to_messages  # noqa: PLC0415  # the model
    from langchain_core.runnables import RunnableLambda  # noqa: PLC0415  # the model

    llm = target.chat_model()
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
            schema = json.load(file)
    except (OSError, ValueError) as error:
        raise common.CommandError(f"{path} cannot be read as a JSON schema: {error}") from error
    if not isinstance(schema, dict):
        raise common.CommandError(f"{path} is not a JSON schema: it does not hold an object.")
    return schema
