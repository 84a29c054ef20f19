"""Compares what came of a fault with what its row says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from fault_case import WAYS, Seen, Stage, Way, partial_text, play
from fault_row import EVERYWHERE, Outcome, Row
from fault_wire import REQUEST_ID, TEXT, Endpoint

from langchain_claude_cloud.errors import ClaudeCloudError

Differences: TypeAlias = dict[str, tuple[object, object]]

_LONGEST_TEXT: Final = 700
_PLAIN: Final = frozenset({"invoke", "ainvoke", "stream", "astream"})
# What is the same code for both clouds is met on one in threads and on the other on a loop;
# and so it is for Bedrock's other APIs.
_ONCE: Final[Mapping[Endpoint, frozenset[str]]] = {
    "vertex": _PLAIN | {"invoke-long", "aevents"},
    "bedrock": _PLAIN | {"ainvoke-long", "events"},
    "messages": frozenset({"invoke", "stream"}),
    "mantle": frozenset({"ainvoke", "astream"}),
}
# botocore takes a tenth of a second of CPU to make a client for STS.
_COSTLY: Final = frozenset({"invoke", "astream"})
_RETRYING: Final[Mapping[Endpoint, frozenset[str]]] = {
    "vertex": frozenset({"invoke", "astream", "ainvoke-long"}),
    "bedrock": frozenset({"ainvoke", "stream", "invoke-long"}),
    "messages": frozenset({"astream"}),
}


@dataclass(frozen=True)
class Case:
    """One fault on one cloud, met in one way."""

    row: Row
    cloud: Endpoint
    way: Way
    max_retries: int = 0

    @property
    def name(self) -> str:
        """What to call it in a report."""
        return f"{self.row.name} {self.cloud} {self.way.name}"

    @property
    def expected(self) -> Outcome:
        """What must come of it."""
        found = self.row.whole if self.way.mode == "whole" else self.row.streamed
        if found is None:
            raise LookupError(self.name)
        return found

    @property
    def is_retried(self) -> bool:
        """Whether the request is sent again, if that is allowed."""
        is_over = self.way.mode == "streamed" and bool(self.expected.partial)
        return self.expected.retried and not is_over


def cases_of(rows: Iterable[Row], clouds: Iterable[Endpoint] = EVERYWHERE) -> list[Case]:
    """Return the cases of rows without retries."""
    return _cases(rows, clouds, _ONCE, max_retries=0)


def retrying_cases_of(rows: Iterable[Row], clouds: Iterable[Endpoint] = EVERYWHERE) -> list[Case]:
    """Return the cases of rows with one retry."""
    return _cases(rows, clouds, _RETRYING, max_retries=1)


def _cases(
    rows: Iterable[Row],
    clouds: Iterable[Endpoint],
    ways: Mapping[Endpoint, frozenset[str]],
    *,
    max_retries: int,
) -> list[Case]:
    wanted = tuple(clouds)
    return [
        Case(row, cloud, way, max_retries)
        for row in rows
        for cloud in row.clouds
        if cloud in wanted
        for way in WAYS
        if way.name in _names(row, cloud, ways) and _makes_sense(row, way)
    ]


def _names(row: Row, cloud: Endpoint, ways: Mapping[Endpoint, frozenset[str]]) -> frozenset[str]:
    """Return the names of the ways in which an endpoint's fault is met."""
    names = ways.get(cloud, frozenset())
    if row.fault.identity != "role":
        return names
    return _COSTLY if cloud == "bedrock" else _COSTLY & names


def _makes_sense(row: Row, way: Way) -> bool:
    return (row.whole if way.mode == "whole" else row.streamed) is not None


def play_all(stage: Stage, cases: Iterable[Case]) -> list[tuple[Case, Seen]]:
    """Play cases at the same time, most of which only wait."""
    listed = list(cases)
    with ThreadPoolExecutor(16) as threads:
        seen = threads.map(
            lambda case: play(stage, case.row, case.cloud, case.way, max_retries=case.max_retries),
            listed,
        )
        return list(zip(listed, seen, strict=True))


def problems(
    played: Iterable[tuple[Case, Seen]], compare: Callable[[Case, Seen], Differences]
) -> dict[str, Differences]:
    """Return what differs, by the name of the case; nothing if all is as the rows say."""
    found = {case.name: compare(case, seen) for case, seen in played}
    return {name: differences for name, differences in found.items() if differences}


def compare_once(case: Case, seen: Seen) -> Differences:
    """Compare a case without retries with its row."""
    expected = case.expected
    got: dict[str, object] = {
        "error": type(seen.error) if seen.error else None,
        "partial": partial_text(seen.error),
        "connection": seen.connection,
        "requests": seen.requests,
        "left open": seen.left_open,
        "strayed": seen.strayed,
        "again": seen.again if not case.row.fault.lasts else None,
    }
    wanted: dict[str, object] = {
        "error": expected.error,
        "partial": expected.partial,
        "connection": _connection(expected, seen),
        "requests": expected.requests,
        "left open": 0,
        "strayed": 0,
        "again": None,
    }
    differences = _differences(got, wanted)
    if seen.error is None or expected.error is None:
        return differences | _differences({"text": _text(seen)}, {"text": TEXT})
    return differences | _compare_error(case, seen, seen.error)


def _connection(expected: Outcome, seen: Seen) -> str:
    is_free = expected.connection == "either" and seen.connection in {"closed", "kept"}
    return seen.connection if is_free else expected.connection


def _compare_error(case: Case, seen: Seen, error: Exception) -> Differences:
    row = case.row
    wanted: dict[str, object] = {"status_code": row.status, "retry_after": row.retry_after}
    cloud = case.cloud if case.cloud in row.error_type or case.cloud == "vertex" else "bedrock"
    if cloud in row.error_type:
        wanted["error_type"] = row.error_type[cloud]
    if row.has_id:
        wanted["request_id"] = REQUEST_ID
    got = {name: getattr(error, name, "no such attribute") for name in wanted}
    if case.way.mode == "streamed":
        got["handed out"] = seen.said.handed_out
        wanted["handed out"] = case.expected.partial or ""
    if row.says not in str(error).lower():
        got["message"], wanted["message"] = str(error), row.says
    return _differences(got, wanted)


def compare_retried(case: Case, seen: Seen) -> Differences:
    """Compare a case with one retry with its row: asked again, and answered, or neither."""
    expected, again = case.expected, case.is_retried
    fails = expected.error is not None and (case.row.fault.lasts or not again)
    got: dict[str, object] = {
        "error": type(seen.error) if seen.error else None,
        "left open": seen.left_open,
        "strayed": seen.strayed,
    }
    wanted: dict[str, object] = {
        "error": expected.error if fails else None,
        "left open": 0,
        "strayed": 0,
    }
    if not fails:
        got["text"], wanted["text"] = _text(seen), TEXT
    if case.row.fault.lasts:
        got["tries"], wanted["tries"] = _tries(seen.error), 1 + again
    else:
        unsent = expected.requests == 0 and not fails
        got["requests"] = seen.requests
        wanted["requests"] = expected.requests + (again or unsent)
    return _differences(got, wanted)


def _tries(error: Exception | None) -> int:
    """Return how often it was tried, of one or two times: the first failure is a cause."""
    causes: list[BaseException] = []
    cause = getattr(error, "__cause__", None)
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__
    return 1 + any(isinstance(each, ClaudeCloudError) for each in causes)


def compare_place(case: Case, seen: Seen) -> Differences:
    """Check that an exception says where it happened, in its fields and in its text."""
    error = seen.error
    if not isinstance(error, ClaudeCloudError):
        return {}
    fields = {"platform": error.platform, "model": error.model, "region": error.region}
    wrong: Differences = {name: (value, "a value") for name, value in fields.items() if not value}
    text = str(error)
    # What issues credentials is not where the model is.
    issuer = "Google" if case.cloud == "vertex" else "AWS"
    label = "Vertex AI" if case.cloud == "vertex" else "Amazon Bedrock"
    place = (label, "claude-sonnet-4-6", "us-east")
    for part in (issuer,) if seen.requests == 0 and case.row.fault.identity else place:
        if part not in text:
            wrong[f"{part} in the text"] = (text, part)
    if len(text) > _LONGEST_TEXT:
        wrong["length of the text"] = (len(text), _LONGEST_TEXT)
    return wrong


def _text(seen: Seen) -> str | None:
    return None if seen.said.message is None else seen.said.message.text


def _differences(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> Differences:
    return {name: (got[name], wanted[name]) for name in wanted if got[name] != wanted[name]}
