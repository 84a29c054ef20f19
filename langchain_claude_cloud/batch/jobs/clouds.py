"""Chooses the cloud of a batch by its storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from langchain_claude_cloud.batch.jobs.services import BatchOptions, BatchService, ObjectStore
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import Cloud, JsonObject
from langchain_claude_cloud.routing.routes import Route

Connect: TypeAlias = Callable[
    [Route, BatchOptions | JsonObject | None], tuple[BatchService, ObjectStore, JsonObject]
]
"""Makes a cloud's service and store for a route.

It is given the user's options, or those of the reference file as JSON data, and returns them in
the latter form, too.
"""


def _bedrock(
    route: Route, options: BatchOptions | JsonObject | None
) -> tuple[BatchService, ObjectStore, JsonObject]:
    from langchain_claude_cloud.batch.jobs import bedrock  # noqa: PLC0415 - boto3, on first use

    return bedrock.connect(route, options)


def _vertex(scheme: str) -> Connect:
    def connect(
        route: Route, options: BatchOptions | JsonObject | None
    ) -> tuple[BatchService, ObjectStore, JsonObject]:
        from langchain_claude_cloud.batch.jobs import vertex  # noqa: PLC0415 - on first use

        return vertex.connect(route, options, scheme=scheme)

    return connect


CLOUDS: Final[Mapping[str, tuple[Cloud, Connect]]] = {
    "s3": ("bedrock", _bedrock),
    "gs": ("vertex", _vertex("gs")),
    "bq": ("vertex", _vertex("bq")),
}
"""By the scheme of a storage's address: the cloud, and what connects to it."""


def cloud_of(storage: str) -> tuple[Cloud, Connect]:
    """Return the cloud that reads a storage.

    Raises:
        ConfigurationError: None does.
    """
    scheme = storage.partition("://")[0]
    if "://" not in storage or scheme not in CLOUDS:
        known = " or ".join(f"{name}://..." for name in CLOUDS)
        raise ConfigurationError(f"storage is {storage!r}: give {known}.")
    return CLOUDS[scheme]
