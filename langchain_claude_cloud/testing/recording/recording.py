"""One test's recording: made from the real clouds, or replayed without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from vcr.cassette import Cassette
from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.record_mode import RecordMode
from vcr.request import Request

from langchain_claude_cloud.testing.recording import requests, responses
from langchain_claude_cloud.testing.recording.scrubbing import PROJECT
from langchain_claude_cloud.testing.recording.yaml_file import from_yaml, to_yaml

_TOKEN_URL: Final = "https://oauth2.googleapis.com/token"
_TOKEN: Final = {
    "status": {"code": 200, "message": "OK"},
    "headers": {"content-type": ["application/json"]},
    "body": {"string": b'{"access_token": "replayed", "expires_in": 3600, "token_type": "Bearer"}'},
}
_CLOUD_HOSTS: Final = ("amazonaws.com", "api.aws", "googleapis.com", "google.internal")
_LINK_LOCAL: Final = "169.254."
_AGAIN: Final = "If the change is meant, record the test again: pytest --claude-record"


class Recording:
    """The requests and responses of one test.

    Args:
        path: The file.
        records: Whether it is made, instead of replayed.
    """

    def __init__(self, path: Path, *, records: bool) -> None:
        self.path = path
        self.records = records
        self.problems: list[str] = []
        self._projects: set[str] = set()
        self._ignored: list[str] = []
        self._cassette: _Cassette | None = None
        if not records and not path.is_file():
            raise AssertionError(
                f"There is no recording {path}. Make it with credentials: pytest --claude-record"
            )

    def use(self) -> AbstractContextManager[object]:
        """Return a context in which all HTTP clients are recorded, or replayed."""
        mode = RecordMode.ALL if self.records else RecordMode.NONE
        context: AbstractContextManager[object] = _Cassette.use(
            recording=self,
            path=str(self.path),
            persister=self,
            record_mode=mode,
            match_on=[self._match],
            before_record_request=lambda request: requests.recorded(request, self._projects),
            drop_unused_requests=True,
        )
        return context

    def ignore(self, *paths: str) -> None:
        """Do not compare some parts of the requests, such as those that change with every run.

        Args:
            paths: ``body.system``, ``body.messages.0.content``, ``body.tools.*.description``.
        """
        self._ignored += paths

    def compared(self, request: requests.RecordedRequest) -> requests.RecordedRequest:
        """Return what is compared of a request."""
        return request.without(self._ignored) if self._ignored else request

    def attach(self, cassette: _Cassette) -> None:
        """Take note of vcrpy's side of it."""
        self._cassette = cassette

    def finish(self) -> None:
        """End a passed test: save the recording, or check that the whole recording was replayed.

        Raises:
            AssertionError: A request was not as recorded, or a recorded one was not made.
        """
        if self._cassette is None or self.records:
            self._write()
            return
        left = self._cassette.left()
        problems = self.problems or [
            f"Recorded, but not asked for any more:\n{each.text()}" for each in left
        ]
        if problems:
            raise AssertionError("\n".join([f"{self.path} does not fit:", *problems, _AGAIN]))

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the variables that a replay runs with: credentials that nobody has.

        Args:
            folder: Where a file with Google credentials is written.
        """
        path = folder / "replayed-credentials.json"
        login = {"client_id": "replayed", "client_secret": "replayed", "refresh_token": "replayed"}
        path.write_text(json.dumps({"type": "authorized_user", **login}), encoding="utf-8")
        found = requests.regions([request for request, _ in self._exchanges])
        region = found.get("AWS_REGION", "us-east-1")
        return {
            "ANTHROPIC_VERTEX_PROJECT_ID": PROJECT,
            "CLOUD_ML_REGION": found.get("CLOUD_ML_REGION", "global"),
            "GOOGLE_APPLICATION_CREDENTIALS": str(path),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": "REPLAYED",
            "AWS_SECRET_ACCESS_KEY": "replayed",
        }

    def load_cassette(
        self, path: str, serializer: object
    ) -> tuple[Sequence[Request], Sequence[dict[str, Any]]]:
        """Read the file for vcrpy; nothing of it when it is made anew.

        Raises:
            CassetteNotFoundError: It is made anew.
        """
        del path, serializer
        if self.records:
            raise CassetteNotFoundError
        answers = [responses.from_plain(answer) for _, answer in self._exchanges]
        return [request for request, _ in self._exchanges], answers

    def save_cassette(self, path: str, exchanges: object, serializer: object) -> None:
        """Do nothing for vcrpy, which cannot know whether the test passed."""

    def _write(self) -> None:
        known = frozenset(self._projects)
        exchanges = self._cassette.data if self._cassette is not None else []
        written = [
            {"request": request.plain, "response": responses.to_plain(answer, known)}
            for request, answer in exchanges
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(to_yaml({"exchanges": written}), encoding="utf-8")

    def _match(self, one: requests.RecordedRequest, other: requests.RecordedRequest) -> None:
        # How a matcher of vcrpy says no.
        assert self.compared(one).plain == self.compared(other).plain  # noqa: S101

    @cached_property
    def _exchanges(self) -> list[tuple[requests.RecordedRequest, dict[str, Any]]]:
        content: Any = from_yaml(self.path.read_text(encoding="utf-8"))
        return [
            (_request(exchange["request"]), exchange["response"])
            for exchange in content["exchanges"]
        ]


class _Cassette(Cassette):  # type: ignore[misc]  # vcrpy has no types
    """vcrpy's store of answers, which says what changed and lets no request out."""

    def __init__(self, recording: Recording, **settings: Any) -> None:  # noqa: ANN401  # vcrpy's
        super().__init__(**settings)
        self._recording = recording
        recording.attach(self)

    def left(self) -> list[requests.RecordedRequest]:
        """Return the requests that were not made yet."""
        return [each for number, each in enumerate(self.requests) if not self.play_counts[number]]

    def can_play_response_for(self, request: Request) -> bool:
        """Whether there is an answer.

        Raises:
            AssertionError: A replay would have to ask a cloud.
        """
        __tracebackhide__ = True
        if self._recording.records:
            return False
        if request.uri == _TOKEN_URL or super().can_play_response_for(request):
            return True
        problem = self._problem(request)
        if problem is None:
            return False
        self._recording.problems.append(problem)
        raise AssertionError(f"{self._recording.path} does not fit.\n{problem}\n{_AGAIN}")

    def play_response(self, request: Request) -> object:
        """Return the answer."""
        return _TOKEN if request.uri == _TOKEN_URL else super().play_response(request)

    def _problem(self, request: Request) -> str | None:
        """Return why a request has no answer; None for one that is not for a cloud."""
        wanted = self.filter_request(request)
        host = urlsplit(request.uri).hostname or ""
        if wanted is None:
            if not host.endswith(_CLOUD_HOSTS) and not host.startswith(_LINK_LOCAL):
                return None
            return f"A replay does not ask {host}: only requests for Claude are recorded."
        left = self.left()
        if not left:
            return f"One request more than was recorded:\n{wanted.text()}"
        compared = self._recording.compared
        old, new = compared(requests.closest(wanted, left)), compared(wanted)
        return f"A request is not as it was recorded, {requests.difference(old, new)}"


def _request(plain: dict[str, Any]) -> requests.RecordedRequest:
    return requests.RecordedRequest(
        plain["method"], plain["url"], plain.get("headers", {}), plain.get("body")
    )
