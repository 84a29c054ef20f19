"""A pytest plugin: an emulator and a model on it for each test that asks for them.

pytest finds it if the package is installed. A test that uses ``claude_emulator`` or
``claude_model`` fails if a scripted reply was not used, or if a request found none. A test that
uses ``claude_recording`` is recorded from the real clouds once, and replayed from then on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from langchain_claude_cloud import ChatClaudeCloud
    from langchain_claude_cloud.testing.emulator import CloudEmulator
    from langchain_claude_cloud.testing.recording.recording import Recording

_CLOUDS = ("vertex", "bedrock")
_MARK = (
    "claude_cloud(*clouds, model=..., unscripted=..., **settings): the clouds on which "
    "claude_model runs, all of them by default; the model; what answers a request without a "
    "scripted reply ('error' by default, or 'stand_in'); settings of CloudEmulator."
)
_VARIABLES = (
    "ANTHROPIC_",
    "AWS_",
    "CLAUDE_CODE_USE_",
    "CLOUDSDK_",
    "CLOUD_ML_REGION",
    "GCLOUD_",
    "GOOGLE_",
    "VERTEX_REGION_",
)
_emulator_key = pytest.StashKey["CloudEmulator"]()
_recording_key = pytest.StashKey["Recording"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes recordings."""
    parser.getgroup("claude-cloud").addoption(
        "--claude-record",
        action="store_true",
        help="make the recordings of tests with claude_recording anew, from the real clouds",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", _MARK)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once on each cloud that its mark names."""
    mark = metafunc.definition.get_closest_marker("claude_cloud")
    if mark is None or "claude_cloud_name" not in metafunc.fixturenames:
        return
    clouds = mark.args or _CLOUDS
    unknown = [cloud for cloud in clouds if cloud not in _CLOUDS]
    if unknown:
        test = metafunc.definition.nodeid
        pytest.fail(
            f"{test}: claude_cloud: {unknown[0]!r} is none of vertex and bedrock.", pytrace=False
        )
    metafunc.parametrize("claude_cloud_name", clouds)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test whose script or recording does not fit the requests that it made."""
    result = yield
    recording = item.stash.get(_recording_key, None)
    if recording is not None:
        recording.finish()
    emulator = item.stash.get(_emulator_key, None)
    if emulator is not None:
        emulator.verify()
    return result


@pytest.fixture
def claude_cloud_name() -> str:
    """The cloud of the test, ``vertex`` or ``bedrock``; the mark ``claude_cloud`` chooses it."""
    return "vertex"


@pytest.fixture
def claude_emulator(
    request: pytest.FixtureRequest,
    claude_cloud_name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[CloudEmulator]:
    """A running emulator. Environment variables lead every client of both clouds to it.

    A ``ChatClaudeCloud`` that is created without a platform uses the cloud that the mark names.
    """
    from langchain_claude_cloud.testing.emulator import CloudEmulator  # noqa: PLC0415  # the plugin is loaded by every run of pytest
    from langchain_claude_cloud.testing.environment import environment_variables  # noqa: PLC0415  # the same

    settings = {"unscripted": "error", **_settings(request)}
    settings.pop("model", None)
    _hide_variables(monkeypatch)
    with CloudEmulator(**settings) as emulator:
        for variables in environment_variables(emulator, tmp_path).values():
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
        monkeypatch.setenv(f"CLAUDE_CODE_USE_{claude_cloud_name.upper()}", "1")
        request.node.stash[_emulator_key] = emulator
        yield emulator


@pytest.fixture
def claude_recording(
    request: pytest.FixtureRequest,
    claude_cloud_name: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Recording]:
    """The test's recording: made by ``pytest --claude-record``, replayed otherwise.

    A recording is made with the credentials of the environment. A replay needs no credentials and
    no network.
    """
    try:
        from langchain_claude_cloud.testing.recording.recording import Recording  # noqa: PLC0415  # an extra
    except ImportError as error:
        from langchain_claude_cloud.errors.extras import MissingExtraError  # noqa: PLC0415  # with pytest's start nothing is imported

        missing = MissingExtraError("claude_recording", str(error.name), "record")
        raise pytest.UsageError(str(missing)) from error
    recording = Recording(_recording_path(request), records=request.config.option.claude_record)
    if not recording.records:
        _hide_variables(monkeypatch)
        for name, value in recording.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
    for cloud in _CLOUDS:
        monkeypatch.delenv(f"CLAUDE_CODE_USE_{cloud.upper()}", raising=False)
    monkeypatch.setenv(f"CLAUDE_CODE_USE_{claude_cloud_name.upper()}", "1")
    with recording.use():
        request.node.stash[_recording_key] = recording
        yield recording


@pytest.fixture
def claude_model(
    request: pytest.FixtureRequest, claude_cloud_name: str
) -> Iterator[ChatClaudeCloud]:
    """A model on the cloud that the mark ``claude_cloud`` names.

    It uses the test's recording if the test uses ``claude_recording``, else an emulator.
    """
    from langchain_claude_cloud import ChatClaudeCloud  # noqa: PLC0415  # as above

    platform: Any = claude_cloud_name
    if "claude_recording" not in request.fixturenames:
        emulator = request.getfixturevalue("claude_emulator")
        platform = emulator.vertex() if claude_cloud_name == "vertex" else emulator.bedrock()
    name = _settings(request).get("model", "claude-sonnet-5-5")
    llm = ChatClaudeCloud(model=name, platform=platform)
    yield llm
    llm.close()


def _recording_path(request: pytest.FixtureRequest) -> Path:
    """``recordings/MODULE/TEST.yaml``, beside the test's file."""
    folder = request.path.parent / "recordings" / request.path.stem
    name = request.node.nodeid.partition("::")[2].replace("::", ".")
    return folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name).strip('-')}.yaml"


def _hide_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(_VARIABLES)]:
        monkeypatch.delenv(name)


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    mark = request.node.get_closest_marker("claude_cloud")
    return dict(mark.kwargs) if mark is not None else {}
