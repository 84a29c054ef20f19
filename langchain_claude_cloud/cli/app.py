"""The commands and their options."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer

from langchain_claude_cloud import __version__
from langchain_claude_cloud.cli import common
from langchain_claude_cloud.cli.batch import batch
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.errors.extras import MissingExtraError

app = typer.Typer(
    name="claude-cloud",
    help="Claude for LangChain on Google Cloud Vertex AI and Amazon Bedrock.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(batch, name="batch")

_WITHOUT_PLATFORM: Final = frozenset({"status", "wait", "results", "cancel"})
"""The commands that have the platform from a reference."""


def run(arguments: Sequence[str]) -> None:
    """Run a command line.

    Args:
        arguments: Without the program's name.

    Raises:
        SystemExit: Always, with the exit status.
    """
    try:
        app(list(arguments))
    except ClaudeCloudError as error:
        takes_platform = not _WITHOUT_PLATFORM & set(arguments)
        text = common.with_options(str(error)) if takes_platform else str(error)
        sys.stderr.write(f"claude-cloud: {text}\n")
        sys.exit(1)
    except (common.CommandError, MissingExtraError, OSError) as error:
        sys.stderr.write(f"claude-cloud: {error}\n")
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _version(
    *, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    *,
    platform: Annotated[str, typer.Option(help="vertex, bedrock, or both.")] = "both",
    live: Annotated[
        bool, typer.Option("--live", help="Ask the real cloud, with your credentials.")
    ] = False,
    model: common.Model = None,
) -> None:
    """Run an agent that recovers from a tool call that was cut off.

    It runs offline, unless --live. The exit status is 1 if a step goes wrong.
    """
    from langchain_claude_cloud.cli.demo import run_demo  # noqa: PLC0415  # the model, for one

    wanted = list(common.CloudName) if platform == "both" else [_cloud(platform)]
    run_demo(common.make_console(), wanted, common.Target(model=model), live=live)


def _cloud(name: str) -> common.CloudName:
    try:
        return common.CloudName(name)
    except ValueError:
        raise typer.BadParameter(f"{name!r} is none of vertex, bedrock, both") from None


@app.command()
def chat(
    *,
    platform: common.Platform = None,
    model: common.Model = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    emulator: Annotated[
        bool, typer.Option("--emulator", help="Talk to the emulator, offline.")
    ] = False,
) -> None:
    """Talk to a model in the terminal.

    /help lists its commands, Ctrl-D ends it. The exit status is 1 if the last question was not
    answered.
    """
    from langchain_claude_cloud.cli.chat import run_chat  # noqa: PLC0415  # see `demo`

    if emulator:
        _refuse_idle(
            {"--project": project, "--region": region, "--profile": profile}, "with --emulator"
        )
    target = common.Target(platform, model, project, region, profile)
    raise typer.Exit(run_chat(common.make_console(), target, system=system, emulator=emulator))


@app.command()
def doctor(
    *,
    platform: common.Platform = None,
    model: common.Model = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
    offline: Annotated[bool, typer.Option("--offline", help="Send nothing.")] = False,
    as_json: common.Json = False,
) -> None:
    """Check settings and credentials, try each cloud, say what to do.

    Shows which settings are used and where they come from. Then sends each cloud a few small
    requests, unless --offline. The exit status is 0 if at least one cloud can be used.
    """
    from langchain_claude_cloud.cli.doctor import run_doctor  # noqa: PLC0415  # see `demo`

    target = common.Target(platform, model, project, region, profile)
    raise typer.Exit(run_doctor(common.make_console(), target, offline=offline, as_json=as_json))


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(help="A model, or a part of its name.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Include retired models.")] = False,
    as_json: common.Json = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the cloud which models your account has.")
    ] = False,
    platform: common.Platform = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
) -> None:
    """List the models, or show everything about one."""
    from langchain_claude_cloud.cli.models import (  # noqa: PLC0415  # the catalogue
        print_live_models,
        print_models,
    )

    asked = {"--platform": platform, "--project": project, "--region": region, "--profile": profile}
    if live:
        _refuse_idle({"NAME": name, "--all": everything}, "with --live")
        target = common.Target(platform, None, project, region, profile)
        print_live_models(common.make_console(), target, as_json=as_json)
    else:
        _refuse_idle(asked, "without --live")
        print_models(common.make_console(), name=name, everything=everything, as_json=as_json)


@app.command()
def count(
    file: Annotated[str, typer.Argument(help="A text file; - for stdin.")] = "-",
    *,
    platform: common.Platform = None,
    model: common.Model = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
    as_json: common.Json = False,
) -> None:
    """Count the tokens of a text. The cloud counts them."""
    from langchain_claude_cloud.cli.count import run_count  # noqa: PLC0415  # see `demo`

    target = common.Target(platform, model, project, region, profile)
    run_count(common.make_console(), target, file, as_json=as_json)


@app.command()
def cost(  # noqa: PLR0913 - the options of the command; keyword-only
    file: Annotated[
        str | None,
        typer.Argument(help="A file with the prompt; - for stdin. The cloud counts its tokens."),
    ] = None,
    *,
    input_tokens: Annotated[
        int | None, typer.Option(help="Tokens in the prompt, in place of FILE.", min=0)
    ] = None,
    output_tokens: Annotated[int | None, typer.Option(help="Tokens in the answer.", min=0)] = None,
    platform: common.Platform = None,
    model: common.Model = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
    as_json: common.Json = False,
) -> None:
    """Show a model's prices, or the price of a prompt and its answer.

    Nothing is sent, unless FILE is given.
    """
    from langchain_claude_cloud.cli.cost import run_cost  # noqa: PLC0415  # the catalogue

    asked = {"--project": project, "--region": region, "--profile": profile}
    if file is None:
        _refuse_idle(asked, "without FILE")
    else:
        _refuse_idle({"--input-tokens": input_tokens}, "with FILE")
    run_cost(
        common.make_console(),
        common.Target(platform, model, project, region, profile),
        path=file,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        as_json=as_json,
    )


def _refuse_idle(options: Mapping[str, object], where: str) -> None:
    """Refuse an option that would have no effect."""
    for option, value in options.items():
        if value not in (None, False):
            raise typer.BadParameter(f"{option} does nothing {where}: leave it out.")


@app.command()
def emulate(
    *,
    port: Annotated[int, typer.Option(help="The port; 0 for a free one.", min=0, max=65535)] = 8787,
    host: Annotated[str, typer.Option(help="A loopback address.")] = "127.0.0.1",
    event_delay: Annotated[float, typer.Option(help="Seconds between events.", min=0)] = 0.0,
    strict: Annotated[
        bool, typer.Option(help="Refuse the requests that the clouds would refuse.")
    ] = True,
    bucket: Annotated[
        list[str] | None,
        typer.Option(help="Create a bucket for batch jobs, in Cloud Storage and S3. Repeatable."),
    ] = None,
    fewest_records: Annotated[
        int, typer.Option(help="Bedrock: how many records a batch job has at least.", min=1)
    ] = 100,
    as_json: common.Json = False,
) -> None:
    """Emulate both clouds on this machine, for tests, until Ctrl-C.

    Prints the environment variables that lead a program to the emulator.
    """
    from langchain_claude_cloud.cli.emulate import run_emulator  # noqa: PLC0415  # an extra

    run_emulator(
        host,
        port,
        event_delay=event_delay,
        strict=strict,
        buckets=bucket or (),
        fewest_records=fewest_records,
        as_json=as_json,
    )


@app.command()
def web(
    *,
    port: Annotated[int, typer.Option(help="The port; 0 for a free one.", min=0, max=65535)] = 8788,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the real clouds, with your credentials.")
    ] = False,
    model: common.Model = None,
    project: common.Project = None,
    region: common.Region = None,
    profile: common.Profile = None,
) -> None:
    """Serve a web page that shows a file while a tool call writes it."""
    from langchain_claude_cloud.cli.web.app import run_web  # noqa: PLC0415  # an extra

    if not live:
        _refuse_idle(
            {"--project": project, "--region": region, "--profile": profile}, "without --live"
        )
    target = common.Target(None, model, project, region, profile)
    run_web(common.make_console(), target, port, live=live)
