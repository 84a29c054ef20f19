"""Reads certificates, proxies and limits for HTTP from the environment."""

from __future__ import annotations

import os
import socket
import ssl
import urllib.request
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self

import httpx

from langchain_claude_cloud.config.checks import is_loopback
from langchain_claude_cloud.errors import ConfigurationError

# Below the 350 s after which AWS's load balancers and NAT gateways drop an idle connection
# without a word, and below the minutes that front ends and firewalls usually grant.
KEEPALIVE_SECONDS = 60.0
"""How long a connection is kept that is not in use."""

# The names differ between systems: macOS calls TCP_KEEPIDLE TCP_KEEPALIVE.
_TCP_OPTIONS = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4}
_AVAILABLE = {getattr(socket, name, None): value for name, value in _TCP_OPTIONS.items()}
SOCKET_OPTIONS = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, name, value) for name, value in _AVAILABLE.items() if name is not None),
]
"""What makes the kernel notice a peer that silently went away."""

_REPLACING = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# Where AWS's tools and requests, which google-auth uses, look for a company's certificates.
_ADDED = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
_MOST_CONNECTIONS = 10_000

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


class Certificates(NamedTuple):
    """Which certificates are trusted.

    Attributes:
        replacing: The files that replace the bundled certificates.
        added: Those that are trusted besides.
        changes: When the files were changed, so that another content is another value.
    """

    replacing: tuple[str | None, ...]
    added: tuple[str, ...]
    changes: tuple[int, ...]

    @classmethod
    def of_process(cls, ca_bundle: str | None = None) -> Self:
        """Return what the environment says now.

        ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace the bundled certificates;
        ``AWS_CA_BUNDLE``, ``REQUESTS_CA_BUNDLE`` and the argument are trusted besides.
        """
        replacing = tuple(map(os.environ.get, _REPLACING))
        added = tuple(filter(None, [*map(os.environ.get, _ADDED), ca_bundle]))
        files = [path for path in (*replacing, *added) if path]
        return cls(replacing, added, tuple(map(_changed_at, files)))


def _changed_at(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  for each call; the other way takes ten times as long
    except OSError:
        return 0


@lru_cache(8)
def tls_context(trusted: Certificates) -> ssl.SSLContext:
    """Return the TLS context for some certificates, made on first use (20-50 ms of CPU).

    Raises:
        ConfigurationError: They cannot be loaded.
    """
    try:
        context = httpx.create_ssl_context(trust_env=True)
        for path in trusted.added:
            kind = "capath" if Path(path).is_dir() else "cafile"
            context.load_verify_locations(**{kind: path})
    except OSError as cause:
        names = ", ".join((*_REPLACING, *_ADDED))
        text = f"The certificates of the environment ({names}) or of the AWS profile (ca_bundle)"
        raise ConfigurationError(f"{text} cannot be loaded: {cause}. Correct it.") from cause
    # httpcore would set it for each connection, in whichever thread.
    context.set_alpn_protocols(["http/1.1"])
    return context


def connection_limit() -> int:
    """Return how many connections a pool may have.

    A quarter of the files that the process may open: there are several pools, and other files.
    """
    if resource is None:
        return 500
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_CONNECTIONS if files < 0 else min(max(files // 4, 1), _MOST_CONNECTIONS)


def proxy_for(scheme: str, host: str) -> str | None:
    """Return the URL of the proxy that the environment names for a host, if any.

    This machine is never reached through a proxy: secrets may go there over plain http.
    """
    if is_loopback(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def proxy_settings(scheme: str, host: str) -> httpx.Proxy | None:
    """Return the proxy for a host in the form that httpx takes.

    Raises:
        ConfigurationError: The environment names a SOCKS proxy, or something that is not a proxy.
    """
    url = proxy_for(scheme, host)
    if url is None:
        return None
    if url.lower().startswith("socks"):
        raise ConfigurationError(
            f"The environment names a SOCKS proxy for {host}, which is not supported. Set "
            "HTTPS_PROXY to an http or https proxy, list the host in NO_PROXY, or pass http_client "
            "and http_async_client made with httpx[socks]."
        )
    context = tls_context(Certificates.of_process()) if url.startswith("https:") else None
    with suppress(ValueError, httpx.InvalidURL):
        return httpx.Proxy(url, ssl_context=context)
    del url  # it may hold a password, and error trackers store what frames hold
    raise ConfigurationError("HTTPS_PROXY (or ALL_PROXY) is not the URL of an http or https proxy.")
