"""The command ``doctor``: which settings are used, whether they work, and what to change.

It sends a few small requests to each cloud for which there are credentials, unless ``--offline``
forbids it. It never says that all is well without having tried.
"""

from __future__ import annotations

import json
import os
import platform as machine
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from langchain_claude_cloud import __version__
from langchain_claude_cloud.catalogue.resolution import ResolvedModel, vertex_region_variables
from langchain_claude_cloud.cli import identity
from langchain_claude_cloud.cli.common import CLOUD_NAMES, CloudName, Target
from langchain_claude_cloud.cli.probes import Check, Outcome, logged, probe, tell
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors import AuthenticationError, ClaudeCloudError
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
_STYLES: Final = {"ok": "green", "failed": "red", "warning": "yellow", "not tried": "dim"}


@dataclass
class Report:
    """What was found about one cloud.

    Attributes:
        cloud: Which one.
        settings: Each setting, its value, and where that comes from.
        checks: What was tried.
    """

    cloud: CloudName
    settings: list[tuple[str, str, str]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def add(self, name: str, value: object, origin: str = "") -> None:
        """Add a setting."""
        self.settings.append((name, str(value), origin))

    @property
    def is_usable(self) -> bool | None:
        """Whether a call was answered and nothing failed; None if none was tried."""
        if any(check.outcome == "failed" for check in self.checks):
            return False
        return True if any(check.name == "call" for check in self.checks) else None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "cloud": self.cloud.value,
            "usable": self.is_usable,
            "settings": [
                {"name": name, "value": value, "from": origin}
                for name, value, origin in self.settings
            ],
            "checks": [
                {"name": check.name, "outcome": check.outcome, "detail": check.detail}
                for check in self.checks
            ],
        }


def run_doctor(console: Console, target: Target, *, offline: bool, as_json: bool = False) -> int:
    """Print what would be used, and whether it works.

    Args:
        console: Where to.
        target: What the command was told.
        offline: Whether to send nothing.
        as_json: Whether to print JSON.

    Returns:
        0 if one of the clouds can be used, or offline if nothing wrong was found with one;
        else 1.

    Raises:
        ClaudeCloudError: The options contradict each other.
    """
    clouds, origin = _clouds(target)
    shown = Console(stderr=True, quiet=True) if as_json else console
    _introduce(shown, origin)
    reports = []
    for cloud in clouds:
        with Console(stderr=True).status(f"Examining {CLOUD_NAMES[cloud]} ..."):
            report = examine(target, cloud, offline=offline)
        _print(shown, report)
        reports.append(report)
    states = [report.is_usable for report in reports]
    usable = True if True in states else None if None in states else False
    if as_json:
        found = {"version": __version__, "usable": usable}
        console.out(json.dumps({**found, "clouds": [each.as_json() for each in reports]}, indent=2))
    return 1 if usable is False else 0


def _introduce(console: Console, origin: str) -> None:
    proxies = [name for name in _PROXIES if os.environ.get(name)]
    console.print(
        f"langchain-claude-cloud {__version__}, langchain-core {version('langchain-core')}, "
        f"Python {machine.python_version()}"
    )
    console.print(f"proxy variables that are set: {', '.join(proxies) or 'none'}")
    console.print(Text(f"{origin}\n"))


def _clouds(target: Target) -> tuple[Sequence[CloudName], str]:
    """Return the clouds to examine, and why these."""
    try:
        config = target.config()
    except ClaudeCloudError:
        if target.platform is not None:
            raise
        how = "--platform, CLAUDE_CODE_USE_VERTEX or CLAUDE_CODE_USE_BEDROCK"
        return list(CloudName), f"platform: not chosen, so both are examined ({how} chooses one)"
    return [CloudName(config.cloud)], f"platform: {config.cloud} ({_platform_origin(target)})"


def _platform_origin(target: Target) -> str:
    if target.platform is not None:
        return "--platform"
    switches = ("CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_BEDROCK")
    return next((name for name in switches if os.environ.get(name)), "the shape of the model's id")


def examine(target: Target, cloud: CloudName, *, offline: bool) -> Report:
    """Find out what would be used on a cloud, and whether it works.

    Args:
        target: What the command was told.
        cloud: Which cloud.
        offline: Whether to send nothing.
    """
    report = Report(cloud)
    try:
        config = target.config(cloud)
        (route,) = make_routes([config], target.model_name)
        _add_settings(report, config, target)
        kind, origin = identity.describe(config)
        report.add("credentials", kind, origin)
        if offline:
            report.checks.append(Check("everything", "not tried", "leave --offline out to try it"))
            return report
        route.platform.prepare()
        end = identity.until(config)
        ends = f"; they end {end}, and nothing renews them" if end else ""
        report.checks.append(Check("credentials", "ok", f"{identity.who(config) or kind}{ends}"))
        _add_prepared(report, route)
        resolved = route.resolved()
        report.checks += _lifecycle(resolved)
        report.checks += probe(config, target.model_name, resolved)
        if report.is_usable:
            report.checks.append(logged(route))
    except ClaudeCloudError as error:
        name = "credentials" if isinstance(error, AuthenticationError) else "settings"
        report.checks.append(Check(name, "failed", tell(error, cloud.value)))
    return report


def _origin(given: object, option: str, names: Sequence[str], otherwise: str = "default") -> str:
    """Say where a value comes from, in the order in which the package looks."""
    if given is not None:
        return option
    return next((name for name in names if os.environ.get(name)), otherwise)


def _add_settings(report: Report, config: Vertex | Bedrock, target: Target) -> None:
    origin = _origin(target.model, "--model", ("ANTHROPIC_MODEL",))
    report.add("model", target.model_name, origin)
    if isinstance(config, Vertex):
        project = config.effective_project()
        origin = _origin(target.project, "--project", _PROJECT, "the credentials' own")
        report.add("project", project or "(not known yet)", origin)
        names = (*vertex_region_variables(target.model_name), "CLOUD_ML_REGION")
        region = config.region_for(target.model_name)
        report.add("region", region, _origin(target.region, "--region", names))
    else:
        names = ("AWS_REGION", "AWS_DEFAULT_REGION")
        known = config.effective_region() or "(not known yet)"
        profile = "the AWS profile, if it has one"
        report.add("region", known, _origin(target.region, "--region", names, profile))
    address = config.effective_base_url()
    if address:
        report.add("address", address, _origin(None, "", _ADDRESS[config.cloud]))


def _add_prepared(report: Report, route: Route) -> None:
    """Add what is known once the credentials are loaded."""
    resolved = route.resolved()
    report.add(
        "endpoint", route.platform.endpoint(resolved.model_id, "invoke"), "the settings above"
    )
    info = resolved.info
    known = "the catalogue" if resolved.known else f"not in the catalogue; treated as {info.name}"
    report.add("model id", resolved.model_id, known)
    report.add("context window", f"{info.context_window:,} tokens", "the catalogue")
    note = "the catalogue"
    if report.cloud is CloudName.BEDROCK:
        note = "where max_tokens is not set; AWS reserves it in the quota when a call starts"
    report.add("longest answer", f"{info.max_output_tokens:,} tokens", note)


def _lifecycle(resolved: ResolvedModel) -> list[Check]:
    info = resolved.info
    if not resolved.known:
        return []
    told = info.lifecycle(resolved.cloud)
    if told.status == "retired":
        remedy = "choose another with --model or ANTHROPIC_MODEL; `claude-cloud models` lists them"
        # Clouds have dates of their own: what Anthropic retired may still answer there.
        outcome: Outcome = "failed" if resolved.cloud in info.lifecycles else "warning"
        detail = f"{info.name} is retired: {remedy}. Source: {told.source}"
        return [Check("lifecycle", outcome, detail)]
    until = f", until {told.until} at least" if told.until else ""
    outcome = "warning" if told.status == "deprecated" else "ok"
    return [Check("lifecycle", outcome, f"{told.status}{until}, says {told.source}")]


def _print(console: Console, report: Report) -> None:
    title = CLOUD_NAMES[report.cloud]
    console.print(title, style="bold")
    settings = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("setting", "value", "from"):
        settings.add_column(name, overflow="fold")
    for row in report.settings:
        settings.add_row(*map(Text, row))
    console.print(settings)
    for check in report.checks:
        console.print(
            Text.assemble(
                (f"{check.outcome:9}", _STYLES[check.outcome]), f" {check.name}: {check.detail}"
            )
        )
    if report.is_usable is None:
        console.print(Text(f"{title}: not tried.\n", "yellow"))
    elif report.is_usable:
        console.print(Text(f"{title} can be used.\n", "green"))
    else:
        console.print(Text(f"{title} cannot be used as it is set up.\n", "red"))
