"""Conversations of any shape become alternating turns with a system prompt."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
)
from request_models import model_with

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.request.messages.conversion import Conversation, convert_messages

Q = HumanMessage("q")
A = AIMessage("a")
S = SystemMessage("s")
EPHEMERAL = {"type": "ephemeral", "ttl": "1h"}


def convert(*messages: BaseMessage, **capabilities: Any) -> Conversation:
    """Return a conversation as it goes out."""
    return convert_messages(messages, model_with(**capabilities))


def text(*texts: str) -> list[dict[str, str]]:
    """Return text blocks."""
    return [{"type": "text", "text": each} for each in texts]


def roles(conversation: Conversation) -> str:
    """Return the first letters of the turns' roles."""
    return "".join(message["role"][0] for message in conversation.messages)


def test_strings_stay_strings() -> None:
    """Prompt caches and readers of logs like what was given."""
    conversation = convert(S, Q, A, HumanMessage("r", name="Ada", id="1"))
    assert conversation.system == "s"
    assert conversation.messages == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "r"},
    ]
    assert conversation.notices == ()


@pytest.mark.peer_defect(peers="ChatAnthropic", defect="neighbouring AI messages stay apart")
def test_neighbours_of_one_role_become_one_turn() -> None:
    """Two system, user or assistant messages in a row are one."""
    conversation = convert(S, SystemMessage("t"), Q, HumanMessage("r"), A, AIMessage("b"), Q)
    assert conversation.system == text("s", "t")
    assert conversation.messages == [
        {"role": "user", "content": text("q", "r")},
        {"role": "assistant", "content": text("a", "b")},
        {"role": "user", "content": "q"},
    ]


def test_chunks_are_messages() -> None:
    """A stream's chunks may be put into a history as they are."""
    chunks = [SystemMessageChunk("s"), HumanMessageChunk("q"), AIMessageChunk("a")]
    assert convert(*chunks, Q).messages == convert(S, Q, A, Q).messages


@pytest.mark.peer_defect(
    peers="ChatAnthropic, ChatAnthropicVertex", defect="a ChatMessage is a KeyError"
)
def test_chat_messages_go_by_their_role() -> None:
    """Whatever their case."""
    messages = [ChatMessage("s", role="developer"), ChatMessage("q", role="User")]
    messages += [ChatMessage("a", role="assistant"), ChatMessage("r", role="user")]
    conversation = convert(*messages)
    assert conversation.system == "s"
    assert roles(conversation) == "uau"


@pytest.mark.parametrize("role", ["critic", "tool"])
def test_roles_that_claude_does_not_know_are_refused(role: str) -> None:
    """By their name; a ChatMessage of a tool has no field for the call that it answers."""
    with pytest.raises(InvalidInputError, match=f"role '{role}' cannot be sent"):
        convert(Q, ChatMessage("x", role=role))


@pytest.mark.parametrize("message", [FunctionMessage("x", name="f"), RemoveMessage(id="1")])
def test_messages_that_claude_has_no_form_for_are_refused(message: BaseMessage) -> None:
    """The error says which, and what to use."""
    with pytest.raises(InvalidInputError, match=r"messages\[1\] .*cannot be sent.*ToolMessage"):
        convert(Q, message)


def test_errors_name_the_message() -> None:
    """A long history is hard to search."""
    bad = HumanMessage([{"type": "audio", "base64": ""}])
    with pytest.raises(InvalidInputError, match=r"messages\[2\] \(HumanMessage\): Claude does not"):
        convert(Q, A, bad)


class TestSystem:
    """Where system messages go."""

    def test_a_list_keeps_its_cache_markers(self) -> None:
        """Also the longer life of a marker."""
        content = [{"type": "text", "text": "s", "cache_control": EPHEMERAL}, "t"]
        system = convert(SystemMessage(content), Q).system
        assert system == [{"type": "text", "text": "s", "cache_control": EPHEMERAL}, *text("t")]

    def test_a_wrapped_block_is_unwrapped(self) -> None:
        """Standard content may wrap any block."""
        wrapped = {"type": "non_standard", "value": {"type": "text", "text": "s"}}
        assert convert(SystemMessage([wrapped]), Q).system == text("s")

    @pytest.mark.peer_defect(
        peers="ChatAnthropic, ChatAnthropicVertex", defect="empty and blank text is sent: 400"
    )
    @pytest.mark.parametrize("content", ["", "  ", [], [{"type": "text", "text": ""}]])
    def test_an_empty_one_is_none(self, content: Any) -> None:
        """The API refuses blank text."""
        assert convert(SystemMessage(content), Q).system is None

    def test_it_holds_text_only(self) -> None:
        """The API takes nothing else."""
        with pytest.raises(InvalidInputError, match="text only, not image blocks"):
            convert(SystemMessage([{"type": "image", "url": "https://example.org/a.png"}]), Q)

    @pytest.mark.peer_defect(
        peers="all of them",
        defect="a second system message inside the conversation is a ValueError, or loses its place",
    )
    @pytest.mark.parametrize(
        ("messages", "expected"),
        [
            ([Q, S], "us"),
            ([Q, S, A, Q], "usau"),
            ([Q, A, S, Q], "uaus"),
            ([Q, A, S, Q, A, Q], "uausau"),
            ([Q, S, Q, A, Q], "usau"),
            ([Q, A, S, Q, S], "uaus"),
        ],
    )
    def test_one_in_the_conversation_stands_behind_a_user_turn(
        self, messages: list[BaseMessage], expected: str
    ) -> None:
        """The API takes it there only, and never two in a row."""
        conversation = convert(*messages)
        assert roles(conversation) == expected
        assert conversation.system is None
        assert conversation.notices == ()

    def test_several_in_a_row_are_one(self) -> None:
        """Their blocks stay in order."""
        (_, system) = convert(Q, S, SystemMessage([{"type": "text", "text": "t"}])).messages
        assert system == {"role": "system", "content": text("s", "t")}

    def test_one_behind_a_server_tools_result_stays_there(self) -> None:
        """The one place behind an assistant turn."""
        found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
        search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
        assert roles(convert(Q, AIMessage([search, found]), S)) == "uas"

    def test_one_before_an_answer_that_is_left_out_moves_on(self) -> None:
        """Only the assistant may follow it."""
        cut = AIMessage([{"type": "thinking", "thinking": "hm", "signature": "s"}])
        assert convert(Q, S, cut, HumanMessage("r")).messages == [
            {"role": "user", "content": text("q", "r")},
            {"role": "system", "content": text("s")},
        ]

    def test_one_without_a_place_joins_the_prompt(self) -> None:
        """Behind a last answer there is none."""
        conversation = convert(SystemMessage("first"), Q, A, S)
        assert conversation.system == text("first", "s")
        assert "no user turn" in conversation.notices[0]
        cut = AIMessage([{"type": "thinking", "thinking": "hm", "signature": "s"}])
        assert convert(SystemMessage("first"), Q, cut, Q, A, S).system == text("first", "s")

    @pytest.mark.peer_defect(
        peers="all of them",
        defect="a second system message inside the conversation is a ValueError, or loses its place",
    )
    def test_models_that_take_none_there_get_it_in_the_prompt(self) -> None:
        """In order, with a notice for each; any number of them."""
        conversation = convert(
            SystemMessage("first"), Q, S, A, SystemMessage("t"), Q, mid_conversation_system=False
        )
        assert conversation.system == text("first", "s", "t")
        assert roles(conversation) == "uau"
        assert [notice[:11] for notice in conversation.notices] == ["messages[2]", "messages[4]"]

    def test_tool_changes_go_out_as_they_are(self) -> None:
        """They name a tool that comes or goes."""
        change = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}
        (_, system) = convert(Q, SystemMessage([change])).messages
        assert system["content"] == [change]

    @pytest.mark.parametrize("before", [[], [Q]])
    def test_tool_changes_elsewhere_are_refused(self, before: list[BaseMessage]) -> None:
        """Not in the system prompt: where the model takes no such messages, or before a turn."""
        change = {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "f"}}
        told = SystemMessage([change])
        with pytest.raises(InvalidInputError, match="a change of the tools needs a model"):
            convert(*before, told, Q, mid_conversation_system=not before)

    @pytest.mark.peer_defect(
        peers="ChatAnthropic",
        defect="system messages alone are sent as a conversation without messages: 400",
    )
    def test_system_alone_is_no_conversation(self) -> None:
        """There is nothing to answer."""
        with pytest.raises(InvalidInputError, match="add a HumanMessage"):
            convert(S)


class TestEmptiness:
    """The API refuses blank text and empty turns."""

    @pytest.mark.peer_defect(
        peers="ChatAnthropic, ChatAnthropicVertex", defect="empty and blank text is sent: 400"
    )
    @pytest.mark.parametrize("content", ["", " \n", [], [""], [{"type": "text", "text": " "}]])
    def test_an_empty_user_turn_is_an_error(self, content: Any) -> None:
        """To leave it out would change who answers whom."""
        with pytest.raises(InvalidInputError, match=r"messages\[2\] is empty"):
            convert(Q, A, HumanMessage(content), AIMessage("b"), Q)

    @pytest.mark.peer_defect(
        peers="ChatAnthropic, ChatAnthropicVertex", defect="empty and blank text is sent: 400"
    )
    def test_an_empty_message_beside_others_is_left_out(self) -> None:
        """The turn has something to say."""
        conversation = convert(HumanMessage(""), Q)
        assert conversation.messages == [{"role": "user", "content": "q"}]
        conversation = convert(Q, HumanMessage([{"type": "text", "text": ""}]))
        assert conversation.messages == [{"role": "user", "content": text("q")}]

    @pytest.mark.peer_defect(
        peers="ChatAnthropic, ChatAnthropicVertex", defect="empty and blank text is sent: 400"
    )
    @pytest.mark.parametrize("content", ["", "\n", [], [{"type": "thinking", "thinking": "hm"}]])
    def test_an_empty_answer_is_skipped(self, content: Any) -> None:
        """Its neighbours become one turn."""
        conversation = convert(Q, AIMessage(content), HumanMessage("r"), AIMessage(content))
        assert conversation.messages == [{"role": "user", "content": text("q", "r")}]

    def test_an_answer_that_was_cut_while_thinking_is_skipped(self) -> None:
        """The API refuses thinking at the end of a turn."""
        signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
        redacted = {"type": "redacted_thinking", "data": "d"}
        assert roles(convert(Q, AIMessage([signed, redacted]), Q)) == "u"
        cut = AIMessage([signed, {"type": "text", "text": "a"}, redacted])
        assert convert(Q, cut, Q).messages[1]["content"] == [signed, *text("a")]

    def test_nothing_at_all(self) -> None:
        """The error says what is missing."""
        with pytest.raises(InvalidInputError, match="no message to answer"):
            convert()


class TestEnds:
    """How a conversation starts and ends."""

    def test_it_starts_with_the_user(self) -> None:
        """An opening by the assistant gets a user turn before it, and a notice."""
        conversation = convert(AIMessage("How can I help?"), Q)
        assert conversation.messages[0] == {"role": "user", "content": "."}
        assert roles(conversation) == "uau"
        assert "starts with an AIMessage" in conversation.notices[0]

    def test_a_prefill_loses_its_trailing_space(self) -> None:
        """Only at the end, and only in the copy."""
        prefill = AIMessage("{ ")
        assert convert(Q, AIMessage("a "), Q, prefill).messages == [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a "},
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "{"},
        ]
        assert prefill.content == "{ "

    def test_a_prefill_is_refused_where_the_model_takes_none(self) -> None:
        """With what to do instead; an unknown model decides for itself."""
        with pytest.raises(InvalidInputError, match=r"messages\[1\].*\(prefill\).*HumanMessage"):
            convert(Q, A, prefill=False)
        assert roles(convert(Q, A, prefill=False, known=False)) == "ua"

    def test_tools_last_is_no_prefill(self) -> None:
        """The user's turn is last then."""
        call = {"name": "f", "args": {}, "id": "a"}
        answered = [AIMessage("", tool_calls=[call]), ToolMessage("x", tool_call_id="a")]
        assert roles(convert(Q, *answered, prefill=False)) == "uau"


def test_a_paused_answer_may_end_with_thinking() -> None:
    """The API goes on where it stopped."""
    signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
    paused = AIMessage([signed], response_metadata={"stop_reason": "pause_turn"})
    assert convert(Q, paused, prefill=False).messages[-1]["content"] == [signed]


COMPACTION: dict[str, Any] = {"type": "compaction", "content": "So far.", "signature": "s"}


def test_a_compaction_may_open_or_end_a_conversation() -> None:
    """The API takes both; one that was asked for must even come first."""
    held = AIMessage([{**COMPACTION, "text": None, "citations": None}])
    opened = convert(held, Q)
    assert opened.messages[0] == {"role": "assistant", "content": [COMPACTION]}
    assert not opened.notices
    assert convert(Q, held, prefill=False).messages[-1]["content"] == [COMPACTION]


def test_a_compaction_is_text_for_a_model_that_takes_none() -> None:
    """What was said before it may be gone."""
    marked = {**COMPACTION, "cache_control": EPHEMERAL}
    empty = {**COMPACTION, "content": None}
    sent = convert(AIMessage([marked, empty, *text("a")]), Q, compaction=False)
    summary, answer = text("So far.", "a")
    assert sent.messages[1]["content"] == [{**summary, "cache_control": EPHEMERAL}, answer]
    assert "as text" in sent.notices[0]


def test_a_paused_answer_loses_its_trailing_space() -> None:
    """The API refuses it at the end, paused or not."""
    paused = AIMessage("a ", response_metadata={"stop_reason": "pause_turn"})
    assert convert(Q, paused, prefill=False).messages[-1]["content"] == "a"


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage([{"type": "image", "base64": "AAAA", "mime_type": 5}]),
        HumanMessage([{"type": "tool_result", "tool_use_id": "a", "content": 5}]),
        AIMessage(
            [{"type": "text", "text": "hi", "citations": [{"type": "citation", "extras": 5}]}]
        ),
        AIMessage([{"type": ["text"]}]),
        AIMessage([{"type": "thinking", "thinking": "hm", "extras": 5}]),
        AIMessage([{"type": "server_tool_call", "id": "s", "name": ["f"], "args": {}}]),
        SystemMessage([{"type": "tool_addition", "tool": "f"}]),
    ],
)
def test_values_of_the_wrong_kind_are_refused(message: BaseMessage) -> None:
    """The error names the message; it is never one of Python's own."""
    with pytest.raises(InvalidInputError, match=r"messages\[1\]"):
        convert(Q, message)


def test_a_native_result_may_hold_one_block() -> None:
    """As a list of one."""
    call = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "t1"}])
    found = {"type": "text", "text": "found"}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": found}
    sent = convert(Q, call, HumanMessage([result])).messages[-1]["content"]
    assert sent == [{**result, "content": [found]}]
