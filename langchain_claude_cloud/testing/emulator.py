"""`CloudEmulator`: both clouds on one loopback port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, Unpack

from langchain_claude_cloud.config.checks import is_loopback
from langchain_claude_cloud.errors.extras import MissingExtraError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing import scripting
from langchain_claude_cloud.testing.batches import EmulatedBatches
from langchain_claude_cloud.testing.blocks import Block, as_block
from langchain_claude_cloud.testing.faults import FaultKind, make_fault
from langchain_claude_cloud.testing.server import google
from langchain_claude_cloud.testing.server.state import AwsKey, EmulatorSettings, Settings, State
from langchain_claude_cloud.testing.wire import ControlRequest, ReceivedRequest

if TYPE_CHECKING:
    from langchain_claude_cloud.config import Bedrock, Vertex
    from langchain_claude_cloud.testing.server.thread import ServerThread

_VERTEX_CREDENTIALS = frozenset({"access_token", "credentials", "credentials_info"})
_BEDROCK_CREDENTIALS = frozenset(
    {"access_key_id", "secret_access_key", "session_token", "api_key", "profile", "session"}
)


class CloudEmulator(EmulatedBatches):
    """A server on loopback that behaves as Claude on Vertex AI and on Amazon Bedrock.

    Use it as a context manager, sync or async, or call `start` and `stop`. Without a script, a
    small deterministic stand-in for the model answers.

    Args:
        host: A loopback address.
        port: The port; 0 for a free one.
        settings: ``strict`` (validate bodies as the clouds do, on by default), ``project``,
            ``region`` (of the AWS platforms it hands out), ``event_delay`` (seconds between
            events), ``token_lifetime`` (seconds), ``application_profiles`` (Bedrock
            application profile id to Claude model), ``unscripted`` (``"error"``:
            requests without a scripted reply are refused, and `verify` names them; ``"stand_in"``,
            the default: the stand-in answers), ``thinking_binding`` (refuse thinking blocks of
            Claude's 5.5 generation behind a changed prompt, as for accounts made since 2026-08-31;
            on by default), ``activity_logging`` (whether the clouds report that requests and
            answers are logged; off by default), ``keep_requests`` (how many of the requests are
            remembered; 1,000), ``batch_jobs_at_once`` (how many batch jobs may wait or run; 4 on
            Vertex AI, 20 on Bedrock), ``batch_records`` and ``batch_bytes`` (how many records a
            batch job may have, 100,000 on Vertex AI and 50,000 on Bedrock, and how long a file of
            them may be on Vertex AI, 256 MB), ``batch_fewest_records`` (how many a job on Bedrock
            has at least; 100).

    Raises:
        ValueError: The host is not a loopback address.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, **settings: Unpack[EmulatorSettings]
    ) -> None:
        if not is_loopback(host):
            raise ValueError(
                f"The emulator listens on loopback only, not on {host!r}: it hands out "
                "credentials to whoever asks. Use 127.0.0.1, ::1 or localhost."
            )
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        scripting.check_settings("CloudEmulator", EmulatorSettings, settings)
        super().__init__(State(Settings(**settings)))
        self._thread: ServerThread | None = None

    def start(self) -> Self:
        """Start serving.

        Returns:
            The emulator itself.

        Raises:
            ImportError: The extra ``emulator`` is not installed.
            OSError: The port is taken.
        """
        if self._thread is not None:
            return self
        try:
            from langchain_claude_cloud.testing.server.app import (  # noqa: PLC0415  # an extra
                EmulatorApp,
            )
            from langchain_claude_cloud.testing.server.thread import (  # noqa: PLC0415  # an extra
                ServerThread,
            )
        except ImportError as error:
            raise MissingExtraError("CloudEmulator", str(error.name), "emulator") from error
        thread = ServerThread(EmulatorApp(self._state), self._host, self._port)
        thread.start()
        self._thread = thread
        name = f"[{self._host}]" if ":" in self._host else self._host
        self._state.url = f"http://{name}:{thread.port}"
        return self

    def stop(self) -> None:
        """Stop serving, and break open connections. `requests` stays as it is."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
        self._stop_s3()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    @property
    def url(self) -> str:
        """The server's root, ``http://127.0.0.1:PORT``; both clouds' paths are below it.

        Raises:
            RuntimeError: The emulator is not running.
        """
        if not self._state.url:
            raise RuntimeError(
                "The emulator is not running: use `with CloudEmulator() as emulator`."
            )
        return self._state.url

    @property
    def vertex_url(self) -> str:
        """The base URL for Vertex clients: the root with the API version."""
        return f"{self.url}/v1"

    @property
    def project(self) -> str:
        """The Google project of `vertex`; requests to any project are served."""
        return self._state.settings.project

    @property
    def region(self) -> str:
        """The AWS region of `bedrock`; requests to any region are served."""
        return self._state.settings.region

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The requests for answers and token counts, refused ones too, in order.

        The newest 1,000 of them, or as many as ``keep_requests`` says.
        """
        return self._state.requests

    @property
    def control_requests(self) -> list[ControlRequest]:
        """The requests for lists of models and for what an ARN stands for, in order."""
        return self._state.control_requests

    @property
    def token_requests(self) -> list[dict[str, str]]:
        """The forms that came to the Google token endpoint, and metadata token requests."""
        return self._state.token_requests

    @cached_property
    def access_token(self) -> str:
        """A Google access token that does not expire while the emulator lives."""
        return self._state.issue_token(float("inf"))

    @cached_property
    def aws_key(self) -> AwsKey:
        """An AWS access key that does not expire."""
        return self._state.issue_aws_key()

    @property
    def bedrock_api_key(self) -> str:
        """A Bedrock API key (a bearer token)."""
        return min(self._state.api_keys)

    def issue_token(self, lifetime: float | None = None) -> str:
        """Return a new Google access token, good for ``lifetime`` seconds."""
        return self._state.issue_token(lifetime)

    @property
    def workspace(self) -> str:
        """The workspace of Claude Platform on AWS."""
        return self._state.settings.workspace

    @property
    def claude_platform_api_key(self) -> str:
        """An API key of Claude Platform on AWS, which is none of Bedrock."""
        return self._state.platform_api_key

    def issue_aws_key(self, lifetime: float | None = None) -> AwsKey:
        """Return a new AWS key; with a lifetime in seconds, a temporary one."""
        return self._state.issue_aws_key(lifetime)

    def expire_tokens(self) -> None:
        """Make every Google token issued so far invalid."""
        self._state.tokens.clear()
        vars(self).pop("access_token", None)

    def service_account_info(self) -> JsonObject:
        """Return a service account key whose token endpoint is this emulator."""
        _ = self.url
        return google.service_account_info(self._state)

    def authorized_user_info(self) -> JsonObject:
        """Return gcloud's user credentials whose token endpoint is this emulator.

        google-auth takes the endpoint only from an object made with ``token_uri``; for
        credentials in a file it asks Google itself. Use `service_account_info` for a file.
        """
        _ = self.url
        return google.authorized_user_info(self._state)

    def vertex(self, **overrides: Any) -> Vertex:  # noqa: ANN401  # the fields of Vertex
        """Return a Vertex platform that talks to this emulator.

        Args:
            overrides: Fields of `Vertex`; credentials among them replace the token.
        """
        from langchain_claude_cloud.config import Vertex  # noqa: PLC0415  # not needed to serve

        given: dict[str, Any] = {
            "project": self.project,
            "region": "global",
            "base_url": self.vertex_url,
        }
        if not _VERTEX_CREDENTIALS & set(overrides):
            given["access_token"] = self.access_token
        return Vertex(**given | overrides)

    def bedrock(self, **overrides: Any) -> Bedrock:  # noqa: ANN401  # the fields of Bedrock
        """Return a Bedrock platform that talks to this emulator.

        Args:
            overrides: Fields of `Bedrock`; credentials among them replace the key pair.
        """
        from langchain_claude_cloud.config import Bedrock  # noqa: PLC0415  # not needed to serve

        given: dict[str, Any] = {"region": self.region, "base_url": self.url}
        if overrides.get("api") == "claude-platform":
            given["workspace"] = self.workspace
        if not _BEDROCK_CREDENTIALS & set(overrides):
            given["access_key_id"] = self.aws_key.access_key_id
            given["secret_access_key"] = self.aws_key.secret_access_key
        return Bedrock(**given | overrides)

    def reply(
        self,
        *blocks: Block | str | Mapping[str, object],
        **settings: Unpack[scripting.ReplySettings],
    ) -> scripting.Reply:
        """Queue an answer for the next request that fits.

        Args:
            blocks: The content: `text`, `thinking`, `tool_use`, `raw_tool_use`, a plain string, or
                the JSON of a block, which is sent as it is. Without blocks, the stand-in answers,
                with these settings.
            settings: ``stop_reason``, ``stop_sequence``, ``stop_details``, ``usage``,
                ``chunk`` (characters a delta), ``delay`` (seconds between events); and which
                requests it is for: ``platform``, ``region``, ``operation`` (``invoke``,
                ``stream``, ``count_tokens``), ``times`` (None for all from now on), ``match`` (a
                text of the newest turn, `tool_result`, or a function of the request),
                ``field``, ``beta``. With
                ``stop_reason="pause_turn"`` the last block must be a `server_tool_use`, as
                the API's is: the request that continues it is refused as a prefill otherwise.

        Returns:
            The queued entry.

        Raises:
            ValueError: A setting has a value that no request or answer has.
        """
        scripting.check_settings("reply", scripting.ReplySettings, settings)
        entry = scripting.Reply(blocks=tuple(as_block(block) for block in blocks), **settings)
        self._state.script.add(entry)
        return entry

    def replay(
        self, recording: Mapping[str, object], **settings: Unpack[scripting.ReplaySettings]
    ) -> None:
        """Queue a recorded response.

        Args:
            recording: ``body`` (bytes or text) or ``body_b64``, and ``status``, ``headers``,
                ``kind`` (``json``, ``sse``, ``aws``). SSE is re-framed for a Bedrock request
                and an event stream for a Vertex one; otherwise the bytes are served as they
                are.
            settings: ``piece`` (bytes a network write), ``platform``, ``region``,
                ``operation``, ``times``.
        """
        self._state.script.add(scripting.make_replay(recording, **settings))

    def fault(
        self,
        *blocks: FaultKind | Block | str | Mapping[str, object],
        **settings: Unpack[scripting.FaultSettings],
    ) -> scripting.Fault:
        """Queue a fault; `FaultKind` and `Fault` list them.

        Args:
            blocks: A `FaultKind` or none, then the answer to damage. Without an answer, the
                stand-in's is damaged.
            settings: Fields of `Fault`, which replace those of the kind.

        Returns:
            The queued entry.

        Raises:
            ValueError: A setting cannot fit any request, or has no effect.
        """
        entry = make_fault(*blocks, **settings)
        self._state.script.add(entry)
        return entry

    @property
    def pending(self) -> int:
        """The number of queued entries that are not used up."""
        return len(self._state.script)

    def verify(self) -> None:
        """Check that all scripted replies were used, and that every request had one.

        Raises:
            AssertionError: A queued entry was not used as often as ``times`` says, or a request
                found no entry and ``unscripted`` is ``"error"``.
        """
        self._state.verify()

    def reset(self) -> None:
        """Forget the script and the recorded requests."""
        self._state.reset()
