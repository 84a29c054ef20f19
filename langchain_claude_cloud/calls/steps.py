"""What a driver asks its executor to do: the steps of a call.

A driver is a generator without I/O. It yields a step, and is sent what came of it, or has the
error raised at the yield. Threads and event loops differ by their executor alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from langchain_core.callbacks import BaseRunManager

from langchain_claude_cloud.platform.base import Platform, PlatformRequest
from langchain_claude_cloud.platform.timeouts import NO_TOTAL, Timeouts
from langchain_claude_cloud.response.stream import ResponseStream

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clients:
    """What an executor needs from the caller to do its work.

    Attributes:
        client: The caller's own client for sync calls.
        async_client: The same for async calls.
        url_fetcher: The caller's own way to get images and documents by URL.
        run_manager: Is told of each attempt that is followed by another (``on_retry``).
    """

    client: httpx.Client | None = None
    async_client: httpx.AsyncClient | None = None
    # Not in what frames show: a `functools.partial` shows the secret that it holds.
    url_fetcher: Callable[[str], bytes] | None = field(default=None, repr=False)
    run_manager: BaseRunManager | None = None


@dataclass(frozen=True, slots=True)
class Prepare:
    """Load or renew a platform's credentials, within what is left of the call's whole time."""

    platform: Platform
    timeouts: Timeouts = NO_TOTAL


@dataclass(frozen=True, slots=True)
class Fetch:
    """Get images and documents; the outcome is what was fetched, in the order of the URLs.

    Attributes:
        urls: What to get.
        optional: Those whose failure is given in place of their content.
        most_bytes: How many bytes all together may have.
        timeouts: How much is left of the call's whole time.
    """

    urls: Sequence[str]
    optional: frozenset[str]
    most_bytes: int
    timeouts: Timeouts


class Send(PlatformRequest):
    """Send a request; the outcome is an `HttpResponse`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Stream(Send):
    """Send a request and decode its response as it comes; what is decoded is handed out.

    Attributes:
        begin: Returns the decoder, given the response's headers.
    """

    is_stream: ClassVar[bool] = True
    begin: Callable[[Mapping[str, str]], ResponseStream[Any]]


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time go by.

    Attributes:
        seconds: How much.
        retry: What LangChain's callbacks are told of a retry; None if it is none.
    """

    seconds: float
    retry: Callable[[], RetryCallState] | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """Find something out, once for all calls that want to know it now.

    Attributes:
        key: What is found out.
        is_known: Returns what is known of it by now, if anything.
        steps: How it is found out.
        timeouts: How much is left of the call's whole time.
    """

    key: Hashable
    is_known: Callable[[], object]
    steps: Callable[[], Steps[None]]
    timeouts: Timeouts = NO_TOTAL


Step: TypeAlias = Prepare | Fetch | Send | Wait | Once
Steps: TypeAlias = Generator[Step, Any, T]
"""What a driver is, and what it returns; what it is sent depends on the step."""

NO_CLIENTS = Clients()
