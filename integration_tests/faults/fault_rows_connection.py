"""Faults of the network: nobody there, TLS, connections that break or go silent."""

from __future__ import annotations

from typing import Final

from fault_row import Connection, Fault, Outcome, Row, Script, Section
from fault_wire import ARRIVED, LAST_CHUNK, TEXT, Answer, Break, Step, Steps, chunk

from langchain_claude_cloud.errors import (
    ClaudeCloudError,
    ConnectionFailedError,
    InvalidRequestError,
    RequestTimeoutError,
    StreamInterruptedError,
)

SHORT: Final = 0.5
"""Seconds after which a stall is given up."""

_AGAIN: Final = "Sent again by itself; if it lasts, look at the network."
_ONCE_MORE: Final = "Ask again for the whole; what arrived is on the exception."


def _failed(
    error: type[ClaudeCloudError],
    *,
    retried: bool = True,
    partial: str | None = None,
    connection: Connection = "closed",
    requests: int = 1,
) -> Outcome:
    return Outcome(
        error=error, retried=retried, partial=partial, connection=connection, requests=requests
    )


_UNREACHED: Final = _failed(ConnectionFailedError, requests=0)
_NOBODY: Final = _failed(ConnectionFailedError, requests=0, connection="none")

NOT_REACHED: Final = Section(
    "The cloud is not reached",
    (
        Row(
            name="refused",
            title="The connection is refused",
            fault=Fault(place="nobody"),
            whole=_NOBODY,
            streamed=_NOBODY,
            advice="Check the network, the region and `base_url`; a firewall may need a proxy.",
            says="refused",
        ),
        Row(
            name="no-host",
            title="The host has no address (DNS)",
            fault=Fault(place="no-host"),
            whole=_NOBODY,
            streamed=_NOBODY,
            advice="Check the region and `base_url`, and DNS.",
            says="check the region and base_url, and dns",
        ),
        Row(
            name="untrusted",
            title="The TLS certificate is not trusted",
            fault=Fault(place="untrusted"),
            whole=_failed(ConnectionFailedError, retried=False, requests=0),
            streamed=_failed(ConnectionFailedError, retried=False, requests=0),
            advice=(
                "Behind a proxy that re-signs TLS, set `REQUESTS_CA_BUNDLE` (Vertex AI) or "
                "`AWS_CA_BUNDLE` (Bedrock) to its CA bundle."
            ),
            says="_ca_bundle",
        ),
        Row(
            name="plain-text",
            title="The server does not speak TLS",
            fault=Fault(place="plain-text"),
            whole=_UNREACHED,
            streamed=_UNREACHED,
            advice="Check `base_url`, and what stands between here and the cloud.",
            says="base_url",
        ),
        Row(
            name="handshake-reset",
            title="The connection is reset in the TLS handshake",
            fault=Fault(place="handshake-reset"),
            whole=_UNREACHED,
            streamed=_UNREACHED,
            advice=_AGAIN,
            says="check the network",
        ),
        Row(
            name="handshake-stall",
            title="The TLS handshake stalls",
            fault=Fault(place="handshake-stall", timeout={"connect": SHORT}),
            whole=_failed(RequestTimeoutError, requests=0),
            streamed=_failed(RequestTimeoutError, requests=0),
            advice="Check the network, or raise `timeout={'connect': seconds}`.",
            says="timeout={'connect': seconds}",
        ),
    ),
)


def _then(*parts: str, how: Break) -> Script:
    """Return a script that sends some parts of an answer and then breaks."""

    def script(answer: Answer) -> Steps:
        sent = b"".join(getattr(answer, part) for part in parts)
        return [sent, how] if sent else [how]

    return script


def _in_head(how: Break) -> Script:
    return lambda answer: [answer.head[: len(answer.head) // 2], how]


_WORDS: Final = {Break.RESET: "is reset", Break.CLOSE: "is closed", Break.STALL: "goes silent"}


def _before(place: str, words: str, how: Break, script: Script) -> Row:
    stalls = how is Break.STALL
    broken = _failed(ConnectionFailedError)
    return Row(
        name=f"{how.name.lower()}-{place}",
        title=f"The connection {_WORDS[how]} {words}",
        fault=Fault(wire=[script], timeout={"start": SHORT} if stalls else None),
        whole=_failed(RequestTimeoutError, retried=False) if stalls else broken,
        streamed=_failed(RequestTimeoutError) if stalls else broken,
        advice=(
            "Raise `timeout={'start': seconds}`, or stream. An answer that is wanted whole is not "
            "asked for again: it may still be in the making, and be billed."
            if stalls
            else _AGAIN
        ),
        says="timeout={'start': seconds}" if stalls else "check the network",
    )


def trickled(data: bytes) -> list[Step]:
    """Return steps that send one byte after the other, each soon enough and all together late."""
    return [step for at in range(len(data)) for step in (data[at : at + 1], 0.05)]


def _trickling_body(answer: Answer) -> Steps:
    body = answer.body(answer.begun) if answer.streamed else answer.json
    return [answer.head, *trickled(body), Break.STALL]


_TRICKLES: Final = (
    Row(
        name="trickling-head",
        title="The headers come byte by byte, and late",
        fault=Fault(
            wire=[lambda answer: [*trickled(answer.head), Break.STALL]], timeout={"start": 2.0}
        ),
        whole=_failed(RequestTimeoutError, retried=False),
        streamed=_failed(RequestTimeoutError),
        advice="Raise `timeout={'start': seconds}`, which is for all of them.",
        says="timeout={'start': seconds}",
    ),
    Row(
        name="trickling-body",
        title="The body comes byte by byte, longer than the call may take",
        fault=Fault(wire=[_trickling_body], timeout={"total": 3.0}),
        whole=_failed(RequestTimeoutError, retried=False),
        streamed=_failed(RequestTimeoutError, retried=False),
        advice="Raise `timeout={'total': seconds}`, which is for the whole call.",
        says="the rest of the call's 3 s",
    ),
)

BEFORE_THE_ANSWER: Final = Section(
    "The connection breaks before the answer",
    _TRICKLES
    + tuple(
        _before(place, words, how, script)
        for how in Break
        for place, words, script in (
            ("before-head", "before the answer's headers", _then(how=how)),
            ("in-head", "in the middle of the headers", _in_head(how)),
        )
    ),
)


def _redirect(status: str) -> Script:
    return lambda answer: answer.plain(status, b"", f"location: {answer.elsewhere}/v1/other")


_REFUSED: Final = Outcome(error=InvalidRequestError, connection="kept")

REDIRECTS: Final = Section(
    "Another server is named",
    tuple(
        Row(
            name=f"redirect-{status[:3]}",
            title=f"A redirect (HTTP {status})",
            fault=Fault(wire=[_redirect(status)]),
            whole=_REFUSED,
            streamed=_REFUSED,
            advice=(
                "Never followed: credentials would go along. Set `base_url` to the final address; "
                "a captive portal or proxy may be answering."
            ),
            says="set base_url to the final address",
            status=int(status[:3]),
        )
        for status in (
            "301 Moved Permanently",
            "302 Found",
            "303 See Other",
            "307 Temporary Redirect",
            "308 Permanent Redirect",
        )
    ),
)


def _in_event(how: Break) -> Script:
    """Return a script that ends in the middle of an event or frame, between two chunks."""

    def script(answer: Answer) -> Steps:
        following = answer.events[4]
        return [answer.head + answer.half + chunk(following[: len(following) // 2]), how]

    return script


def _in_chunk(how: Break) -> Script:
    """Return a script that ends in the middle of an HTTP chunk."""

    def script(answer: Answer) -> Steps:
        following = chunk(answer.events[4])
        return [answer.head + answer.half + following[: len(following) // 2], how]

    return script


def _before_the_last(how: Break) -> Script:
    return lambda answer: [answer.head + chunk(answer.all_but_the_last), how]


def _advice(*, stalls: bool, partial: str | None) -> str:
    if not stalls:
        return _ONCE_MORE if partial else _AGAIN
    again = _ONCE_MORE if partial else "Sent again by itself if it is streamed."
    return f"Raise `timeout={{'idle': seconds}}`. {again}"


def _in_body(
    place: str, words: str, how: Break, script: Script, partial: str | None, *, whole: bool
) -> Row:
    stalls = how is Break.STALL
    error = RequestTimeoutError if stalls else StreamInterruptedError
    return Row(
        name=f"{how.name.lower()}-{place}",
        title=f"The connection {_WORDS[how]} {words}",
        fault=Fault(wire=[script], timeout={"idle": SHORT} if stalls else None),
        whole=_failed(error, retried=not stalls) if whole else None,
        streamed=_failed(error, partial=partial),
        advice=_advice(stalls=stalls, partial=partial),
        says="timeout={'idle': seconds}" if stalls else "again",
        has_id=True,
    )


IN_THE_ANSWER: Final = Section(
    "The connection breaks in the answer",
    tuple(
        _in_body(place, words, how, script, partial, whole=whole)
        for how in Break
        for place, words, script, partial, whole in (
            ("after-head", "right after the headers", _then("head", how=how), None, True),
            (
                "mid-body",
                "in mid-answer, between two events",
                _then("head", "half", how=how),
                ARRIVED,
                True,
            ),
            ("mid-event", "in the middle of an event or frame", _in_event(how), ARRIVED, False),
            ("mid-chunk", "in the middle of an HTTP chunk", _in_chunk(how), ARRIVED, False),
            ("before-the-end", "before the last event", _before_the_last(how), TEXT, False),
        )
    ),
)


def _ended(*, events: slice, cut: int = 0) -> Script:
    """Return a script that ends a stream in good order, but too early."""

    def script(answer: Answer) -> Steps:
        sent = b"".join(answer.events[events])
        sent = sent[: len(sent) - cut]
        return [answer.head + (chunk(sent) if sent else b"") + LAST_CHUNK]

    return script


def _early(name: str, title: str, script: Script, partial: str | None) -> Row:
    return Row(
        name=name,
        title=title,
        fault=Fault(wire=[script]),
        whole=None,
        streamed=_failed(StreamInterruptedError, partial=partial, connection="kept"),
        advice=_ONCE_MORE if partial else _AGAIN,
        says="send the request again",
        has_id=True,
    )


ENDED_EARLY: Final = Section(
    "The stream ends in good order, but too early",
    (
        _early("empty", "An empty stream", _ended(events=slice(0)), None),
        _early("end-after-start", "It ends after message_start", _ended(events=slice(1)), ""),
        _early("end-mid", "It ends in mid-answer", _ended(events=slice(4)), ARRIVED),
        _early(
            "end-mid-event",
            "It ends in the middle of an event or frame",
            _ended(events=slice(5), cut=20),
            ARRIVED,
        ),
        _early("no-stop", "message_stop is missing", _ended(events=slice(-1)), TEXT),
        _early(
            "no-stop-reason",
            "message_delta is missing, and the stop reason with it",
            lambda answer: answer.stream(b"".join([*answer.events[:-2], answer.events[-1]])),
            TEXT,
        ),
    ),
)

CONNECTION_SECTIONS: Final = (
    NOT_REACHED,
    BEFORE_THE_ANSWER,
    REDIRECTS,
    IN_THE_ANSWER,
    ENDED_EARLY,
)
