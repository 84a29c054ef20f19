"""How the package's own botocore sessions are set up.

Asking for credentials is bounded in time, is not repeated by botocore, since the call's own
retries do that, and does not read an MFA code where there is no terminal.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NoReturn

from langchain_claude_cloud.errors import AuthenticationError

if TYPE_CHECKING:
    import botocore.session
    from botocore.config import Config

_CONNECT_SECONDS: Final = 5
_READ_SECONDS: Final = 10


def client_config() -> Config:
    """Return the configuration of clients of STS, SSO and the like."""
    from botocore.config import Config  # noqa: PLC0415  costs 110 ms: on first use

    return Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 1},
    )


def make_session(profile: str | None) -> botocore.session.Session:
    """Return a botocore session for a profile; None stands for the environment's.

    Raises:
        botocore.exceptions.ProfileNotFound: There is no such profile.
    """
    import botocore.session  # noqa: PLC0415  costs 110 ms: on first use

    session = botocore.session.Session(profile=profile)
    session.set_default_client_config(client_config())
    if sys.stdin is None or not sys.stdin.isatty():
        provider = session.get_component("credential_provider").get_provider("assume-role")
        setattr(provider, "_prompter", _refuse_to_prompt)  # noqa: B010  botocore has no option
    return session


def _refuse_to_prompt(prompt: str) -> NoReturn:
    raise no_terminal(prompt.removeprefix("Enter MFA code for ").rstrip(": "))


def no_terminal(device: str = "") -> AuthenticationError:
    """Return the error for a profile that needs an MFA code where nobody can be asked for it."""
    of_device = f" of {device}" if device else ""
    return AuthenticationError(
        f"The AWS profile needs an MFA code{of_device} (mfa_serial), and there is no terminal to "
        "ask for it. Get temporary keys first, for example with `aws sts get-session-token "
        "--serial-number ... --token-code ...`, and pass them as `access_key_id`, "
        "`secret_access_key` and `session_token`; or pass a `session` that has them; or use a "
        "profile of `aws sso login`.",
        platform="bedrock",
    )
