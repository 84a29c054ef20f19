"""Signs requests to AWS by Signature Version 4, with botocore.

botocore is imported by the first call to Bedrock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from langchain_claude_cloud.platform.base import OutgoingRequest
from langchain_claude_cloud.platform.library_logging import quiet_libraries


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """One set of AWS credentials, frozen.

    Attributes:
        access_key_id: The access key's id.
        secret_access_key: The secret; not shown by ``repr``.
        session_token: The token of temporary credentials; not shown by ``repr``.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def sign_request(
    request: OutgoingRequest, keys: AwsKeys, region: str, service: str
) -> dict[str, str]:
    """Return the headers that sign a request.

    Only ``host``, ``content-type`` and ``x-amz*`` headers are signed: a proxy may change
    the others. Hashing the body takes about 0.8 ms a megabyte.

    Args:
        request: The request, final but for these headers.
        keys: The credentials.
        region: The region of the credential scope.
        service: The service of the credential scope, such as ``bedrock``.

    Returns:
        ``authorization``, ``x-amz-date`` and, for temporary credentials,
        ``x-amz-security-token``.
    """
    from botocore.auth import SigV4Auth  # noqa: PLC0415  costs 110 ms: on first use
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import ReadOnlyCredentials  # noqa: PLC0415

    signed = {
        name: value
        for name, value in request.headers.items()
        if name.lower() == "content-type" or name.lower().startswith("x-amz")
    }
    to_sign = AWSRequest(
        method=request.method, url=request.url, headers=signed, data=request.content
    )
    credentials = ReadOnlyCredentials(
        keys.access_key_id, keys.secret_access_key, keys.session_token
    )
    with quiet_libraries():  # botocore logs what it signs, with the session token
        SigV4Auth(credentials, service, region).add_auth(to_sign)
    names = ["authorization", "x-amz-date"]
    names += ["x-amz-security-token"] if keys.session_token else []
    return {name: str(to_sign.headers[name]) for name in names}


def keys_of(headers: Mapping[str, str], current: AwsKeys) -> AwsKeys:
    """Return the keys that signed a request, as far as its headers tell.

    Args:
        headers: What `sign_request` returned.
        current: The keys that may have been used; others are returned without their secret.
    """
    found = re.search(r"Credential=([^/]+)/", headers.get("authorization", ""))
    same = (
        found is not None
        and found.group(1) == current.access_key_id
        and headers.get("x-amz-security-token") == current.session_token
    )
    return current if same else AwsKeys(found.group(1) if found else "", "")
