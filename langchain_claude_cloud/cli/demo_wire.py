"""How the conversation goes to the cloud.

In: messages. Out: the blocks of the request that a tool call and its result became; from
the emulator's record where there is one, else built as the package builds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from langchain_core.messages import BaseMessage

from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request.body import RequestOptions, build_request
from langchain_claude_cloud.routing.routes import make_routes

if TYPE_CHECKING:
    from langchain_claude_cloud.testing import CloudEmulator


class Wire:
    """What is sent to one platform.

    Args:
        config: The platform.
        model: The model.
        emulator: What stands in for the cloud; None: it is the real one.
    """

    def __init__(
        self, config: Vertex | Bedrock, model: str, emulator: CloudEmulator | None = None
    ) -> None:
        self._config = config
        self._model = model
        self._emulator = emulator

    def pair(self, messages: Sequence[BaseMessage], call_id: str) -> tuple[JsonObject, JsonObject]:
        """Return a call's ``tool_use`` and ``tool_result`` blocks in the last request.

        Args:
            messages: What the request was made from.
            call_id: The call.

        Returns:
            The two blocks; an empty object for one that is missing.
        """
        found: dict[str, JsonObject] = {"tool_use": {}, "tool_result": {}}
        for block in _blocks(self._turns(messages)):
            if call_id in (block.get("id"), block.get("tool_use_id")):
                found[block["type"]] = block
        return found["tool_use"], found["tool_result"]

    def _turns(self, messages: Sequence[BaseMessage]) -> Iterable[JsonObject]:
        if self._emulator is not None:
            turns: list[JsonObject] = self._emulator.requests[-1].body["messages"]
            return turns
        (route,) = make_routes([self._config], self._model)
        resolved = route.resolve_in(route.known_region())
        built: list[JsonObject] = build_request(messages, RequestOptions(), resolved).body[
            "messages"
        ]
        return built


def _blocks(turns: Iterable[JsonObject]) -> Iterable[JsonObject]:
    for turn in turns:
        if isinstance(turn["content"], list):
            yield from turn["content"]
