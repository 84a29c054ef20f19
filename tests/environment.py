"""A clean environment for each test, without the machine's own cloud settings.

And what spares the time of a large suite; both go into the ``conftest.py`` of each folder.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_CREDENTIAL_PREFIXES = (
    "ANTHROPIC",
    "AWS",
    "BOTO",
    "CLAUDE",
    "CLOUD_ML",
    "CLOUDSDK",
    "GCE",
    "GCLOUD",
    "GOOGLE",
    "LANGCHAIN",
    "LANGSMITH",
    "VERTEX",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect the tests without looking for garbage, now or later, among what is collected.

    Half a million objects stay for the whole run. Each search through them takes 0.2 seconds,
    and the interpreter, or a test that looks for leaks, would make dozens.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(autouse=True)
def clean_environment(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Hide the machine's own cloud settings, so that a test sees only what it sets."""
    # Ten thousand folders, each numbered by listing the others, would take 20 seconds of CPU:
    # only a test that asks for a folder has its configuration files there.
    has_own = "tmp_path" in request.fixturenames
    home = request.getfixturevalue("tmp_path") if has_own else _no_folder(tmp_path_factory)
    aws_sources = sys.modules.get("langchain_claude_cloud.platform.aws_sources")
    if aws_sources is not None:  # another test's endpoint may have had the same port
        aws_sources.AWS_SOURCES.reset()
    keep = {"CLAUDE_CLOUD_DATA"}
    for name in list(os.environ):
        if name.startswith(_CREDENTIAL_PREFIXES) and name not in keep:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{home}/aws-config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{home}/aws-credentials")
    monkeypatch.setenv("CLOUDSDK_CONFIG", f"{home}/gcloud")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def _no_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a path at which there is nothing."""
    return factory.getbasetemp() / "nothing"
