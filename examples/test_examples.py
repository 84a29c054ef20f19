"""Every example runs: on an emulator of its own, and with ``--live`` as the environment says.

`make examples` runs this, in an environment that has what the examples need. The environment
variables of ``--live`` lead to an emulator here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from langchain_claude_cloud.testing import CloudEmulator
from langchain_claude_cloud.testing.environment import environment_variables

HERE = Path(__file__).parent
HELPERS = {"run_example.py", "mcp_server.py", Path(__file__).name}
EXAMPLES = sorted(path.name for path in HERE.glob("*.py") if path.name not in HELPERS)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a user, whose clouds are an emulator's."""
    with CloudEmulator() as emulator:
        clouds = environment_variables(emulator, tmp_path_factory.mktemp("credentials"))
        variables = {name: value for each in clouds.values() for name, value in each.items()}
        yield {**os.environ, **variables, "CLAUDE_CODE_USE_VERTEX": "1"}


def run(name: str, *arguments: str, env: dict[str, str] | None = None) -> str:
    """Run an example as a user does; return what it printed."""
    command = [sys.executable, str(HERE / name), *arguments]
    ended = subprocess.run(  # noqa: S603  # our own examples
        command, env=env, capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_offline(name: str) -> None:
    """It ends well, and shows something."""
    assert run(name).strip()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_asks_the_cloud_of_the_environment(name: str, live: dict[str, str]) -> None:
    """With ``--live``, and with nothing else."""
    assert run(name, "--live", env=live).strip()


def test_an_unknown_option_is_refused() -> None:
    """Rather than taken for the emulator."""
    ended = subprocess.run(  # noqa: S603  # our own example
        [sys.executable, str(HERE / "thinking.py"), "--life"], capture_output=True, check=False
    )
    assert ended.returncode == 2
