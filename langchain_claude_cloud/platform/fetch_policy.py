"""What may be fetched for a prompt: from public addresses alone, and so many bytes.

A URL in a prompt could otherwise reach the cloud's metadata service, or other servers that only
this machine can reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit, urlunsplit

from langchain_claude_cloud.errors import RequestTooLargeError

# What `is_global` lets through: protocol assignments (in part, before 3.11.9 and 3.12.4), relays of
# 6to4, and Azure's wire server, whose address looks public and is answered by the host.
_CLOSED_V4 = ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")
# Teredo, ORCHID, benchmarking and the like, documentation, and 6to4, which carries an IPv4 address.
_CLOSED_V6 = ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
_CLOSED = tuple(map(ip_network, (*_CLOSED_V4, *_CLOSED_V6)))
# The only block of IPv6 that is handed out to networks.
_GLOBAL_V6 = IPv6Network("2000::/3")
# RFC 6052: how an IPv6-only network reaches IPv4. The address within is what counts.
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(slots=True)
class MediaBudget:
    """How many bytes the media of one request may have together.

    Attributes:
        most: The limit.
        used: How many they have so far.
    """

    most: int
    used: int = 0

    def take(self, size: int) -> None:
        """Count some bytes.

        Raises:
            RequestTooLargeError: They are too many.
        """
        self.used += size
        if self.used > self.most:
            text = f"The URLs in the messages give more than the {self.most:,} bytes that fit into "
            raise RequestTooLargeError(f"{text}the request. Send fewer or smaller ones.")


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, of a single host.

    Args:
        address: An IPv4 or IPv6 address.

    Returns:
        False also for what is not an address, or has a zone.
    """
    if "%" in address:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if parsed in _NAT64:
        parsed = IPv4Address(parsed.packed[-4:])
    if isinstance(parsed, IPv6Address) and parsed not in _GLOBAL_V6:
        return False
    is_closed = any(parsed in network for network in _CLOSED)
    return parsed.is_global and not parsed.is_multicast and not is_closed


def without_query(url: str) -> str:
    """Return a URL for an error message: signed URLs carry their secret in the query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))[:300]
    except ValueError:
        return "The URL"
