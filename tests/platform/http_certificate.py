"""A certificate of no one, with its key, for TLS on loopback; valid from 2020 to 2120."""

from __future__ import annotations

import ssl
from pathlib import Path

NAMES = ("localhost", "cloud.test", "127.0.0.1")
PAIR = """\
-----BEGIN CERTIFICATE-----
MIIBqTCCAU+gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOL27u8Z/42bnHDQ
2I1q9Wgnpcc+v1KUK04hVJYmfwNcOKmHzDu5T7BqXl1xutYp95ZF3st0t/DlRVp2
GpOu8WWjgY8wgYwwJgYDVR0RBB8wHYIJbG9jYWxob3N0ggpjbG91ZC50ZXN0hwR/
AAABMBIGA1UdEwEB/wQIMAYBAf8CAQAwDgYDVR0PAQH/BAQDAgKEMB0GA1UdDgQW
BBSqzK9f/3IJELJouYhX+yTjAybOaDAfBgNVHSMEGDAWgBSqzK9f/3IJELJouYhX
+yTjAybOaDAKBggqhkjOPQQDAgNIADBFAiAL3+11jpD2h+c1U2O8UMi8Fy1zb3ku
V8NCmV/PslU6pgIhAPbT+KoVLe+3e6TLgWUsFpXk4tf5UzncT2x5FDzABwKQ
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMp0JTd9K2hFEcCqJ
yLctKNiTcH2gQ7Y9Hh4rjFN8UDehRANCAATi9u7vGf+Nm5xw0NiNavVoJ6XHPr9S
lCtOIVSWJn8DXDiph8w7uU+wal5dcbrWKfeWRd7LdLfw5UVadhqTrvFl
-----END PRIVATE KEY-----
"""


def server_context(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context and the file that makes clients trust it."""
    path = folder / "pair.pem"
    path.write_text(PAIR)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path
