"""Each tool call goes out with exactly one result, or the error names its id."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
    convert_to_messages,
)
from request_models import model_with
from tool_histories import broken, call, convert, result, turns, use

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.messages.conversion import convert_messages

FROM_CLAUDE = {"model_provider": "anthropic"}


def test_calls_and_results_meet() -> None:
    """Text first, then the calls, then their results in one user turn."""
    assert turns(
        AIMessage("hi", tool_calls=[call("a", x=1), call("b")]),
        ToolMessage("1", tool_call_id="a"),
        ToolMessage("2", tool_call_id="b"),
    ) == [
        {"role": "assistant", "content": [{"type": "text", "text": "hi"}, use("a", x=1), use("b")]},
        {"role": "user", "content": [result("a", "1"), result("b", "2")]},
    ]


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex",
    defect="text between a call and its result stays there: 400",
)
def test_results_come_before_other_content() -> None:
    """The API wants them at the head of the turn, wherever they stand in the history."""
    (_, user) = turns(
        AIMessage("", tool_calls=[call("a"), call("b")]),
        HumanMessage("by the way"),
        ToolMessage("1", tool_call_id="a"),
        HumanMessage([{"type": "text", "text": "and"}, result("b", "2")]),
    )
    assert user["content"] == [
        result("a", "1"),
        result("b", "2"),
        {"type": "text", "text": "by the way"},
        {"type": "text", "text": "and"},
    ]


def test_edited_calls_win_over_content() -> None:
    """People and middleware edit tool_calls; the order is that of content."""
    content = [
        {**use("a", x=1), "caller": {"type": "direct"}, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "and"},
        use("gone"),
    ]
    edited = [call("new"), call("a", "g", x=2)]
    assistant = turns(
        AIMessage(content, tool_calls=edited, response_metadata=FROM_CLAUDE),
        ToolMessage("1", tool_call_id="a"),
        ToolMessage("2", tool_call_id="new"),
    )[0]
    assert assistant["content"] == [
        {
            **use("a", "g", x=2),
            "caller": {"type": "direct"},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "text", "text": "and"},
        use("new"),
    ]


def test_all_calls_edited_away() -> None:
    """A turn that is empty then is left out, and its neighbours become one."""
    assert (
        turns(AIMessage([use("a")], response_metadata=FROM_CLAUDE), HumanMessage("never mind"))
        == []
    )
    (only,) = convert(
        HumanMessage("q"), AIMessage([use("a")], response_metadata=FROM_CLAUDE), HumanMessage("n")
    ).messages
    assert only["content"] == [{"type": "text", "text": "q"}, {"type": "text", "text": "n"}]


def test_a_call_edited_away_may_be_in_the_last_message() -> None:
    """What is left of the answer is a prefill."""
    message = AIMessage(["so", use("a")], response_metadata=FROM_CLAUDE)
    assert turns(message) == [{"role": "assistant", "content": [{"type": "text", "text": "so"}]}]


def test_a_call_that_only_content_knows_stays_if_it_is_answered() -> None:
    """Hand-written histories often lack tool_calls."""
    for metadata in ({}, FROM_CLAUDE):
        message = AIMessage([use("a", x=1)], response_metadata=metadata)
        assistant, user = turns(message, HumanMessage([result("a")]))
        assert assistant["content"] == [use("a", x=1)]
        assert user["content"] == [result("a")]


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="a call given as a standard block is sent twice"
)
def test_standard_calls_are_sent_once() -> None:
    """`content_blocks` and tool_calls name the same call."""
    message = AIMessage(content_blocks=[{"type": "tool_call", "id": "a", "name": "f", "args": {}}])
    assert message.tool_calls
    assert turns(message, ToolMessage("ok", tool_call_id="a"))[0]["content"] == [use("a")]


def test_openai_dicts_are_taken() -> None:
    """What LangChain makes of dicts has its calls in tool_calls."""
    messages = convert_to_messages(
        [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "a",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"x": 1}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ]
    )
    assert turns(*messages)[0]["content"] == [use("a", x=1)]


@pytest.mark.peer_defect(
    peers="ChatAnthropic", defect="names of called tools that another model made up are sent: 400"
)
def test_unfit_ids_are_mapped_on_both_sides() -> None:
    """Other models' ids have characters that the API refuses."""
    assistant, user = turns(
        AIMessage("", tool_calls=[call("call|1.x", "functions.f")]),
        ToolMessage("1", tool_call_id="call|1.x"),
    )
    (block,), (answer,) = assistant["content"], user["content"]
    assert block["id"] == answer["tool_use_id"]
    assert block["id"].startswith("toolu_")
    assert block["name"] == "functions_f"


def test_ids_that_other_models_use_again_are_made_unique() -> None:
    """The API wants ids to be unique in a request, and the same ones next time."""
    rounds = [
        AIMessage("", tool_calls=[call("call_0")]),
        ToolMessage("1", tool_call_id="call_0"),
        AIMessage("", tool_calls=[call("call_0")]),
        ToolMessage("2", tool_call_id="call_0"),
    ]
    wire = turns(*rounds)
    assert [message["content"][0].get("id") for message in wire[::2]] == ["call_0", "call_0_2"]
    assert wire[3]["content"] == [result("call_0_2", "2")]
    assert turns(*rounds, AIMessage("hi"))[:4] == wire


class TestInvalidCalls:
    """A call whose arguments did not parse goes back to the model, which can repair it."""

    RAW = '{"path": "a\\nb'

    @pytest.mark.peer_defect(
        peers="ChatAnthropic, ChatBedrock",
        defect="a call that never was valid goes back with an empty input, or poisons the thread",
    )
    def test_it_is_told_with_its_raw_text(self) -> None:
        """Unanswered, it gets an error result at the head of the next user turn."""
        assistant, user = turns(
            AIMessage("", tool_calls=[call("b")], invalid_tool_calls=[broken("a", self.RAW)]),
            ToolMessage("ok", tool_call_id="b"),
            HumanMessage("go on"),
        )
        assert assistant["content"] == [use("b"), use("a", INVALID_JSON=self.RAW)]
        failure, *rest = user["content"]
        assert rest == [result("b"), {"type": "text", "text": "go on"}]
        assert failure["is_error"]
        assert failure["tool_use_id"] == "a"
        assert json.loads(failure["content"]) == {"INVALID_JSON": self.RAW, "error": "cut"}

    def test_it_may_be_the_last_message(self) -> None:
        """The error result then is the whole user turn."""
        *_, user = turns(AIMessage("hi", invalid_tool_calls=[broken("a", self.RAW, None)]))
        (failure,) = user["content"]
        assert user["role"] == "user"
        assert failure["is_error"]

    def test_an_answer_of_the_callers_own_is_the_only_one(self) -> None:
        """Middleware and LangChain answer such calls with an error message."""
        _, user = turns(
            AIMessage("", invalid_tool_calls=[broken("a", self.RAW)]),
            ToolMessage("Invalid JSON", tool_call_id="a", status="error"),
        )
        assert user["content"] == [result("a", "Invalid JSON", is_error=True)]

    @pytest.mark.parametrize(
        "block",
        [
            broken("a", RAW),
            {"type": "tool_use", "id": "a", "name": "f", "input": {}, "partial_json": RAW},
            {"type": "tool_call_chunk", "id": "a", "name": "f", "args": RAW},
        ],
    )
    def test_it_keeps_its_place_in_content(self, block: dict[str, Any]) -> None:
        """Content holds it as an invalid call, or with the text that streamed."""
        content = [block, {"type": "text", "text": "after"}]
        for known in ([broken("a", self.RAW)], []):
            assistant, user = turns(AIMessage(content, invalid_tool_calls=known))
            assert assistant["content"][0] == use("a", INVALID_JSON=self.RAW)
            assert user["content"][0]["is_error"]

    def test_a_repaired_call_is_valid(self) -> None:
        """An edit may put it into tool_calls, where it must be answered."""
        content = [broken("a", self.RAW)]
        repaired = AIMessage(content, tool_calls=[call("a", path="a")])
        assert turns(repaired, ToolMessage("ok", tool_call_id="a"))[0]["content"] == [
            use("a", path="a")
        ]
        with pytest.raises(InvalidInputError, match=r"'a' .* has no result"):
            turns(repaired, HumanMessage("go on"))

    def test_one_without_an_id_is_left_out(self) -> None:
        """Nothing could answer it."""
        nameless = {**broken("a", self.RAW), "id": None}
        assistant, _ = turns(AIMessage("hi", invalid_tool_calls=[nameless]), HumanMessage("x"))
        assert assistant == {"role": "assistant", "content": "hi"}


def test_an_answer_that_a_history_holds_twice_makes_its_calls_once() -> None:
    """Its results, which may be there twice too, answer them."""
    answer = AIMessage("", tool_calls=[call("a"), call("b")])
    results = [ToolMessage("r", tool_call_id=each) for each in ("a", "b", "a")]
    messages = convert(HumanMessage("q"), answer, answer.model_copy(), *results).messages
    assert [block["id"] for block in messages[1]["content"]] == ["a", "b"]
    assert [block["tool_use_id"] for block in messages[2]["content"]] == ["a", "b"]


def test_duplicate_results_are_sent_once() -> None:
    """LangChain adds a second one when it patches a history; the first counts."""
    conversation = convert(
        HumanMessage("q"),
        AIMessage("", tool_calls=[call("a")]),
        ToolMessage("first", tool_call_id="a"),
        ToolMessage("second", tool_call_id="a"),
    )
    assert conversation.messages[2]["content"] == [result("a", "first")]
    assert "'a' has two results" in conversation.notices[0]


def test_a_toolset_is_named_on_the_result() -> None:
    """The API gives it on the call and wants it on the result."""
    content = [{**use("a"), "toolset_name": "computer"}]
    _, user = turns(AIMessage(content), ToolMessage("ok", tool_call_id="a"))
    assert user["content"] == [result("a", toolset_name="computer")]


@pytest.mark.parametrize(
    ("history", "says"),
    [
        (
            [AIMessage("", tool_calls=[call("a")])],
            r"messages\[1\]: tool call 'a' \(f\) has no result",
        ),
        (
            [AIMessage("", tool_calls=[call("a"), call("b")]), ToolMessage("1", tool_call_id="b")],
            "'a'.*has no result.*ToolMessage",
        ),
        ([AIMessage("", tool_calls=[call("a")]), AIMessage("hi")], "'a'.*has no result"),
        ([ToolMessage("1", tool_call_id="z")], "result for 'z' follows no AIMessage"),
        (
            [AIMessage("hi"), ToolMessage("1", tool_call_id="z")],
            r"messages\[2\].*'z'.*when shortening a history",
        ),
        (
            [
                AIMessage("", tool_calls=[call("a")]),
                ToolMessage("1", tool_call_id="a"),
                ToolMessage("1", tool_call_id="z"),
            ],
            "'z' follows no",
        ),
        ([AIMessage("", tool_calls=[call("a"), call("a")])], "same id.*'a'"),
        ([AIMessage("", tool_calls=[{**call("a"), "id": None}])], r"messages\[1\].*'f' has no id"),
        ([AIMessage([{**use("a"), "id": ""}])], "'f' has no id"),
        ([HumanMessage([{"type": "tool_result", "content": "x"}])], "needs the id of its call"),
        (
            [AIMessage("", tool_calls=[call("a")]), ToolMessage("x", tool_call_id="")],
            "set tool_call_id",
        ),
    ],
)
def test_a_history_that_does_not_pair_up_is_refused(history: list[BaseMessage], says: str) -> None:
    """The error names the message, the id, and what to do."""
    with pytest.raises(InvalidInputError, match=says):
        turns(*history)


def test_calls_that_are_none_are_left_out() -> None:
    """Other integrations make a nameless call of a server tool's stream."""
    phantom: ToolCall = {"name": "", "args": {}, "id": None, "type": "tool_call"}
    assert turns(AIMessage("hi", tool_calls=[phantom]), HumanMessage("x"))[0]["content"] == "hi"
    in_content = AIMessage([{"type": "tool_call_chunk", "args": "{", "index": 0}, "hi"])
    assert turns(in_content, HumanMessage("x"))[0]["content"] == [{"type": "text", "text": "hi"}]


def test_a_call_in_both_forms_is_sent_once() -> None:
    """Native and standard, one beside the other; without arguments they are empty."""
    message = AIMessage([{"type": "tool_use", "id": "a", "name": "f"}, call("a")])
    assert turns(message, ToolMessage("ok", tool_call_id="a"))[0]["content"] == [use("a")]


class TestServerCalls:
    """Calls that the API answers itself."""

    SEARCH = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}  # noqa: RUF012
    FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}  # noqa: RUF012

    def test_one_cut_off_before_its_result_is_left_out(self) -> None:
        """The API refuses it in the middle of a history."""
        message = AIMessage([{"type": "text", "text": "hi"}, self.SEARCH])
        assert turns(message, HumanMessage("go on"))[0]["content"] == [
            {"type": "text", "text": "hi"}
        ]

    def test_one_with_its_result_stays(self) -> None:
        """Also when a pause put them into two messages."""
        assert turns(AIMessage([self.SEARCH]), AIMessage([self.FOUND]), HumanMessage("x"))[0][
            "content"
        ] == [self.SEARCH, self.FOUND]

    def test_a_result_without_its_call_is_left_out(self) -> None:
        """Cut histories begin with one; the API refuses what it cannot match."""
        text = {"type": "text", "text": "hi"}
        stray = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_9", "content": []}
        assert turns(AIMessage([stray, text]), HumanMessage("x"))[0]["content"] == [text]
        early = AIMessage([self.FOUND, self.SEARCH, self.FOUND])
        assert turns(early, HumanMessage("x"))[0]["content"] == [self.SEARCH, self.FOUND]

    def test_a_result_may_come_in_a_later_turn_than_its_call(self) -> None:
        """Code that calls the user's tools waits for them."""
        text = {"type": "text", "text": "hi"}
        found = {"type": "web_search_tool_result", "tool_use_id": self.SEARCH["id"], "content": []}
        history = [AIMessage([self.SEARCH, use("a")]), ToolMessage("ok", tool_call_id="a")]
        sent = turns(*history, AIMessage([found, text]), HumanMessage("x"))
        assert sent[2]["content"] == [found, text]

    def test_one_that_waits_for_client_tools_stays(self) -> None:
        """Its result comes with the next answer."""
        message = AIMessage([self.SEARCH, use("a")])
        assert turns(message, ToolMessage("ok", tool_call_id="a"))[0]["content"] == [
            self.SEARCH,
            use("a"),
        ]

    def test_a_paused_turn_is_sent_back_as_it_is(self) -> None:
        """It is no prefill, even where prefill is refused."""
        model = model_with(prefill=False)
        paused = AIMessage([self.SEARCH], response_metadata={"stop_reason": "pause_turn"})
        messages = convert_messages([HumanMessage("q"), paused], model).messages
        assert messages[-1] == {"role": "assistant", "content": [self.SEARCH]}


def test_system_messages_wait_for_results_behind_server_tools_too() -> None:
    """A turn with open calls is not over, whatever its last block is."""
    mixed = [use("a"), TestServerCalls.SEARCH, TestServerCalls.FOUND]
    history = [AIMessage(mixed), SystemMessage("s"), ToolMessage("1", tool_call_id="a")]
    assert [message["role"] for message in turns(*history)] == ["assistant", "user", "system"]


def test_system_messages_never_part_a_call_from_its_result() -> None:
    """They wait until the user's turn is over."""
    assert [
        message["role"]
        for message in turns(
            AIMessage("", tool_calls=[call("a"), call("b")]),
            SystemMessage("be brief"),
            ToolMessage("1", tool_call_id="a"),
            SystemMessage("be kind"),
            ToolMessage("2", tool_call_id="b"),
        )
    ] == ["assistant", "user", "system"]
