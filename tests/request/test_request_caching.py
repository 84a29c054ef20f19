"""Cache breakpoints are set where they help, and never where the API refuses them."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from request_building import Q, build, tool
from request_models import model_with

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import MessagesRequest

EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


def markers(request: MessagesRequest) -> dict[str, Any]:
    """Return where the breakpoints of a request are."""
    body = request.body
    found = {
        f"{name}.{index}": each["cache_control"]
        for name in ("tools", "system")
        for index, each in enumerate(body.get(name, []) if isinstance(body.get(name), list) else [])
        if "cache_control" in each
    }
    for place, message in enumerate(body["messages"]):
        for index, block in enumerate(
            message["content"] if isinstance(message["content"], list) else []
        ):
            if "cache_control" in block:
                found[f"messages.{place}.{index}"] = block["cache_control"]
    return found


class TestCaching:
    """Breakpoints where they help, and never where the API refuses them."""

    HISTORY = [SystemMessage("s"), HumanMessage("q"), AIMessage("a"), HumanMessage("r")]  # noqa: RUF012

    @pytest.mark.parametrize(
        ("wish", "marker"), [(True, EPHEMERAL), ("5m", {**EPHEMERAL, "ttl": "5m"}), ("1h", HOUR)]
    )
    def test_breakpoints_behind_each_part(self, wish: Any, marker: dict[str, str]) -> None:
        """Tools, system prompt, last message."""
        request = build(self.HISTORY, tools=(tool(), tool("g")), prompt_caching=wish)
        assert markers(request) == dict.fromkeys(("tools.1", "system.0", "messages.2.0"), marker)

    def test_parts_that_are_not_there(self) -> None:
        """A bare question has one breakpoint, and no wish means none."""
        assert markers(build(prompt_caching=True)) == {"messages.0.0": EPHEMERAL}
        assert markers(build(self.HISTORY, prompt_caching=False)) == {}
        with pytest.raises(InvalidInputError, match="prompt_caching must be"):
            build(prompt_caching="2h")

    def test_the_callers_own_count(self) -> None:
        """The API takes four; the last place is the most useful."""
        own = [{"type": "text", "text": str(n), "cache_control": EPHEMERAL} for n in range(3)]
        history = [SystemMessage("s"), HumanMessage(own), AIMessage("a"), HumanMessage("r")]
        assert sorted(markers(build(history, tools=(tool(),), prompt_caching=True))) == [
            "messages.0.0",
            "messages.0.1",
            "messages.0.2",
            "messages.2.0",
        ]

    def test_the_callers_own_stay(self) -> None:
        """A marked place is not marked again."""
        system = SystemMessage([{"type": "text", "text": "s", "cache_control": HOUR}])
        request = build([system, *Q], prompt_caching=True, tools=(tool(cache_control=HOUR),))
        assert markers(request) == {"tools.0": HOUR, "system.0": HOUR, "messages.0.0": EPHEMERAL}

    def test_a_marked_end_is_not_marked_again(self) -> None:
        """Neither for the call nor for the wish."""
        end = [HumanMessage([{"type": "text", "text": "q", "cache_control": HOUR}])]
        model = model_with(automatic_caching=False)
        request = build(end, model, prompt_caching=True, cache_control=EPHEMERAL)
        assert markers(request) == {"messages.0.0": HOUR}

    def test_lives_never_grow_along_the_prompt(self) -> None:
        """A longer life behind a shorter one is refused."""
        short = SystemMessage([{"type": "text", "text": "s", "cache_control": EPHEMERAL}])
        assert markers(build([short, *Q], prompt_caching="1h")) == {
            "system.0": EPHEMERAL,
            "messages.0.0": EPHEMERAL,
        }
        long = HumanMessage([{"type": "text", "text": "q", "cache_control": HOUR}])
        for wish in (True, "5m"):
            request = build([SystemMessage("s"), long], tools=(tool(),), prompt_caching=wish)
            assert markers(request) == dict.fromkeys(("tools.0", "system.0", "messages.0.0"), HOUR)
            assert not request.notices
        request = build(self.HISTORY, cache_control=HOUR, prompt_caching=True)
        assert request.body["cache_control"] == HOUR
        assert markers(request) == {"system.0": HOUR}
        marked = [HumanMessage([{"type": "text", "text": "q", "cache_control": EPHEMERAL}])]
        both = {"cache_control": HOUR, "prompt_caching": True}
        request = build([SystemMessage("s"), *marked], **both)
        assert request.body["cache_control"] == EPHEMERAL
        assert markers(request) == {"system.0": HOUR, "messages.0.0": EPHEMERAL}
        request = build([short, long])  # marked by several hands
        assert markers(request) == {"system.0": EPHEMERAL, "messages.0.0": EPHEMERAL}
        assert "1h" in request.notices[0]

    def test_tools_that_are_loaded_on_demand_take_none(self) -> None:
        """The last one that is always there does."""
        request = build(tools=(tool(), tool("g", defer_loading=True)), prompt_caching=True)
        assert "tools.0" in markers(request)
        assert "tools.1" not in markers(request)

    def test_a_marker_of_the_call(self) -> None:
        """By the API's own means where it has them, else on the last block."""
        request = build(self.HISTORY, cache_control=HOUR)
        assert request.body["cache_control"] == HOUR
        assert markers(request) == {}
        request = build(self.HISTORY, model_with(automatic_caching=False), cache_control=HOUR)
        assert "cache_control" not in request.body
        assert markers(request) == {"messages.2.0": HOUR}

    def test_both_together(self) -> None:
        """Automatic caching marks the last message already."""
        request = build(self.HISTORY, tools=(tool(),), cache_control=EPHEMERAL, prompt_caching=True)
        assert markers(request) == {"tools.0": EPHEMERAL, "system.0": EPHEMERAL}

    def test_no_room(self) -> None:
        """A fifth breakpoint would be refused."""
        own = [{"type": "text", "text": str(n), "cache_control": EPHEMERAL} for n in range(4)]
        request = build([HumanMessage(own), AIMessage("a"), *Q], cache_control=EPHEMERAL)
        assert len(markers(request)) == 4
        assert "cache_control" not in request.body
        assert "4 cache breakpoints already" in request.notices[0]

    @pytest.mark.peer_defect(
        peers="ChatAnthropic",
        defect="the cache marker of a call lands on thinking or on empty text: 400",
    )
    def test_the_last_block_that_takes_one(self) -> None:
        """No thinking, and nothing of a call that a program made."""
        by_program = {
            "type": "tool_use",
            "id": "p",
            "name": "f",
            "input": {},
            "caller": {"type": "code_execution_20250825", "tool_id": "s1"},
        }
        signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
        history = [
            HumanMessage("q"),
            AIMessage([{"type": "text", "text": "a"}, signed, by_program]),
            ToolMessage("1", tool_call_id="p"),
        ]
        assert markers(build(history, prompt_caching=True)) == {"messages.1.0": EPHEMERAL}

    def test_a_result_takes_one(self) -> None:
        """It is the last block of most turns of an agent."""
        call = {"name": "f", "args": {}, "id": "a"}
        history = [*Q, AIMessage("", tool_calls=[call]), ToolMessage("1", tool_call_id="a")]
        assert markers(build(history, prompt_caching=True)) == {"messages.2.0": EPHEMERAL}

    @pytest.mark.parametrize(("results", "marked"), [(9, 1), (10, 2)])
    def test_a_long_turn_keeps_the_last_requests_cache_in_reach(
        self, results: int, marked: int
    ) -> None:
        """The API looks back 20 blocks; where more came since, that end is marked too."""
        calls: list[Any] = [{"name": "f", "args": {}, "id": f"c{n}"} for n in range(results)]
        history = [
            *self.HISTORY,
            AIMessage("", tool_calls=calls),
            *(ToolMessage("1", tool_call_id=call["id"]) for call in calls),
        ]
        request = build(history, tools=(tool(),), prompt_caching=True)
        last = f"messages.4.{results - 1}"
        expected = {"tools.0", "system.0", last} | ({"messages.2.0"} if marked == 2 else set())
        assert set(markers(request)) == expected

    def test_the_callers_four_leave_no_room_for_it(self) -> None:
        """Nor does a wish ever make a fifth."""
        calls: list[Any] = [{"name": "f", "args": {}, "id": f"c{n}"} for n in range(30)]
        system = SystemMessage([{"type": "text", "text": "s", "cache_control": EPHEMERAL}])
        own = [{"type": "text", "text": "q", "cache_control": EPHEMERAL}]
        history = [
            system,
            HumanMessage(own),
            AIMessage("a"),
            HumanMessage("r"),
            AIMessage("", tool_calls=calls),
            *(ToolMessage("1", tool_call_id=call["id"]) for call in calls),
        ]
        request = build(history, tools=(tool(),), prompt_caching=True)
        assert set(markers(request)) == {"tools.0", "system.0", "messages.0.0", "messages.4.29"}

    @pytest.mark.parametrize("value", ["1", "true"])
    def test_the_environment_turns_all_of_it_off(
        self, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        """Claude Code's switch: no marker of any kind is sent, and a notice says so."""
        monkeypatch.setenv("DISABLE_PROMPT_CACHING", value)
        marked = {"type": "text", "text": "s", "cache_control": HOUR}
        nested = {"type": "tool_result", "tool_use_id": "a", "content": [marked]}
        call = {"name": "f", "args": {}, "id": "a"}
        history = [
            SystemMessage([marked]),
            HumanMessage([marked]),
            AIMessage("", tool_calls=[call]),
            HumanMessage([nested]),
        ]
        asked: list[dict[str, Any]] = [
            {"prompt_caching": True},
            {"cache_control": HOUR},
            {"tools": (tool(cache_control=HOUR),)},
        ]
        for options in asked:
            request = build(history, **options)
            assert "cache_control" not in str(request.body)
            assert any("DISABLE_PROMPT_CACHING" in notice for notice in request.notices)
        assert build().notices == ()
        monkeypatch.setenv("DISABLE_PROMPT_CACHING", "0")
        assert markers(build(prompt_caching=True)) == {"messages.0.0": EPHEMERAL}
