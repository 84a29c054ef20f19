"""What other clients for Claude get wrong when something fails: each with a test that we do not.

Their other failures of this kind are tested where the behaviour is:

- a stream that is cut, ends early, is damaged or reports an error passes for a whole answer, or
  leaks an exception of an HTTP library: `test_failover.test_a_broken_stream_never_ends_silently`
- an error inside a stream is no retryable class: the same, and `tests/errors/test_errors.py`
- Google's errors in an array are not read; a model's own status is lost; a long prompt is not told
  from a bad request; a quota of zero is retried: `tests/errors/test_errors.py`
- a refused request is retried; ``retry-after`` is not waited for, or waited for without end:
  `test_failover`, `tests/platform/http/test_http_limits.py`
- a read timeout is sent again and billed again; a stream without end: `test_resilience`
- keys are read once and expire; a hundred cold calls fetch a hundred tokens; a refused token is
  sent again: `tests/platform/test_resilience_auth.py`, `tests/platform/test_google_auth.py`
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from clouds import make_model
from langchain_core import exceptions as core

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    NotFoundError,
    OverloadedError,
    RequestTimeoutError,
    ServerError,
)
from langchain_claude_cloud.testing import CloudEmulator

Way = Callable[[ChatClaudeCloud], Any]


async def ainvoke(model: ChatClaudeCloud) -> object:
    """Ask for a whole answer."""
    return await model.ainvoke("Hi")


async def astream(model: ChatClaudeCloud) -> object:
    """Ask for a stream."""
    return [chunk async for chunk in model.astream("Hi")]


both_ways = pytest.mark.parametrize("way", [ainvoke, astream], ids=lambda way: way.__name__)


@both_ways
@pytest.mark.parametrize("status", [402, 408, 409, 413, 422, 424, 499, 501])
async def test_rarer_statuses_are_model_errors_too(
    emulator: CloudEmulator, cloud: str, status: int, way: Way
) -> None:
    """ChatAnthropic raises its SDK's own classes for them, which no middleware knows."""
    emulator.fault(status=status, message="no")
    with pytest.raises(core.ModelError) as caught:
        await way(make_model(emulator, cloud))
    assert isinstance(caught.value, ClaudeCloudError)
    assert caught.value.status_code == status


NOT_ANSWERS: Final[dict[str, bytes]] = {
    "a portal's page": b"<html><title>Sign in</title></html>",
    "a list": b"[]",
    "a string": b'"hello"',
    "nothing": b"",
    "an unknown operation": json.dumps(
        {"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}}
    ).encode(),
    "nested without end": b'{"content":' * 100_000,
    "no content": b'{"type": "message", "role": "assistant"}',
}


@both_ways
@pytest.mark.parametrize("what", NOT_ANSWERS)
async def test_a_good_status_with_another_body_is_an_error_of_ours(
    emulator: CloudEmulator, cloud: str, what: str, way: Way
) -> None:
    """ChatAnthropic: ``'str' object has no attribute 'model_dump'``."""
    headers = {"content-type": "text/html"}
    emulator.replay({"body": NOT_ANSWERS[what], "status": 200, "headers": headers, "kind": "json"})
    with pytest.raises(ClaudeCloudError) as caught:
        await way(make_model(emulator, cloud))
    # An error with a good status is the error that it says.
    kind = NotFoundError if what == "an unknown operation" else ServerError
    assert isinstance(caught.value, kind | core.ModelConnectionError)
    assert len(str(caught.value)) < 5000


async def test_three_outages_are_not_met_within_a_third_of_a_second(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Botocore tries three times within 0.3 s; we wait as long as the cloud says."""
    emulator.fault(status=503, retry_after=0.4, times=2)
    begin = time.monotonic()
    await make_model(emulator, cloud, max_retries=2).ainvoke("Hi")
    assert time.monotonic() - begin > 0.7


async def test_a_model_that_ran_out_of_time_is_asked_again(emulator: CloudEmulator) -> None:
    """Botocore does not retry a 408 ModelTimeoutException; Bedrock says that it may be."""
    emulator.fault(status=408, error_type="ModelTimeoutException", retry_after=0.01)
    answer = await make_model(emulator, "bedrock", max_retries=1).ainvoke("Hi")
    assert answer.text
    emulator.fault(status=408, error_type="ModelTimeoutException")
    with pytest.raises(RequestTimeoutError):
        await make_model(emulator, "bedrock").ainvoke("Hi")


async def test_an_early_overload_inside_a_good_response_is_retried(
    emulator: CloudEmulator, cloud: str
) -> None:
    """Nothing was shown yet; the SDKs give up at the first byte of a 200."""
    error = {"type": "overloaded_error", "message": "Overloaded"}
    emulator.fault(error_event=error, after_events=0)
    emulator.reply("Whole.")
    model = make_model(emulator, cloud, max_retries=1)
    assert "".join([chunk.text async for chunk in model.astream("Hi")]) == "Whole."
    emulator.fault(error_event=error, after_events=0)
    with pytest.raises(OverloadedError) as caught:
        await astream(make_model(emulator, cloud))
    assert caught.value.status_code == 529
