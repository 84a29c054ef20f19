"""What a process's surroundings say about HTTP: certificates, proxies, loopback.

In: URLs and environment variables. Out: the shared TLS context, the proxy for a host, the
socket options and headers that every request of ours has.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import ssl
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import httpcore
import httpx

import langchain_claude_cloud
from langchain_claude_cloud.config.shapes import is_loopback
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.platform._common import SharedLock

_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Where AWS's tools and requests, which google-auth uses, look for a company's certificates."""

_contexts: dict[tuple[str | None, ...], ssl.SSLContext] = {}
_contexts_lock = SharedLock()
_DEFAULT_PORTS = {"http": 80, "https": 443}


def user_agent() -> str:
    """Return the ``User-Agent`` of the package."""
    return f"langchain-claude-cloud/{langchain_claude_cloud.__version__}"


def tls_context() -> ssl.SSLContext:
    """Return the process's TLS context, made on first use (20-50 ms of CPU).

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` replace the bundled certificates;
    ``AWS_CA_BUNDLE`` and ``REQUESTS_CA_BUNDLE`` are trusted besides.
    """
    key = tuple(map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR", *_BUNDLES)))
    with _contexts_lock:
        if key not in _contexts:
            _contexts[key] = _new_context()
        return _contexts[key]


def _new_context() -> ssl.SSLContext:
    try:
        context = httpx.create_ssl_context(trust_env=True)
        for path in filter(None, map(os.environ.get, _BUNDLES)):
            is_folder = Path(path).is_dir()
            context.load_verify_locations(
                cafile=None if is_folder else path, capath=path if is_folder else None
            )
    except OSError as cause:
        names = ", ".join(("SSL_CERT_FILE", "SSL_CERT_DIR", *_BUNDLES))
        raise ConfigurationError(
            f"The certificates that the environment ({names}) names cannot be loaded: {cause}. "
            "Correct the variable, or remove it to use the bundled certificates."
        ) from cause
    return context


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


def proxy_settings(scheme: str, host: str) -> httpcore.Proxy | None:
    """Return the proxy for a host in the form that httpcore takes.

    Raises:
        ConfigurationError: The environment names something that is not a proxy.
    """
    url = proxy_for(scheme, host)
    if url is None:
        return None
    try:
        proxy = httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        # Not the URL itself: it may hold a password.
        raise ConfigurationError(
            "HTTPS_PROXY (or ALL_PROXY) is not the URL of an http, https or socks5 proxy."
        ) from None
    raw = proxy.url
    if raw.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ConfigurationError(
            "The environment names a SOCKS proxy, which needs another package: "
            "pip install 'httpx[socks]'."
        )
    target = httpcore.URL(scheme=raw.raw_scheme, host=raw.raw_host, port=raw.port, target=b"/")
    context = tls_context() if raw.scheme == "https" else None
    return httpcore.Proxy(target, auth=proxy.raw_auth, ssl_context=context)
