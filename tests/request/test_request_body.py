"""Options become the fields of a body, as the model takes them on its cloud."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    SystemMessage,
    ToolMessage,
)
from request_building import MODEL, SCHEMA, Q, build, tool

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.body import MessagesRequest


def test_the_least_that_a_request_holds() -> None:
    """No model, version, stream or null."""
    assert build() == MessagesRequest(
        {"max_tokens": 64_000, "messages": [{"role": "user", "content": "q"}]}, (), ()
    )


def test_all_fields() -> None:
    """Each option has its place."""
    request = build(
        [SystemMessage("s"), *Q],
        max_tokens=10,
        temperature=0.5,
        top_k=3,
        stop_sequences=["END"],
        effort="low",
        output_format={"type": "json_schema", "schema": SCHEMA},
        user_id="u",
        tools=(tool(),),
        tool_choice={"type": "any"},
        parallel_tool_calls=False,
        model_kwargs={"brand_new": [1]},
        stream=True,
    )
    assert request.body == {
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "q"}],
        "system": "s",
        "tools": [tool(eager_input_streaming=True)],
        "temperature": 0.5,
        "top_k": 3,
        "stop_sequences": ["END"],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "output_config": {
            "effort": "low",
            "format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}},
        },
        "metadata": {"user_id": "u"},
        "brand_new": [1],
    }
    assert request.notices == ()


def test_errors_carry_platform_and_model() -> None:
    """Where several routes are tried, it matters which one refused."""
    with pytest.raises(InvalidInputError) as caught:
        build([])
    assert caught.value.platform == "vertex"
    assert caught.value.model == MODEL.model_id


def test_max_tokens_are_not_negative() -> None:
    """Zero warms the cache without an answer."""
    assert build(max_tokens=0).body["max_tokens"] == 0
    with pytest.raises(InvalidInputError, match="must not be negative"):
        build(max_tokens=-1)


class TestBetas:
    """The user's own betas first, then what is needed, each once."""

    def test_order(self) -> None:
        """Bedrock users write them into the body."""
        request = build(
            betas=("mine-1", "context-1m-2025-08-07"),
            context_1m=True,
            model_kwargs={"anthropic_beta": ["mine-2", "mine-1"]},
        )
        assert request.betas == ("mine-1", "context-1m-2025-08-07", "mine-2")
        assert "anthropic_beta" not in request.body
        assert build(model_kwargs={"anthropic_beta": "a, b"}).betas == ("a", "b")

    @pytest.mark.parametrize("value", [None, False])
    def test_a_million_tokens_only_when_asked_for(self, value: Any) -> None:
        """The caller sets it after an overflow."""
        assert build(context_1m=value).betas == ()

    @pytest.mark.peer_defect(
        peers="ChatAnthropic",
        defect="context management is sent without its beta, or is a TypeError",
    )
    @pytest.mark.parametrize(
        ("kinds", "betas"),
        [
            ([], ("context-management-2025-06-27",)),
            (["clear_tool_uses_20250919"], ("context-management-2025-06-27",)),
            (["compact_20260112"], ("compact-2026-01-12",)),
            (
                ["compact_20260112", "clear_thinking_20251015"],
                ("context-management-2025-06-27", "compact-2026-01-12"),
            ),
        ],
    )
    def test_context_management(self, kinds: list[str], betas: tuple[str, ...]) -> None:
        """Each kind of edit has its own; given as an option or raw."""
        management = {"edits": [{"type": kind} for kind in kinds]}
        request = build(context_management=management)
        assert request.body["context_management"] == management
        assert request.betas == betas
        assert build(model_kwargs={"context_management": management}).betas == betas

    def test_changes_of_tools(self) -> None:
        """In system messages within the conversation."""
        change = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}
        assert build([*Q, SystemMessage([change])]).betas == (
            "mid-conversation-tool-changes-2026-07-01",
        )
        change["tool"] = {"type": "tool_definition", "definition": tool()}
        assert build([*Q, SystemMessage([change])]).betas == ("inline-tools-2026-09-15",)

    def test_references_to_tools_that_are_gone(self) -> None:
        """Taken out of results, also of other messages: the API refuses all of it otherwise."""
        here, gone = ({"type": "tool_reference", "tool_name": name} for name in ("f", "g"))
        found = {"type": "tool_search_tool_search_result", "tool_references": [here, gone]}
        search = {"type": "tool_search_tool_result", "tool_use_id": "s1", "content": found}
        asked = {"type": "server_tool_use", "id": "s1", "name": "tool_search_tool_bm25"}
        call = {"name": "look", "args": {}, "id": "t1"}
        history = [
            *Q,
            AIMessage([asked, search]),
            *Q,
            AIMessage("", tool_calls=[call]),
            ToolMessage([gone], tool_call_id="t1"),
        ]
        request = build(history, tools=(tool(),))
        _, searched, _, _, result = request.body["messages"]
        assert searched["content"][1]["content"]["tool_references"] == [here]
        assert result["content"][0]["content"] == "The tools that were found are gone."
        assert "a reference to the tool 'g' is left out: it is gone" in request.notices
        assert found["tool_references"] == [here, gone]
        history[-1] = ToolMessage(["x", {"type": "tool_reference"}], tool_call_id="t1")
        result = build(history, tools=(tool(),)).body["messages"][-1]["content"][0]
        assert result["content"] == [{"type": "text", "text": "x"}]

    @pytest.mark.parametrize(
        ("signature", "beta"), [(None, "compact-2026-01-12"), ("s", "compact-2026-09-04")]
    )
    def test_a_compaction_in_the_history(self, signature: str | None, beta: str) -> None:
        """Whatever this request asks for; a signed one came by the other beta."""
        block = {"type": "compaction", "content": "So far.", "signature": signature}
        assert build([AIMessage([block]), *Q]).betas == (beta,)
        assert build(model_kwargs={"compaction": {"type": "summarize"}}).betas == (
            "compact-2026-09-04",
        )

    def test_blocks_that_need_a_beta_which_nobody_lists_are_left_out(self) -> None:
        """A thread that began at the API itself goes on here; with the beta they are sent."""
        advice = {"type": "server_tool_use", "id": "s1", "name": "advisor", "input": {}}
        blocks: list[Any] = [
            {"type": "mcp_tool_use", "id": "m1", "name": "f", "server_name": "w", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": False, "content": []},
            advice,
            {"type": "advisor_tool_result", "tool_use_id": "s1", "content": {}},
            {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}},
            {"type": "text", "text": "a"},
        ]
        request = build([*Q, AIMessage(blocks), *Q])
        assert request.body["messages"][1]["content"] == blocks[-1:]
        assert len(request.notices) == 5
        listed = ["mcp-client-1", "advisor-tool-1", "server-side-fallback-1"]
        kept = build([*Q, AIMessage(blocks), *Q], betas=listed)
        assert kept.body["messages"][1]["content"] == blocks
        assert not kept.notices


class TestRawFields:
    """model_kwargs go into the body as they are."""

    def test_they_win(self) -> None:
        """But objects that options share are laid over each other."""
        body = build(
            max_tokens=5,
            effort="low",
            model_kwargs={"max_tokens": 7, "output_config": {"task_budget": {"total": 1}}},
        ).body
        assert body["max_tokens"] == 7
        assert body["output_config"] == {"effort": "low", "task_budget": {"total": 1}}

    @pytest.mark.parametrize("name", ["messages", "model", "stream"])
    def test_they_do_not_replace_what_is_the_calls(self, name: str) -> None:
        """The error says where it goes."""
        with pytest.raises(InvalidInputError, match=f"must not hold {name}"):
            build(model_kwargs={name: []})


@pytest.mark.parametrize(
    "given",
    [
        {"top_p": "x", "thinking": 2_000},
        {"model_kwargs": {"anthropic_beta": 5}},
        {"context_management": {"edits": 5}},
        {"context_management": {"edits": ["x"]}},
    ],
    ids=str,
)
def test_a_value_of_the_wrong_kind_is_a_typed_error(given: dict[str, Any]) -> None:
    """Nothing is sent, and the error says where the call was to go."""
    with pytest.raises(InvalidInputError, match="wrong kind") as caught:
        build(**given)
    assert caught.value.platform == "vertex"


def test_a_list_that_holds_itself_twice_is_refused() -> None:
    """It doubles with every level, and would fill the memory."""
    endless: list[Any] = []
    endless += [endless, endless]
    with pytest.raises(InvalidInputError, match="'endless' is nested"):
        build(model_kwargs={"endless": endless})


@pytest.mark.parametrize("name", ["thinking", "context_management"])
@pytest.mark.parametrize("value", ["adaptive", 5, [{"type": "adaptive"}], True], ids=str)
def test_raw_fields_that_are_no_dicts_are_refused(name: str, value: Any) -> None:
    """By their names; the API's own form of them is a dict."""
    with pytest.raises(InvalidInputError, match=f"'{name}' in model_kwargs is a dict"):
        build(model_kwargs={name: value})


@pytest.mark.parametrize("tools", [5, "x", [1], {"a": 1}], ids=str)
def test_raw_tools_that_are_no_tools_are_refused(tools: Any) -> None:
    """Errors of the API name the tools of a request, so they are read."""
    with pytest.raises(InvalidInputError, match="'tools' in model_kwargs"):
        build(model_kwargs={"tools": tools})
