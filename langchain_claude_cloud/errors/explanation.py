"""Says which kind of error a cloud's answer is, and writes its message.

The message tells what the cloud said, about which model and where, and what to do. What the clouds
are known to say is in ``known_errors.toml``, which is read when the first error is classified and
which ``docs/errors.md`` is made from.
"""

from __future__ import annotations

import errno
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from importlib import resources
from typing import Final, Literal

from pydantic import TypeAdapter

from langchain_claude_cloud import errors
from langchain_claude_cloud.errors.parsing import ParsedError
from langchain_claude_cloud.errors.redaction import clean
from langchain_claude_cloud.errors.types import LABELS, Cloud

_FIELD = re.compile(
    r"(?:The model returned the following errors: ?)?"
    r"(?:messages|system|tools|tool_choice|thinking|output_config|output_format|metadata"
    r"|stop_sequences|context_management)(?:\.[\w-]+)*: ?",
    re.IGNORECASE,
)
_ABOUT_ACCOUNT: Final = ("AuthenticationError", "PermissionDeniedError", "NotFoundError")
_FINAL: Final = frozenset((*_ABOUT_ACCOUNT, "InvalidRequestError", "RequestTooLargeError"))
# Too many open files in this process or system, no memory, no buffers, no port that is free.
_LOCAL_LIMITS: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
)


@dataclass(frozen=True, slots=True)
class KnownError:
    """One thing that a cloud says.

    Attributes:
        says: The cloud's words, shortened, for the documentation.
        patterns: What is searched for in the message, the error's type and its reasons.
        meaning: What it means, for the documentation.
        hint: What to do. Named groups of the pattern and the facts about the call may be used.
        cloud: The cloud that says it; None for both.
        kind: The class, where the status says otherwise.
        only: The classes, by status and type, that the text is looked for in.
        is_final: Whether it does not help to wait, although the kind is one that is retried.
    """

    says: str
    patterns: tuple[str, ...]
    meaning: str
    hint: str
    cloud: Cloud | None = None
    kind: str | None = None
    only: frozenset[str] = _FINAL
    is_final: bool = False

    def search(self, *texts: str) -> re.Match[str] | None:
        """Return where one of some texts says it."""
        pattern = "|".join(self.patterns)
        return next(filter(None, (re.search(pattern, text, re.IGNORECASE) for text in texts)), None)

    def search_in(self, parsed: ParsedError) -> re.Match[str] | None:
        """Return where an error says it, in its message, its type or its reasons.

        A message that begins with a field of the request may quote what the user wrote. It is about
        that field: a known text counts right behind it only, and not if it is about the account.
        """
        if field := _FIELD.match(parsed.message):
            found = self.search(parsed.message)
            counts = found and found.start() == field.end() and self.kind not in _ABOUT_ACCOUNT
            return found if counts else None
        return self.search(parsed.message, parsed.error_type or "", *sorted(parsed.reasons))


@dataclass(frozen=True, slots=True)
class KnownErrors:
    """The table.

    Attributes:
        statuses: What a status stands for where the error's name does not tell.
        exact_names: The statuses that names of errors stand for, whatever status they come with.
        other_names: Those of other names, for where none came.
        hints: What to do about an error whose text tells nothing more.
        errors: What texts say, the most exact first within a cloud.
    """

    statuses: Mapping[int, str]
    exact_names: Mapping[str, int]
    other_names: Mapping[str, int]
    hints: Mapping[Literal["vertex", "bedrock", "both"], Mapping[str, str]]
    errors: tuple[KnownError, ...]


@cache
def known_errors() -> KnownErrors:
    """Return the table."""
    file = resources.files("langchain_claude_cloud.errors").joinpath("known_errors.toml")
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return TypeAdapter(KnownErrors).validate_python(data)


def explained(
    parsed: ParsedError, place: errors.Place, describe: Callable[[str], str] | None = None
) -> errors.ClaudeCloudError:
    """Return the exception that an error becomes.

    Args:
        parsed: What the cloud said.
        place: What was asked.
        describe: Says what is known about a model that the cloud does not have.
    """
    table, name = known_errors(), parsed.error_type or ""
    exact = table.exact_names.get(name)
    status = parsed.status or exact or table.other_names.get(name, 500)
    parsed = replace(parsed, status=status)
    other = "InvalidRequestError" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "ServerError"
    kind = table.statuses.get(exact or status, other)
    clouds = (None, place["platform"])
    here = (each for each in table.errors if each.cloud in clouds and kind in each.only)
    known = next((each for each in here if each.search_in(parsed)), None)
    kind = (known and known.kind) or kind
    model = place["model"]
    note = describe(model) if describe and model and kind == "NotFoundError" else ""
    error: errors.ClaudeCloudError = getattr(errors, kind)(
        Explanation(parsed, place, kind, known, note),
        **place,
        status_code=status,
        error_type=parsed.error_type,
        request_id=parsed.request_id,
        retry_after=parsed.retry_after,
        body=parsed.body,
    )
    if known and known.is_final:
        error.is_retryable = False
    return error


@dataclass(frozen=True, slots=True)
class Explanation:
    """The message of an error, written when it is shown: most errors are retried unseen.

    Attributes:
        parsed: What the cloud said.
        place: What was asked.
        kind: The class.
        known: What is known about the cloud's text, if anything.
        note: What else is to be said, such as that the catalogue does not have the model.
    """

    parsed: ParsedError
    place: errors.Place
    kind: str
    known: KnownError | None
    note: str = ""

    def __str__(self) -> str:
        parsed, place = self.parsed, self.place
        said, more = parsed.message.rstrip(), " ".join(filter(None, (self.note, self._hint())))
        if "://" in said.split(" ")[-1]:  # a full stop would become part of the link
            said += " -" * bool(more)
        elif not said.endswith((".", "!", "?")):
            said += "."
        answer = f"{parsed.status} {parsed.error_type or ''}".rstrip()
        request = f", request id {parsed.request_id}" if parsed.request_id else ""
        model, region = place["model"] or "the model", place["region"] or "in use"
        where = f"refused {model} (region {region}, {answer}{request})"
        return f"{LABELS[place['platform']]} {where}: {said} {more}".rstrip()

    def __repr__(self) -> str:
        return repr(str(self))

    def _hint(self) -> str:
        platform, region = self.place["platform"], self.place["region"]
        model = self.place["model"] or "the model"
        facts = {
            "label": LABELS[platform],
            "model": model,
            "resource": model,
            "bare": re.sub(r"^[a-z-]+\.(?=anthropic\.)", "", model),
            "region": region or "in use",
            "spread": _spread(model),
        }
        hints = known_errors().hints
        general = hints[platform].get(self.kind) or hints["both"].get(self.kind, "")
        facts["general"] = general.format_map(facts)
        if self.known and (found := self.known.search_in(self.parsed)):
            facts |= {name: text for name, text in found.groupdict().items() if text}
        return self.known.hint.format_map(facts) if self.known else facts["general"]


def is_local_limit(cause: BaseException | None) -> bool:
    """Whether a limit of this machine is the reason of an exception, such as that of open files."""
    for _ in range(10):
        is_errno = getattr(cause, "errno", None) in _LOCAL_LIMITS
        if is_errno or isinstance(cause, errors.LocalLimitError):
            return True
        cause = cause and (cause.__cause__ or cause.__context__)
    return False


def local_limit(
    cause: BaseException,
    what: str,
    make: Callable[[str], errors.ClaudeCloudError] = errors.LocalLimitError,
) -> errors.ClaudeCloudError:
    """Return the error for what this machine ran out of; no endpoint is at fault.

    Args:
        cause: What was raised.
        what: What it was for, such as ``for a connection to ...``.
        make: Makes a `LocalLimitError` of its text.
    """
    reason = clean(str(cause) or type(cause).__name__, 300)
    happened = f"This machine has no files, memory, threads or ports left {what} ({reason})"
    remedy = "Raise the limit (ulimit -n for open files), or lower max_concurrency in the config"
    return make(f"{happened}. {remedy}.")


def remedy_of_login(refusal: str, otherwise: str) -> str:
    """Return what to do about a refused login: set the clock, if the refusal blames the time.

    Args:
        refusal: What was said.
        otherwise: What to do if it is about something else.
    """
    known = next(known for known in known_errors().errors if "clock" in known.hint)
    return known.hint if known.search(refusal) else otherwise


def _spread(model: str) -> str:
    several = "give `platform` a list of regions or clouds"
    if model.startswith("arn:"):  # an ARN takes no profile
        return f"{several}."
    if model.startswith(("global.", "us-gov.")):
        return f"{several}, or use a profile of a geography."
    return (
        f"{several}, or use the global profile if the model has one and data may leave the "
        'geography (`inference_profile="global"`).'
    )


def name_tools(error: Exception, names: Sequence[str]) -> None:
    """Add the names of tools to a refusal that tells them by their place only.

    Args:
        error: Made of an `Explanation`; any other stays as it is.
        names: The names of the tools of the request, in their order.
    """
    told = error.args[0] if error.args else None
    if isinstance(told, Explanation):
        places = dict.fromkeys(map(int, re.findall(r"\btools\.(\d+)\b", told.parsed.message)))
        say_more(error, *(f"tools.{n} is the tool {names[n]!r}." for n in places if n < len(names)))


def say_more(error: Exception, *sentences: str) -> None:
    """Add sentences to the message of an error; what to do stays at its end."""
    told, *others = error.args or ("",)
    if isinstance(told, Explanation):
        told = replace(told, note=" ".join(filter(None, (told.note, *sentences))))
    else:
        told = " ".join((str(told), *sentences))
    error.args = (told, *others)
