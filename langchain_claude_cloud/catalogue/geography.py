"""The geography of each region, for residency and for the choice of an inference profile."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_claude_cloud.errors.types import Cloud

# Switzerland and the United Kingdom are in Europe, but a promise about the EU excludes them.
_OUTSIDE_THE_EU = frozenset({"eu-west-2", "eu-central-2", "europe-west2", "europe-west6"})
_GEOGRAPHIES: Mapping[Cloud, tuple[tuple[str, str], ...]] = {
    "bedrock": (
        ("us-gov-", "us-gov"),
        ("us-", "us"),
        ("eu-", "eu"),
        ("ap-northeast-1", "jp"),
        ("ap-northeast-3", "jp"),
        ("ap-southeast-2", "au"),
        ("ap-southeast-4", "au"),
        ("ap-south-", "in"),
        ("ap-", "apac"),
    ),
    "vertex": (
        ("us", "us"),
        ("europe-", "eu"),
        ("asia-northeast1", "jp"),
        ("asia-northeast2", "jp"),
        ("australia-", "au"),
        ("asia-south1", "in"),
        ("asia-south2", "in"),
        ("asia-", "apac"),
    ),
}
_PARTS_OF = {"apac": frozenset({"jp", "au", "in"}), "us": frozenset({"us-gov"})}


def region_geography(cloud: Cloud, region: str) -> str | None:
    """Return the geography that a region lies in, named as Bedrock's profiles are.

    Args:
        cloud: Whose region it is.
        region: Such as ``eu-central-1``, ``europe-west1``, ``us`` or ``global``.

    Returns:
        ``us``, ``eu`` (the European Union: neither London nor Zurich), ``jp``, ``apac``,
        ``au``, ``in`` or ``us-gov``; None for ``global`` and for regions elsewhere.
    """
    if region in _OUTSIDE_THE_EU:
        return None
    if region in {"us", "eu"}:
        return region
    for start, geography in _GEOGRAPHIES[cloud]:
        if region.startswith(start):
            return geography
    return None


def lies_within(geography: str | None, residency: str) -> bool:
    """Whether a geography (of a region or an inference profile) lies inside another."""
    return geography == residency or geography in _PARTS_OF.get(residency, frozenset())
