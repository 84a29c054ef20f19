"""Plays every fault and writes what came of it to docs/reliability.md.

Run it: ``make reliability``. It writes the page only if all was as the
rows say; otherwise it prints what was not.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fault_case import Stage, staged
from fault_check import (
    Differences,
    cases_of,
    compare_once,
    compare_retried,
    play_all,
    problems,
    retrying_cases_of,
)
from fault_row import BEDROCK, INVOKE, SSE, VERTEX, Outcome, Row, Section
from fault_rows import SECTIONS

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
"""Where the page is."""

_HEAD: Final = """# Reliability

This page describes how the package handles failures. The tables list every fault that the test
suite causes, and what happens then. The tests run against `ChatClaudeCloud` on real sockets: on
both clouds, sync and async, with `invoke`, `stream` and v3 events; on Bedrock through InvokeModel,
the Messages API and mantle. `make reliability` runs them and writes the tables.

**Every failure is a typed error.** It is a subclass of
`langchain_claude_cloud.errors.ClaudeCloudError` and of the matching class of
`langchain_core.exceptions.ModelError`. It carries `platform`, `model`, `region`, `status_code`,
`error_type`, `request_id`, `retry_after` and `body` as far as they are known, and its text says
what to do. An incomplete answer is never returned as if it were complete.

**Partial answers.** If a stream breaks off, `partial_message` of the exception has the part of the
message that arrived. An unfinished tool call is in its `invalid_tool_calls`, never in `tool_calls`.

**Retries.** Lost connections, timeouts, and the statuses 408, 409, 429, 500, 502, 503, 504 and 529
are retried up to `max_retries` times (2 by default), also if the error arrives inside a stream. The
waits are random and grow, or are as long as the cloud asked for (`retry-after`, up to a minute; if
it is longer, the call fails). Three things are never retried: a request whose answer has begun to
reach the caller; a request without streaming that ran out of time, because it may still run and be
billed; and a failure that would happen again, such as a quota of zero.

**`invoke` that streams internally.** With `max_tokens` unset or above 21,333, `invoke` streams
internally. Then the column `stream` applies to it. Because the caller has received nothing, the
request is retried even if the stream breaks off in the middle.

**Timeouts.** By default 5 s to connect (TLS included), 600 s until the answer begins, and between
two parts of the answer 120 s on Vertex AI and 300 s on Amazon Bedrock, which sends no pings.
`timeout=60` sets the last two; `timeout={"connect": 2, "start": 30, "idle": 60}` sets each of them.
None of them limits the whole call. `"total"` does, with all retries, until the first content of a
stream.

**Failover.** With a list of platforms, each is tried once before any is tried again. Lost
connections, 401, 403, 404, 429, 5xx and 529 move the call to the next platform at once. Bad
requests (400, 413) do not move it to the platforms further down, only to those further up that had
failed before, and timeouts of requests without streaming move it nowhere. A platform that failed is
tried last for as long as it asked to wait, or else for 30 seconds; the time doubles with each
failure in a row, up to five minutes. A call that waits for its turn there (see *Pacing*) moves on if
the platform fails, or if it is throttled and many calls wait. Once content has reached the caller,
the call does not move any more.

**A list is never worse than its best member.** A platform that cannot take a request (because of a
server tool, its size, a missing region or profile) is skipped for that request. A limit of this
machine, such as the number of open files, does not count as a failure of a platform.

**Isolation.** Calls share no mutable state except what the tables below list. Each entry belongs to
one place: an endpoint, a model and an identity (project or account, credentials, region). Headers,
model, platform, betas and timeouts of one call never affect another, whichever threads and tasks
share the instance. If one endpoint refuses, throttles or fails, this has no effect on another
endpoint, model or identity.

**Pacing.** After a 429, all calls of the process to that endpoint and model share one rate. It
starts a little below what the endpoint accepted, grows while nothing is refused, and ends a minute
after the last 429. Without a 429, single calls never wait. A large burst starts at 500 calls a
second, so that a refusal arrives before thousands of calls are sent.

With a small quota a minute (up to about 60 requests), calls wait for the next minutes: 30 calls at
once against 12 a minute take two to three minutes and lose nothing with the default `max_retries`.
What goes beyond the quota is tried one by one, and the last try of a call is kept for a time when
the endpoint accepts requests. `timeout={"total": seconds}` limits the wait of each call. If nothing
has been accepted for two minutes, the calls end with the error. A call alone waits for its
own backoff only. Some calls may still be lost if several processes share a small quota, if
requests of very different size share a quota of tokens, or with a quota of about one a second.
`python -m benchmarks.pacing` simulates this.

**Rate limits.** `requests_per_minute` and `tokens_per_minute` limit the calls of the process to one
endpoint, in any 60 seconds. A limit above 600 requests is spread evenly over the seconds; with a
lower one, up to ten requests may be sent at once. Instances with the same two limits share them. A
call above the limit waits, at most for its `total`. Every request counts, retries included;
counting tokens does not. Tokens are estimated when a request begins, and corrected by the usage
that the cloud reports. On Bedrock, `max_tokens` is reserved until the answer is complete, because
Bedrock's quota does the same: set a small `max_tokens` if many calls run at once. Tokens read from
the cache do not count. Output tokens count as in the cloud's quota ([five times](features.md) on
Bedrock since Claude 4).

| What is kept for the process (`calls/memory.py`) | Key | Bound | Lifetime |
|---|---|---|---|
| circuit breakers of endpoints that fail | place | 1,000 | what the cloud asked for, else 30 s to 5 min |
| pace of throttled endpoints | place (counting apart) | 1,000 | 60 s after the last throttle |
| what was sent in the last minute under limits of the user's | place and limits | 1,000 | 2 min after the last call |
| features that an endpoint does not support | place | 1,000 | 6 h |
| endpoints that refused the 1M context | place | 1,000 | 1 h |
| shorter default answers for small quotas of tokens | place | 1,000 | 10 min |
| what an ARN stands for | place | 1,000 | 12 h; 5 min after a failure that may pass |
| endpoints that do not count tokens | place | 1,000 | 6 h; 5 min without the permission; 30 s when not reached |
| the last prompt that was counted, as hashes | place and arguments | 100 | 1 h |
| images and documents by URL (without a `url_fetcher`) | URL | 64 MB | 1 h |
| notices that were logged | text | 1,000 | 1 day |
| locks of lookups under way | place | 1,000 | 1 h |

Tests begin with `MEMORY.reset()`. The other state that outlives a call is in `platform/`:

| What is kept there | Key | Bound | Lifetime |
|---|---|---|---|
| connections of threads (`http/pool.py`) | origin and trusted certificates | 64, and below the limit of open files | idle ones for a minute at most, `close()`, the process |
| connections of an event loop (`http/pool.py`, `http/loops.py`) | event loop, origin, trusted certificates | as above | as above, and the loop |
| work that tasks of a loop wait for together (`timeouts.py`) | event loop, what it is | one entry for each | until it is done |
| TLS contexts (`http/environment.py`) | trusted files and when they changed | 8 | the process |
| Google credentials (`credentials.py`) | what the user gave; else the variables and files that say which | 256, with AWS's | 1 h without a call |
| AWS credentials (`credentials.py`) | keys, profile, session, role, external id, region; variables and files | 256, with Google's | 1 h without a call |
| locks and sockets to be renewed or closed in a forked child (`shared_state.py`, `http/loops.py`) | held weakly | what lives | what lives |

The catalogue is read once. Each model object keeps the routes of its last call.

| What is adapted | On which words, at the start of the message | For how long |
|---|---|---|
| `eager_input_streaming` of tools | `tools.N...eager_input_streaming: Extra inputs are not permitted`, `... not supported` | 6 h, that place |
| `output_config.format` becomes a tool | the same with `output_config.format`; Google's `constraints/vertexai.allowedPartnerModelFeatures` | 6 h, that place |
| the same for one schema | any other complaint about `output_config.format`, or a schema that is too complex | that call |
| forced `tool_choice` of that tool | `tool_choice ... not supported` | 6 h, that place |
| automatic `cache_control` becomes a breakpoint | `cache_control: Extra inputs are not permitted` | 6 h, that place |
| `disable_parallel_tool_use` of structured output | `tool_choice....disable_parallel_tool_use: Extra inputs are not permitted` | 6 h, that place |
| betas that the package adds | `Unexpected value(s) ... for the anthropic-beta header`; `invalid beta flag` | 6 h, that place |
| the default `max_tokens` | `max_tokens: N > M`, where N was sent | 6 h, that place |
| the default `max_tokens`, to the room that is left | `input length and max_tokens exceed context limit: A + B > C` | that call |
| the default `max_tokens`, a quarter of it, at least 4,096 | a 429 of Bedrock that names tokens | 10 min, that place |
| the context of 1M tokens is asked for | the prompt does not fit, on a model that needs the beta | that call |
| thinking that is bound to another conversation is dropped | `messages.N.content.M: Invalid signature in thinking block` | 6 h, that place; left out of the history: that call |

The wordings of Bedrock's own validation, of Google's front end and of gateways count, too (`Unknown
parameter: 'output_config'`). The package leaves out only what it added itself, never what the user
asked for. It logs the first time. If the changed request is refused too, the first error is raised.

On Bedrock, `max_tokens` counts against the quota when a request begins. The default is still the
model's limit, because a cut answer can cost an agent its file, and most accounts have enough quota.
If a token quota runs out, the default is smaller for ten minutes.

**Connections.** *closed*: the connection is closed at once, before the exception reaches the
caller. *kept*: the answer was read to its end, and the connection serves the next call. *either*:
one of the two, because the whole answer may have arrived before it was refused. *none*: there was
no connection. In every row, nothing is left open after the model is closed, and the next call
succeeds.

In the tables, *all* is Vertex AI and Bedrock by each of these APIs. *Requests* is the number of
requests that reach the cloud with `max_retries=0`, and with `max_retries=1` if the fault happens
once. If the fault lasts, the column says whether the request is tried again.
"""

_HEADER: Final = (
    "What happens",
    "Where",
    "`invoke`",
    "requests",
    "`stream`",
    "requests",
    "connection",
    "What to expect, what to do",
)
_CLOUDS: Final = {
    VERTEX: "Vertex AI",
    INVOKE: "InvokeModel",
    BEDROCK: "Bedrock",
    SSE: "all but InvokeModel",
}


def page(sections: Sequence[Section]) -> str:
    """Return the page with a table for each section."""
    return "\n".join([_HEAD, *(_section(section) for section in sections)])


def _section(section: Section) -> str:
    lines = [_HEADER, ["---"] * len(_HEADER), *(_cells(row) for row in section.rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {section.title}\n\n{table}\n"


def _cells(row: Row) -> list[str]:
    connections = {each.connection for each in (row.whole, row.streamed) if each}
    return [
        row.title,
        _CLOUDS.get(row.clouds, "all"),
        _result(row.whole),
        _requests(row, row.whole, is_over=False),
        _result(row.streamed),
        _requests(row, row.streamed, is_over=row.handed_out),
        " / ".join(sorted(connections)),
        row.advice,
    ]


def _result(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    if outcome.error is None:
        return "the answer"
    partial = " with the partial answer" if outcome.partial else ""
    return f"`{outcome.error.__name__}`{partial}"


def _requests(row: Row, outcome: Outcome | None, *, is_over: bool) -> str:
    if outcome is None:
        return "-"
    again = outcome.retried and not is_over
    if row.fault.lasts:
        return f"{outcome.requests}; {'tried again' if again else 'not tried again'}"
    return f"{outcome.requests}, {outcome.requests + again}"


def differences(stage: Stage) -> dict[str, Differences]:
    """Play every fault; return what was not as the rows say."""
    found: dict[str, Differences] = {}
    for section in SECTIONS:
        found |= problems(play_all(stage, cases_of(section.rows)), compare_once)
        found |= problems(play_all(stage, retrying_cases_of(section.rows)), compare_retried)
        stage.emulator.reset()
    return found


def main() -> int:
    """Write the page, or say what keeps it from being true."""
    warnings.simplefilter("ignore")
    for name in list(os.environ):
        if name.startswith(
            ("AWS_", "GOOGLE_", "ANTHROPIC_", "CLAUDE_", "LANGSMITH_", "LANGCHAIN_")
        ):
            del os.environ[name]
    os.environ["NO_PROXY"] = "*"
    with staged() as stage:
        found = differences(stage)
    for name, each in found.items():
        print(name, each)
    if not found:
        PAGE.write_text(page(SECTIONS), encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
