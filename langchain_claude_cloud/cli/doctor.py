"""The command ``doctor``: what would be used, and what is wrong with it.

In: options and the environment. Out: a table of each part and where it comes from, never a
secret; each problem with what to do about it; and a status that says whether all is well.
"""

from __future__ import annotations

import os
import platform as machine
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from rich.console import Console
from rich.table import Table
from rich.text import Text

from langchain_claude_cloud import __version__
from langchain_claude_cloud.catalogue.names import vertex_region_variables
from langchain_claude_cloud.catalogue.resolution import ResolvedModel
from langchain_claude_cloud.chat_models import ChatClaudeCloud
from langchain_claude_cloud.cli import identity
from langchain_claude_cloud.cli.common import CLOUD_NAMES, CloudName, Target
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors import ClaudeCloudError
from langchain_claude_cloud.routing.routes import Route, make_routes

_PROJECT = ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
_ADDRESS = {
    "vertex": ("ANTHROPIC_VERTEX_BASE_URL",),
    "bedrock": (
        "ANTHROPIC_BEDROCK_BASE_URL",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "AWS_ENDPOINT_URL",
    ),
}
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@dataclass
class Report:
    """What was found about one cloud.

    Attributes:
        rows: Each part, its value, and where that comes from.
        problems: What is wrong, each with what to do.
    """

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, part: str, value: object, origin: str = "") -> None:
        """Add a part."""
        self.rows.append((part, str(value), origin))


def run_doctor(console: Console, target: Target, *, call: bool) -> int:
    """Print what would be used.

    Args:
        console: Where to.
        target: What the command was told.
        call: Whether to make one tiny request.

    Returns:
        0, or 1 if there is a problem.
    """
    console.print(
        f"langchain-claude-cloud {__version__}, langchain-core {version('langchain-core')}, "
        f"Python {machine.python_version()}"
    )
    proxies = [name for name in _PROXIES if os.environ.get(name)]
    console.print(f"proxy variables that are set: {', '.join(proxies) or 'none'}\n")
    statuses = [
        _print(console, cloud, examine(target, cloud, call=call))
        for cloud in _clouds(console, target)
    ]
    return max(statuses)


def _clouds(console: Console, target: Target) -> Sequence[CloudName]:
    try:
        config = target.config()
    except ClaudeCloudError as error:
        if target.platform is not None:
            raise
        console.print(Text(f"platform: {error} Both are examined.\n"))
        return list(CloudName)
    origin = _platform_origin(target)
    console.print(Text(f"platform: {config.cloud} ({origin})\n"))
    return [CloudName(config.cloud)]


def _platform_origin(target: Target) -> str:
    if target.platform is not None:
        return "--platform"
    switches = ("CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_BEDROCK")
    return next((name for name in switches if os.environ.get(name)), "the shape of the model's id")


def examine(target: Target, cloud: CloudName, *, call: bool = False) -> Report:
    """Find out what would be used on a cloud.

    Args:
        target: What the command was told.
        cloud: Which cloud.
        call: Whether to make one tiny request, if nothing is wrong before.
    """
    report = Report()
    try:
        config = target.config(cloud)
        report.add(
            "model", target.model_name, _origin(target.model, "--model", ("ANTHROPIC_MODEL",))
        )
        (route,) = make_routes([config], target.model_name)
        _add_settings(report, config, target)
        report.add("credentials", *identity.describe(config))
        route.platform.prepare()
        _add_prepared(report, route)
        if call:
            _add_listing(report, config, route)
            _add_call(report, config, target.model_name)
    except ClaudeCloudError as error:
        report.problems.append(f"{type(error).__name__}: {error}")
    return report


def _origin(given: object, option: str, names: Sequence[str], otherwise: str = "default") -> str:
    """Say where a value comes from, in the order in which the package looks."""
    if given is not None:
        return option
    return next((name for name in names if os.environ.get(name)), otherwise)


def _add_settings(report: Report, config: Vertex | Bedrock, target: Target) -> None:
    if isinstance(config, Vertex):
        project = config.effective_project()
        origin = _origin(target.project, "--project", _PROJECT, "the credentials' own")
        report.add("project", project or "(not known yet)", origin)
        names = (*vertex_region_variables(target.model_name), "CLOUD_ML_REGION")
        region = config.region_for(target.model_name)
        report.add("region", region, _origin(target.region, "--region", names))
    else:
        names = ("AWS_REGION", "AWS_DEFAULT_REGION")
        region = config.effective_region() or "(not known yet)"
        report.add("region", region, _origin(target.region, "--region", names, "the AWS profile"))
    address = config.effective_base_url()
    if address:
        report.add("address", address, _origin(None, "", _ADDRESS[config.cloud]))


def _add_prepared(report: Report, route: Route) -> None:
    """Add what is known once the credentials are loaded."""
    resolved = route.resolved()
    report.add("endpoint", route.platform.endpoint(resolved.model_id, "invoke"), "all of the above")
    info = resolved.info
    known = "the catalogue" if resolved.known else f"not in the catalogue; treated as {info.name}"
    report.add("model id", resolved.model_id, known)
    report.add("window, output", f"{info.context_window:,} and {info.max_output_tokens:,} tokens")
    _add_lifecycle(report, resolved)


def _add_lifecycle(report: Report, resolved: ResolvedModel) -> None:
    info = resolved.info
    if not resolved.known:
        return
    told = info.lifecycle(resolved.cloud)
    until = f", until {told.until} at least" if told.until and told.status != "retired" else ""
    report.add("lifecycle", f"{told.status}{until}", told.source)
    if told.status == "retired":
        report.problems.append(
            f"{info.name} is retired: choose another; `claude-cloud models` lists them."
        )


def _add_listing(report: Report, config: Vertex | Bedrock, route: Route) -> None:
    """Add whether the control plane lists the model; who may call need not be let to list."""
    resolved = route.resolved()
    llm = ChatClaudeCloud(model=route.model, platform=config, max_retries=0, timeout=10.0)
    try:
        listed = llm.list_models()
    except ClaudeCloudError as error:
        report.add("listed", f"not known: {type(error).__name__}", "the control plane")
        return
    wanted = {resolved.model_id, resolved.base_id}
    found = any(wanted & {model.id, *model.model_ids} for model in listed)
    among = f"{'yes' if found else 'no'}, among {len(listed)} models"
    report.add("listed", among, "the control plane")


def _add_call(report: Report, config: Vertex | Bedrock, name: str) -> None:
    model = ChatClaudeCloud(model=name, platform=config, max_tokens=64, max_retries=0)
    start = time.perf_counter()
    answer = model.invoke("Answer with the word: ok")
    seconds = time.perf_counter() - start
    used = answer.usage_metadata
    tokens = f", {used['input_tokens']} tokens in, {used['output_tokens']} out" if used else ""
    report.add("call", f"answered in {seconds:.2f} s{tokens}", "one request")


def _print(console: Console, cloud: CloudName, report: Report) -> int:
    table = Table(title=CLOUD_NAMES[cloud], title_justify="left", title_style="bold")
    for name in ("part", "value", "from"):
        table.add_column(name, overflow="fold")
    for row in report.rows:
        table.add_row(*map(Text, row))
    console.print(table)
    for problem in report.problems:
        console.print(Text(f"to fix: {problem}", style="red"))
    if not report.problems:
        console.print("nothing to fix", style="green")
    console.print()
    return 1 if report.problems else 0
