"""Checks of the settings of the user and the environment, which never show a secret.

Regions, projects and addresses become parts of a URL that credentials are sent to, so the clouds'
files and libraries are held to the same forms as the user.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import starmap
from math import isfinite
from typing import TYPE_CHECKING, Final, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from langchain_claude_cloud.catalogue.models import all_models
from langchain_claude_cloud.errors import ConfigurationError, InvalidInputError
from langchain_claude_cloud.errors.redaction import MASK, SafeHeaders, clean, reveal
from langchain_claude_cloud.errors.types import Cloud, Headers, InferenceProfile, JsonObject

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A header's name as HTTP has it."""

FIELD_ALIASES: Mapping[str, str] = {"model_name": "model", "stop": "stop_sequences"}
"""Other names of the model's fields; LangChain uses them."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_ALIASES: Final = {"opus": "opus", "sonnet": "sonnet", "haiku": "haiku", "small": "haiku"}
"""Each alias, and its family."""

_CLOUDS: Mapping[str, Cloud] = {"Vertex": "vertex", "Bedrock": "bedrock"}
_NO_ADDRESS = "is not an address such as 'https://gateway.example.com'"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A region is a label of a host name: anything else could send credentials elsewhere.
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_AWS_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}"
_GOOGLE_REGION = r"[a-z]+-[a-z]+\d{1,2}"
_ZONE = r".*\d-?[a-z]"
_GEOGRAPHIES = "|".join(get_args(InferenceProfile))
_VERTEX_REGION = (
    rf"(?!(?:{_AWS_REGION}|{_ZONE}|jp|au|in|apac|us-gov|europe|asia)$){_LABEL}",
    (
        "There are 'global', 'us' and 'eu', and each region such as 'us-east5'; 'us-east-1' is a "
        "region of AWS, and 'us-east5-a' is a zone."
    ),
)
_BEDROCK_REGION = (
    rf"(?!(?:{_GOOGLE_REGION}|{_ZONE}|{_GEOGRAPHIES})$){_LABEL}",
    (
        "It is a region such as 'us-east-1'; 'us-east1' is a region of Google Cloud, 'us-east-1a' "
        "is a zone, and a geography such as 'eu' is given as inference_profile."
    ),
)
_PROJECT = (
    # Dots in a row could climb out of a URL's path.
    r"[A-Za-z0-9](?:[A-Za-z0-9:-]|\.(?!\.))*",
    "It is a project's id or number, such as 'my-project'.",
)
_SHAPES: Mapping[str, tuple[str, str]] = {
    "Vertex.region": _VERTEX_REGION,
    "Vertex.count_tokens_region": _VERTEX_REGION,
    "Vertex.project": _PROJECT,
    "Vertex.quota_project": _PROJECT,
    "Bedrock.region": _BEDROCK_REGION,
    "Bedrock.project": (
        r"(?a:[\w-]+|arn:aws[a-z-]*:bedrock:[0-9a-z-]{1,20}:[0-9]{12}:project/[\w-]+)",
        "It is a project's id or ARN, such as 'proj_abc123'.",
    ),
    "Bedrock.role_arn": (
        r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+",
        "It is a role's ARN, such as 'arn:aws:iam::123456789012:role/name'.",
    ),
    "Bedrock.role_session_name": (
        r"[A-Za-z0-9+=,.@_-]{2,64}",
        "It is 2 to 64 letters, digits or any of '+=,.@_-'.",
    ),
}
"""The forms of fields, and what is said of a text that has not the form."""


def check_max_retries(max_retries: object) -> None:
    """Refuse what is no number of retries.

    Raises:
        ConfigurationError: It is not a whole number of 0 or more.
    """
    if type(max_retries) is not int or max_retries < 0:  # True is an int, too
        raise ConfigurationError(f"max_retries={max_retries!r} is no whole number of 0 or more.")


def check_json(values: JsonObject, deepest: int = 200) -> bool:
    """Refuse what is nested too deeply; return whether there is what JSON cannot hold.

    Files that were read with ``errors="surrogateescape"`` and texts that were cut within a
    character hold halves of characters, and calls that others parsed numbers such as infinity.

    Args:
        values: Fields of a body, or arguments of a call.
        deepest: How many levels they may have; Python's own functions give up at about a thousand.

    Raises:
        InvalidInputError: One is nested too deeply; the message names it.
    """
    is_odd = False
    for name, field in values.items():
        level = [name, field]
        for _ in range(deepest):
            deeper: list[object] = []
            for value in level:
                if isinstance(value, str):
                    is_odd |= not value.isascii() and bool(_SURROGATES.search(value))
                elif isinstance(value, float):
                    is_odd |= not isfinite(value)
                elif isinstance(value, dict):
                    deeper += [*value, *value.values()]
                elif isinstance(value, list | tuple):
                    deeper += value
            # A list that holds itself twice would double with every level.
            level = list({id(value): value for value in deeper}.values())
            if not level:
                break
        else:
            ways = "Look for arguments or content that hold themselves, or send deep data as text."
            raise InvalidInputError(f"{name!r} is nested more than {deepest} levels deep. {ways}")
    return is_odd


def refusal(owner: str, text: str) -> ConfigurationError:
    """Return a refusal that says which class it comes from."""
    return ConfigurationError(f"{owner}: {text}", platform=_CLOUDS.get(owner))


def check_text(owner: str, field: str, value: object, source: str | None = None) -> None:
    """Check one value of a field, given or from the environment.

    Args:
        owner: The class's name.
        field: The field's name, which decides on the shape.
        value: The value; only text and secrets are looked at.
        source: The environment variable that it comes from, or None.

    Raises:
        ConfigurationError: It is empty, has control characters or blanks around it, or
            the wrong shape.
    """
    place = f"{source} (for {field})" if source else field
    problem = _problem(owner, field, value)
    del value  # error trackers store what frames hold
    if problem:
        raise refusal(owner, f"{place} {problem}")


def _problem(owner: str, field: str, value: object) -> str | None:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        return None
    if not text:
        return "is empty. Leave it out, or give a value."
    if _CONTROL.search(text) or text != text.strip():
        return "has a line break, control character or blank at one end. Remove it."
    if field == "base_url" and (problem := url_problem(text)):
        return f"{problem}."
    shape, told = _SHAPES.get(f"{owner}.{field}", ("(?s:.*)", ""))
    return None if re.fullmatch(shape, text) else f"{_shown(text)} is malformed. {told}"


def url_problem(text: str) -> str | None:
    """Return why a text is no base URL to send credentials to, or None."""
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return _NO_ADDRESS
    if not url.hostname or not text.isprintable() or re.search(r"[\s\\]", text):
        return _NO_ADDRESS
    if url.username is not None or url.password is not None or "?" in text or "#" in text:
        return "must have no user name, password, query or fragment in it"
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname)):
        return "must start with https://, since it gets credentials; http:// is for localhost alone"
    return None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def from_environment(owner: str, field: str, names: Iterable[str]) -> str | None:
    """Return the first of some environment variables that is set and not empty.

    Raises:
        ConfigurationError: Its value is not of the field's shape.
    """
    for name in names:
        if os.environ.get(name):  # error trackers store what the frames of a refusal hold
            check_text(owner, field, os.environ[name], name)
            return os.environ[name]
    return None


def expand_alias(model: str) -> str:
    """Return the model that an alias stands for; any other name as it is.

    Args:
        model: ``opus``, ``sonnet``, ``haiku``, ``small``, or the name, id or ARN of a model.
    """
    if (family := _ALIASES.get(model)) is None:
        return model
    names = [f"ANTHROPIC_DEFAULT_{family.upper()}_MODEL"]  # Claude Code's
    if model == "small":
        names.insert(0, "ANTHROPIC_SMALL_FAST_MODEL")
    if (given := from_environment("ChatClaudeCloud", "model", names)) and given not in _ALIASES:
        return given
    rows = [row for row in all_models() if row.family == family]
    return next(row.name for row in rows if row.is_served("vertex") and row.is_served("bedrock"))


def check_headers(owner: str, headers: Headers | None) -> Headers:
    """Return headers that can be sent, their names in lower case.

    Raises:
        ConfigurationError: A name or value could smuggle in another header.
    """
    if not headers:
        return {}
    safe = SafeHeaders(headers)  # error trackers store what frames hold
    del headers
    if problem := next(filter(None, starmap(_header_problem, reveal(safe).items())), None):
        raise refusal(owner, f"the header {problem}")
    return SafeHeaders({name.lower(): value for name, value in safe.items()})


def _header_problem(name: object, value: object) -> str | None:
    shown = _shown(str(name))
    named = isinstance(name, str) and HEADER_NAME.fullmatch(name)
    if not named or not isinstance(value, str) or _CONTROL.search(value.replace("\t", " ")):
        return f"{shown} cannot be sent: a name has no blank, a value is a text of one line."
    if str(name).lower() in ("content-length", "transfer-encoding"):
        return f"{shown} belongs to the body, whose length the package knows. Leave it out."
    if value == MASK:
        return f"{shown} is not kept in a pickled or serialized copy. Pass default_headers again."
    return None


def refuse_unknown(owner: str, given: Iterable[object], fields: Iterable[str]) -> None:
    """Refuse arguments that are no fields, with what was probably meant by each."""
    known = list(fields)
    unknown = [str(name) for name in given if name not in known]
    if unknown:
        # Only an error needs the table.
        from langchain_claude_cloud.config.migration import suggestion  # noqa: PLC0415

        meant = {_shown(name): suggestion(owner, name, known) for name in unknown}
        told = [f"there is no field {name}. {text or ''}".strip() for name, text in meant.items()]
        listed = "" if all(meant.values()) else f" It has: {', '.join(known)}."
        raise refusal(owner, " And ".join(told) + listed)


class CheckedArguments:
    """A pydantic model whose refusals are `ConfigurationError`s without the values."""

    if not TYPE_CHECKING:  # a type checker is to see the fields, which pydantic's plugin adds

        def __init__(self, *given: object, **values: object) -> None:
            """Check the arguments; a refusal is a `ConfigurationError` without their values."""
            owner = type(self).__name__
            if given:
                name = "model" if "model" in type(self).model_fields else "region"
                example = f"{owner}({name}=...)"
                raise ConfigurationError(f"{owner} takes arguments by name only: {example}.")
            try:
                super().__init__(**values)
            except ValidationError as error:
                refused = _describe(owner, error)
            else:
                return
            values.clear()
            raise refused  # here, it does not carry pydantic's copy of the input

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Return where LangChain finds the class again."""
        return cls.__module__.split(".")[:2]

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether LangChain may serialize it: yes, without its secrets."""
        return True


def _describe(owner: str, error: ValidationError) -> ConfigurationError:
    """Turn pydantic's refusal into ours, without what was given."""
    parts = []
    for detail in error.errors(include_url=False, include_input=False):
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ConfigurationError):
            return cause.with_traceback(None)  # whose frames hold the values
        field = ".".join(map(str, detail["loc"][:1]))
        parts.append(f"{field}: {detail['msg'].removeprefix('Value error, ')}")
    return refusal(owner, "; ".join(dict.fromkeys(parts)) + ".")


def _shown(text: str) -> str:
    return repr(clean(text, 80))  # one line; a variable may hold a key file's contents
