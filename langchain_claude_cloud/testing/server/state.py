"""What one emulator remembers: credentials, requests, script, prompt cache."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field, fields
from textwrap import shorten
from typing import Literal, TypedDict, TypeVar

from langchain_claude_cloud.testing.blocks import Block
from langchain_claude_cloud.testing.reply.tokens import PromptCache
from langchain_claude_cloud.testing.scripting import Entry, Script
from langchain_claude_cloud.testing.server.batch_state import BatchState
from langchain_claude_cloud.testing.wire import ControlRequest, ReceivedRequest

T = TypeVar("T")


class Latest(list[T]):
    """A list that keeps its newest items and drops older ones."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def append(self, item: T) -> None:
        """Add an item; drop the oldest one if there are too many."""
        super().append(item)
        del self[: -self._limit]


@dataclass(frozen=True, slots=True)
class AwsKey:
    """An access key that the emulator knows.

    Attributes:
        access_key_id: Its name.
        secret_access_key: Its secret.
        session_token: What a temporary key needs beside it.
        expires: Unix time, or None for a key that stays.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: float | None = None


@dataclass(slots=True)
class Settings:
    """How one emulator behaves.

    Attributes:
        strict: Whether request bodies are validated as the clouds do.
        project: The Google project of the credentials it hands out.
        region: The AWS region of the platforms it hands out.
        event_delay: Seconds between two events of a stream.
        token_lifetime: Seconds for which an issued Google token is good.
        application_profiles: Bedrock application profile id to the Claude model behind it.
        unscripted: What answers a request that no scripted entry fits: the stand-in, or an error.
        thinking_binding: Whether the accounts are new ones (from 2026-08-31), for which thinking
            of the 5.5 generation is bound to the conversation.
        activity_logging: Whether the clouds keep a log of requests and answers.
        keep_requests: How many requests of each kind are remembered; older ones are dropped.
        batch_jobs_at_once: How many batch jobs may wait or run at once; None: 4 on Vertex AI and
            20 for a model on Bedrock, as the clouds have it.
        batch_records: How many records a batch job may have; None: 100,000 on Vertex AI and
            50,000 on Bedrock.
        batch_bytes: How long a file with records may be on Vertex AI; 1 GB on Bedrock.
        batch_fewest_records: How many records a job on Bedrock has at least.
        workspace: The workspace of Claude Platform on AWS.
    """

    strict: bool = True
    project: str = "emulator-project"
    region: str = "us-east-1"
    event_delay: float = 0.0
    token_lifetime: float = 3600.0
    application_profiles: dict[str, str] = field(default_factory=dict)
    unscripted: Literal["stand_in", "error"] = "stand_in"
    thinking_binding: bool = True
    activity_logging: bool = False
    keep_requests: int = 1_000
    batch_jobs_at_once: int | None = None
    batch_records: int | None = None
    batch_bytes: int = 256_000_000
    batch_fewest_records: int = 100
    workspace: str = "wrkspc_emulator"


class EmulatorSettings(TypedDict, total=False):
    """The keyword arguments of `CloudEmulator` beside host and port."""

    strict: bool
    project: str
    region: str
    event_delay: float
    token_lifetime: float
    application_profiles: dict[str, str]
    unscripted: Literal["stand_in", "error"]
    thinking_binding: bool
    activity_logging: bool
    keep_requests: int
    batch_jobs_at_once: int | None
    batch_records: int | None
    batch_bytes: int
    batch_fewest_records: int
    workspace: str


class State:
    """Everything that the routes share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.script = Script()
        self.cache = PromptCache()
        self.requests: Latest[ReceivedRequest] = Latest(settings.keep_requests)
        self.control_requests: Latest[ControlRequest] = Latest(settings.keep_requests)
        self.token_requests: Latest[dict[str, str]] = Latest(settings.keep_requests)
        self.unscripted: Latest[ReceivedRequest] = Latest(settings.keep_requests)
        self.batches = BatchState()
        self.url = ""
        self.s3_url = ""
        self.tokens: dict[str, float] = {}
        self.aws_keys: dict[str, AwsKey] = {}
        self.api_keys: set[str] = {f"bedrock-api-key-{secrets.token_hex(16)}"}
        self.platform_api_key = f"aws-external-anthropic-key-{secrets.token_hex(16)}"
        self.refresh_token = f"1//emulator-{secrets.token_hex(16)}"

    def verify(self) -> None:
        """Check that the script and the requests fitted.

        Raises:
            AssertionError: An entry was left over, or a request found none.
        """
        missing = [f"- no reply for {_question(each)}" for each in self.unscripted]
        unused = [f"- never used: {_brief(each)}" for each in self.script.unused()]
        if missing or unused:
            raise AssertionError(
                "\n".join(["The emulator's script does not fit the requests:", *missing, *unused])
            )

    def note_unscripted(self, request: ReceivedRequest) -> str:
        """Remember a request that no entry fits, and say which one it is and what is waiting."""
        self.unscripted.append(request)
        waiting = [f"- {_brief(each)}" for each in self.script.unused()]
        asked = f"No scripted reply fits {_question(request)}."
        return "\n".join([asked, "Waiting:" if waiting else "No reply is waiting.", *waiting])

    def reset(self) -> None:
        """Forget the script, the recorded requests, and what is to go wrong with batches."""
        self.script.clear()
        self.batches.denied.clear()
        self.batches.faults.clear()
        for requests in (
            self.requests,
            self.unscripted,
            self.control_requests,
            self.token_requests,
        ):
            requests.clear()

    def issue_token(self, lifetime: float | None = None) -> str:
        """Return a new Google access token."""
        now = time.monotonic()
        for known, end in list(self.tokens.items()):
            if end <= now:
                self.tokens.pop(known, None)
        token = f"ya29.emulator-{secrets.token_hex(20)}"
        seconds = self.settings.token_lifetime if lifetime is None else lifetime
        self.tokens[token] = now + seconds
        return token

    def is_good_token(self, token: str) -> bool:
        """Whether a Google token was issued here and is not expired."""
        return self.tokens.get(token, 0.0) > time.monotonic()

    def issue_aws_key(self, lifetime: float | None = None) -> AwsKey:
        """Return a new AWS key; a temporary one with a session token if it expires."""
        token = None if lifetime is None else f"FwoGZXIvemulator{secrets.token_hex(32)}"
        key = AwsKey(
            access_key_id=("AKIA" if token is None else "ASIA") + secrets.token_hex(8).upper(),
            secret_access_key=secrets.token_urlsafe(30),
            session_token=token,
            expires=None if lifetime is None else time.time() + lifetime,
        )
        self.aws_keys[key.access_key_id] = key
        return key


def _question(request: ReceivedRequest) -> str:
    """Return a request in a line, for a failed test."""
    messages = request.body.get("messages") or [{}]
    said = json.dumps(messages[-1].get("content"), ensure_ascii=False)
    return f"{request.platform} {request.operation}: {shorten(said, 200)}"


def _brief(entry: Entry | Block) -> str:
    """Return an entry or a block in a line: what differs from one without settings."""
    values = ((each.name, getattr(entry, each.name), each.default) for each in fields(entry))
    changed = [
        f"{name}={_listed(value) if name == 'blocks' else repr(value)}"
        for name, value, default in values
        if value != default and value not in ({}, ())
    ]
    return shorten(f"{type(entry).__name__}({', '.join(changed)})", 300)


def _listed(blocks: tuple[Block, ...]) -> str:
    return f"[{', '.join(map(_brief, blocks))}]"
