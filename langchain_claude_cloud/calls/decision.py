"""Decide what follows a failed attempt: `decide` tells why a request was not sent again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from langchain_claude_cloud.calls.attempts import Attempts, FailedAttempt, scope_of
from langchain_claude_cloud.errors import ClaudeCloudError, ConfigurationError, InvalidRequestError

logger = logging.getLogger("langchain_claude_cloud")

_SHOWN: Final = 10
_BEFORE: Final = "Before that:"


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Send the request again.

    Attributes:
        index: Which of the routes it goes to.
        seconds: How long to wait before.
    """

    index: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the call.

    Attributes:
        error: The error that the caller gets.
    """

    error: ClaudeCloudError


Action: TypeAlias = SendAgain | GiveUp


def decide(error: ClaudeCloudError, attempts: Attempts) -> Action:
    """Return what follows a failed attempt. The first rule that applies decides.

    * A part of the answer was handed out: nothing is sent again.
    * The error ends the call: it may still be billed (a request that is not streamed and was not
      answered in time).
    * A limit of this machine: the same route again, after the backoff; no other is blamed.
    * A route that was not tried yet is tried at once, the user's first before those after it.
      A route that cannot take the request (a server tool, the size, its configuration) is
      skipped. What a cloud itself calls invalid is not sent to the routes after it.
    * A route that was tried and may pass is tried again when it may: after its backoff, or
      what it asked for, as often as ``max_retries`` says.
    * Else the call ends, with the error that tells most.

    Args:
        error: Why the attempt failed.
        attempts: The attempts so far, this one not recorded yet.
    """
    if attempts.has_content:
        attempts.broke_off(error)
        return GiveUp(_chain(error, attempts.failures))
    scope = attempts.record(error)
    if scope == "call":
        return GiveUp(_chain(error, attempts.failures))
    has_time = attempts.remaining() > 0
    following = attempts.next_untried() if scope != "machine" and has_time else None
    if following is not None:
        return SendAgain(following)
    ready = attempts.next_ready()
    if ready is None:
        return GiveUp(_chain(_most_telling(error, attempts), attempts.failures))
    if ready[1] >= attempts.remaining():
        return GiveUp(_chain(_out_of_time(error, attempts, ready[1]), attempts.failures))
    return SendAgain(*ready)


def give_up(error: ClaudeCloudError, attempts: Attempts) -> GiveUp:
    """End a call for a reason of its own: its route is not blamed."""
    attempts.release()
    return GiveUp(_chain(error, attempts.failures))


def _most_telling(error: ClaudeCloudError, attempts: Attempts) -> ClaudeCloudError:
    """Return the error to raise.

    What a cloud says of the request itself comes first. Then what may pass: whoever retries the
    whole call goes by ``is_retryable``. What was refused here comes last, and of that the first,
    as the user's first platform is what matters most.
    """
    errors = [failed.error for failed in attempts.failures]
    about_request = [other for other in errors if scope_of(other) == "request"]
    if about_request:
        return about_request[-1]
    last = {id(failed.route): failed.error for failed in attempts.failures}
    passing = [other for other in last.values() if other.is_retryable]
    if passing:
        return error if error.is_retryable else passing[-1]
    if scope_of(error) != "fit":
        return error
    said = [other for other in last.values() if scope_of(other) != "fit"]
    return said[-1] if said else errors[0]


def _out_of_time(error: ClaudeCloudError, attempts: Attempts, wait: float) -> ClaudeCloudError:
    error = _most_telling(error, attempts)
    error.add_note(
        f"Not sent again: the call has {max(0.0, attempts.remaining()):.1f} s left, and the next "
        f"attempt would be in {wait:.1f} s. Raise timeout={{'total': seconds}} to allow it."
    )
    return error


def log_retry(failed: FailedAttempt, attempts: Attempts, seconds: float) -> None:
    """Say that a request is sent again: at INFO to the same route, as a warning to another."""
    error, route = failed.error, attempts.route
    where = (failed.route.config.cloud, failed.route.known_region())
    what = (type(error).__name__, error.status_code, error.request_id)
    if failed.route is route:
        logger.info(
            "%s in %s failed with %s (HTTP %s, request id %s); it is asked again in %.2f s "
            "(attempt %d).",
            *where,
            *what,
            seconds,
            attempts.count + 1,
        )
        return
    skipped = isinstance(error, InvalidRequestError | ConfigurationError)
    logger.warning(
        "%s in %s %s %s (HTTP %s, request id %s); the call moves to %s in %s%s.",
        *where,
        "cannot take the request:" if skipped else "failed with",
        *what,
        route.config.cloud,
        route.known_region(),
        f" in {seconds:.2f} s" if seconds else "",
    )


def _chain(error: ClaudeCloudError, failures: Sequence[FailedAttempt]) -> ClaudeCloudError:
    """Let an error show the attempts before it, as its causes and in a note."""
    others = [failed for failed in failures if failed.error is not error]
    if not others:
        return error
    seen: set[int] = set()
    end = _end_of_causes(error, seen)
    for failed in reversed(others):
        # One exception may have ended several attempts: tasks share a token's renewal.
        if id(failed.error) in seen:
            break
        end.__cause__ = failed.error
        end = _end_of_causes(failed.error, seen)
    if not any(note.startswith(_BEFORE) for note in getattr(error, "__notes__", ())):
        error.add_note("\n".join([_BEFORE, *(f"- {failed}" for failed in others[-_SHOWN:])]))
    return error


def _end_of_causes(error: BaseException, seen: set[int]) -> BaseException:
    seen.add(id(error))
    while error.__cause__ is not None and id(error.__cause__) not in seen:
        error = error.__cause__
        seen.add(id(error))
    return error
