"""A clean environment for each test: no cloud settings of the machine, no network.

And what spares the time of a large suite; both go into the ``conftest.py`` of each folder.
"""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_CREDENTIAL_PREFIXES = (
    "ANTHROPIC",
    "AWS",
    "BIGQUERY",
    "BOTO",
    "CLAUDE",
    "CLOUD_ML",
    "CLOUDSDK",
    "GCE",
    "GCLOUD",
    "GOOGLE",
    "LANGCHAIN",
    "LANGSMITH",
    "STORAGE_EMULATOR",
    "VERTEX",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect the tests without looking for garbage, now or later, among what is collected.

    Half a million objects stay for the whole run. Each search through them takes 0.2 seconds,
    and the interpreter, or a test that looks for leaks, would make dozens. What is frozen is not
    found by ``gc.get_referrers``: hypothesis before 6.140 took its own generator for garbage.
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
    credentials = sys.modules.get("langchain_claude_cloud.platform.credentials")
    memory = sys.modules.get("langchain_claude_cloud.calls.memory")
    if memory is not None:
        memory.MEMORY.reset()
    if credentials is not None:  # another test's endpoint may have had the same port
        credentials.SOURCES.clear()
    keep = {"CLAUDE_CLOUD_DATA"}
    for name in list(os.environ):
        if name.startswith(_CREDENTIAL_PREFIXES) and name not in keep:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{home}/aws-config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{home}/aws-credentials")
    monkeypatch.setenv("CLOUDSDK_CONFIG", f"{home}/gcloud")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


class Loopback:
    """Refuses connections and look-ups that would leave this machine, and keeps what they were.

    It is an audit hook of the interpreter, so it holds for every library and every thread of
    the process that runs the tests, though not for a process that a test starts.
    """

    def __init__(self) -> None:
        self.is_left_on_purpose = False
        self.refused: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Look at one event of the interpreter.

        Raises:
            OSError: It is a connection or a look-up to elsewhere.
        """
        if self.is_left_on_purpose:
            return
        if event in {"socket.connect", "socket.sendto"}:
            self._connect(arguments[1])
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            self._look_up(arguments[0])

    def _connect(self, address: object) -> None:
        if isinstance(address, tuple) and not is_on_this_machine(address[0]):
            self.refused.append(str(address[0]))
            raise PermissionError(f"the tests stay on loopback: {address[0]}")

    def _look_up(self, host: object) -> None:
        if is_on_this_machine(host) or is_number(name_of(host)):
            return
        if is_never_there(name_of(host)):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self.refused.append(name_of(host))
        raise socket.gaierror(socket.EAI_NONAME, f"the tests stay on loopback: {host!r}")


def name_of(host: object) -> str:
    """Return a host of a socket call as a name in lower case, without the last dot."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
    return name.casefold().rstrip(".")


def is_on_this_machine(host: object) -> bool:
    """Tell whether a host of a socket call is loopback, in any of its spellings."""
    name = "" if host is None else name_of(host)
    if name in {"", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(address, "ipv4_mapped", None) or address
    return bool(inner.is_loopback or inner.is_unspecified)


def is_number(name: str) -> bool:
    """Tell whether a name is an address, which nobody is asked for."""
    try:
        socket.inet_aton(name)
    except OSError:
        return ":" in name
    return True


def is_never_there(name: str) -> bool:
    """Tell whether no server knows a name: it is reserved for that, or it cannot be one."""
    return name.endswith((".invalid", ".test")) or "%" in name


_LOOPBACK = Loopback()
sys.addaudithook(_LOOPBACK)


@pytest.fixture(autouse=True)
def loopback(request: pytest.FixtureRequest) -> Iterator[Loopback]:
    """Fail a test that tried to leave loopback, even where the refusal was handled."""
    _LOOPBACK.is_left_on_purpose = request.node.get_closest_marker("live") is not None
    _LOOPBACK.refused.clear()
    yield _LOOPBACK
    refused, _LOOPBACK.refused = _LOOPBACK.refused, []
    assert refused == [], f"a test left loopback: {refused}"


def _no_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a path at which there is nothing."""
    return factory.getbasetemp() / "nothing"
