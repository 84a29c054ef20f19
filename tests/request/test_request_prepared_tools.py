"""Tools are offered as the model takes them on its cloud."""

from __future__ import annotations

from typing import Any

import pytest
from request_building import build, tool
from request_models import model_with

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import MessagesRequest

FINE_GRAINED = "fine-grained-tool-streaming-2025-05-14"


class TestToolChoice:
    """A forced choice is sent as `auto` where the API would refuse it."""

    @pytest.mark.peer_defect(
        peers="ChatAnthropic, ChatAnthropicVertex",
        defect="a forced tool goes to models, and beside thinking, where it is refused: 400",
    )
    def test_a_model_that_refuses_it(self) -> None:
        """With a notice; parallel calls stay off."""
        choice = {"type": "tool", "name": "f", "disable_parallel_tool_use": True}
        request = build(
            model=model_with(forced_tool_choice=False), tools=(tool(),), tool_choice=choice
        )
        assert request.body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
        assert "sent as 'auto'" in request.notices[0]

    @pytest.mark.peer_defect(
        peers="ChatAnthropic, ChatAnthropicVertex",
        defect="a forced tool goes to models, and beside thinking, where it is refused: 400",
    )
    def test_thinking(self) -> None:
        """A budget of thinking excludes a forced choice, adaptive thinking does not."""
        given: dict[str, Any] = {"tools": (tool(),), "tool_choice": {"type": "any"}}
        assert build(thinking=2000, **given).body["tool_choice"] == {"type": "auto"}
        for kind in ("adaptive", "disabled"):
            assert build(thinking=kind, **given).body["tool_choice"] == {"type": "any"}
        thinks = model_with(thinking_default="on")
        assert build(model=thinks, **given).body["tool_choice"] == {"type": "any"}

    @pytest.mark.peer_defect(
        peers="ChatAnthropic",
        defect="parallel_tool_calls=False is put beside a choice of none: 400",
    )
    def test_parallel_calls(self) -> None:
        """`none` has no calls to make parallel."""
        given: dict[str, Any] = {"tools": (tool(),), "parallel_tool_calls": False}
        assert build(**given).body["tool_choice"] == {
            "type": "auto",
            "disable_parallel_tool_use": True,
        }
        assert build(**given, tool_choice={"type": "none"}).body["tool_choice"] == {"type": "none"}
        assert "tool_choice" not in build(tools=(tool(),), parallel_tool_calls=True).body

    def test_without_tools(self) -> None:
        """There is nothing to choose from."""
        request = build(tool_choice={"type": "any"}, parallel_tool_calls=False)
        assert "tool_choice" not in request.body
        assert "no tools" in request.notices[0]


class TestFineGrainedStreaming:
    """Tool arguments stream as they are written, by whatever the model takes for it."""

    TOOLS = (
        tool("unset"),
        tool("null", eager_input_streaming=None),
        tool("off", eager_input_streaming=False),
        {"type": "bash_20250124", "name": "bash"},
    )

    @staticmethod
    def values(request: MessagesRequest) -> list[Any]:
        """Return what each tool says."""
        return [each.get("eager_input_streaming", "absent") for each in request.body["tools"]]

    def test_by_a_field(self) -> None:
        """A tool's own word is kept, and tools that are not custom have no such field."""
        request = build(tools=self.TOOLS, stream=True)
        assert self.values(request) == [True, True, False, "absent"]
        assert request.betas == ()

    def test_by_a_beta(self) -> None:
        """The field is refused there, so it is taken off."""
        request = build(
            model=model_with("bedrock", fine_grained_tools="beta"), tools=self.TOOLS, stream=True
        )
        assert self.values(request) == ["absent"] * 4
        assert request.betas == (FINE_GRAINED,)

    @pytest.mark.parametrize("way", ["field", "beta"])
    def test_only_in_streams_that_want_it(self, way: str) -> None:
        """The beta is for streams; the field stands on tools in any case, see its own tests."""
        model = model_with("bedrock", fine_grained_tools=way)
        tools = (tool(),)
        unwanted = [{"stream": True, "fine_grained_tool_streaming": False}]
        for options in unwanted + [{"stream": False}] * (way == "beta"):
            request = build(model=model, tools=tools, **options)
            assert request.body["tools"] == [tool()]
            assert request.betas == ()

    def test_a_tools_own_wish_becomes_the_beta(self) -> None:
        """Also when the option is off; a tool that says no asks for nothing."""
        model = model_with("bedrock", fine_grained_tools="beta")
        for eager, betas in ((True, (FINE_GRAINED,)), (False, ())):
            request = build(
                model=model,
                tools=(tool(eager_input_streaming=eager),),
                stream=True,
                fine_grained_tool_streaming=False,
            )
            assert request.body["tools"] == [tool()]
            assert request.betas == betas

    def test_never_beside_a_toolset(self) -> None:
        """The API refuses the beta there."""
        tools = (tool(), {"type": "computer_toolset_20260801"})
        model = model_with("bedrock", fine_grained_tools="beta")
        assert build(model=model, tools=tools, stream=True).betas == ()

    def test_not_where_the_model_has_neither(self) -> None:
        """The field is taken off."""
        model = model_with("bedrock", fine_grained_tools="none")
        request = build(model=model, tools=(tool(eager_input_streaming=True),), stream=True)
        assert request.body["tools"] == [tool()]
        assert request.betas == ()


class TestTools:
    """What each cloud takes of tools."""

    def test_twins_are_refused(self) -> None:
        """The API wants names to be unique."""
        with pytest.raises(InvalidInputError, match="two tools are called 'f'"):
            build(tools=(tool(), tool()))

    def test_strict_is_left_out_where_it_is_refused(self) -> None:
        """With a notice if it was asked for."""
        model = model_with(strict_tools=False)
        request = build(model=model, tools=(tool(strict=True), tool("g", strict=False)))
        assert [each.get("strict") for each in request.body["tools"]] == [None, None]
        assert "strict left out" in request.notices[0]
        assert build(model=model, tools=(tool(strict=False),)).notices == ()
        assert build(tools=(tool(strict=True),)).body["tools"][0]["strict"] is True

    @pytest.mark.parametrize(
        ("cloud", "offered", "says"),
        [
            (
                "bedrock",
                set(),
                "not offered on Amazon Bedrock for .* which runs no server tools here and ",
            ),
            (
                "vertex",
                {"web_search_20250305", "tool_search_tool_"},
                r"Vertex AI .* runs tool_search_tool_\*, web_search_20250305 here and ",
            ),
        ],
    )
    def test_server_tools_that_the_cloud_does_not_run(
        self, cloud: Any, offered: set[str], says: str
    ) -> None:
        """The error names what it runs."""
        model = model_with(cloud, server_tools=frozenset(offered))
        newer = {"type": "web_search_20260209", "name": "web_search"}
        with pytest.raises(InvalidInputError, match=says) as refused:
            build(model=model, tools=(newer,))
        assert " on Vertex AI" in str(refused.value)
        assert " on Amazon Bedrock" in str(refused.value)
        unknown = {"type": "telepathy_20300101"}
        assert build(model=model, tools=(unknown,)).body["tools"] == [unknown]

    @pytest.mark.parametrize(
        ("given", "cloud", "needs_betas", "betas"),
        [
            ({"type": "computer_20250124"}, "vertex", False, ["computer-use-2025-01-24"]),
            ({"type": "computer_20251124"}, "bedrock", False, ["computer-use-2025-11-24"]),
            (
                {"type": "memory_20250818"},
                "bedrock",
                True,
                ["context-management-2025-06-27"],
            ),
            (
                {"type": "tool_search_tool_bm25"},
                "bedrock",
                True,
                ["tool-search-tool-2025-10-19"],
            ),
            ({"type": "tool_search_tool_bm25"}, "bedrock", False, []),
            ({"type": "tool_search_tool_bm25"}, "vertex", False, []),
            (tool(defer_loading=True), "bedrock", True, ["tool-search-tool-2025-10-19"]),
            (tool(input_examples=[{}]), "bedrock", True, ["tool-examples-2025-10-29"]),
            (tool(input_examples=[{}]), "bedrock", False, []),
            ({"type": "bash_20250124"}, "bedrock", True, []),
            ({"type": "web_search_20250305"}, "vertex", False, ["web-search-2025-03-05"]),
        ],
    )
    def test_betas_of_tools(
        self, given: Any, cloud: Any, needs_betas: Any, betas: list[str]
    ) -> None:
        """Per cloud, and on Bedrock per generation."""
        request = build(
            model=model_with(cloud, tool_search_without_beta=not needs_betas),
            tools=(given, given | {"name": "b"}),
        )
        assert list(request.betas) == betas


def test_a_tool_that_says_it_is_not_deferred_says_nothing() -> None:
    """Models that know the field only by a beta refuse it, and its default is no reason for one."""
    for model in (model_with(), model_with("bedrock", tool_search_without_beta=False)):
        request = build(model=model, tools=(tool(defer_loading=False),))
        assert "defer_loading" not in request.body["tools"][0]
        assert not request.betas
