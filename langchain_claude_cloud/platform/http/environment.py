"""Reads certificates, proxies and limits for HTTP from the environment."""

from __future__ import annotations

import importlib.util
import os
import socket
import ssl
import urllib.request
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from langchain_claude_cloud.config.checks import is_loopback
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform.locks import shared_lock

# Below the 350 s after which AWS's load balancers and NAT gateways drop an idle connection
# without a word, and below the minutes that front ends and firewalls usually grant.
KEEPALIVE_SECONDS = 60.0
"""How long a connection is kept that is not in use."""

_REPLACING = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# Where AWS's tools and requests, which google-auth uses, look for a company's certificates.
_ADDED = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
_MOST_CONTEXTS = 8
_MOST_CONNECTIONS = 10_000
_WINDOWS_LIMIT = 500

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_contexts: dict[Certificates, ssl.SSLContext] = {}
_contexts_lock = shared_lock()
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Certificates:
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
    def of_process(cls, ca_bundle: str | None = None) -> Certificates:
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


def tls_context(certificates: Certificates | None = None) -> ssl.SSLContext:
    """Return the TLS context for some certificates, made on first use (20-50 ms of CPU).

    Args:
        certificates: What is trusted; None for what the environment says.

    Raises:
        ConfigurationError: They cannot be loaded.
    """
    trusted = certificates or Certificates.of_process()
    with _contexts_lock:
        if trusted not in _contexts:
            while len(_contexts) >= _MOST_CONTEXTS:
                del _contexts[next(iter(_contexts))]
            _contexts[trusted] = _new_context(trusted)
        return _contexts[trusted]


def _new_context(trusted: Certificates) -> ssl.SSLContext:
    try:
        context = httpx.create_ssl_context(trust_env=True)
        for path in trusted.added:
            is_folder = Path(path).is_dir()
            context.load_verify_locations(
                cafile=None if is_folder else path, capath=path if is_folder else None
            )
    except OSError as cause:
        raise ConfigurationError(
            f"The certificates that the environment ({', '.join((*_REPLACING, *_ADDED))}) or the "
            f"AWS profile (ca_bundle) names cannot be loaded: {cause}. "
            "Correct the variable, or remove it to use the bundled certificates."
        ) from cause
    # httpcore would set it for each connection, in whichever thread.
    context.set_alpn_protocols(["http/1.1"])
    return context


def connection_limit() -> int:
    """Return how many connections a pool may have.

    A quarter of the files that the process may open: there are several pools, and other files.
    """
    if resource is None:
        return _WINDOWS_LIMIT
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_CONNECTIONS if files < 0 else min(max(files // 4, 1), _MOST_CONNECTIONS)


def keepalive_options() -> list[tuple[int, int, int]]:
    """Return socket options that make the kernel notice a peer that silently went away."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for names, value in ((("TCP_KEEPIDLE", "TCP_KEEPALIVE"), 60), (("TCP_KEEPINTVL",), 30)):
        known = [getattr(socket, name) for name in names if hasattr(socket, name)]
        options += [(socket.IPPROTO_TCP, option, value) for option in known[:1]]
    if hasattr(socket, "TCP_KEEPCNT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4))
    return options


def origin_of(url: str) -> str:
    """Return ``scheme://host:port`` of a URL, which is what connections are pooled by.

    Raises:
        ConfigurationError: The URL is not an absolute http or https URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("The endpoint is not a URL: check base_url.") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ConfigurationError(
            "The endpoint is not an absolute https URL: check base_url, which must look like "
            "https://host or https://host/path."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or _DEFAULT_PORTS[parts.scheme]}"


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
        ConfigurationError: The environment names something that is not a proxy.
    """
    url = proxy_for(scheme, host)
    if url is None:
        return None
    try:
        proxy = httpx.Proxy(url, ssl_context=tls_context() if url.startswith("https:") else None)
    except (ValueError, httpx.InvalidURL):
        # Not the URL itself: it may hold a password.
        raise ConfigurationError(
            "HTTPS_PROXY (or ALL_PROXY) is not the URL of an http, https or socks5 proxy."
        ) from None
    if proxy.url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ConfigurationError(
            "The environment names a SOCKS proxy, which needs another package: "
            "pip install 'httpx[socks]'."
        )
    return proxy


def is_address(host: str) -> bool:
    """Whether a host is given by its IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
