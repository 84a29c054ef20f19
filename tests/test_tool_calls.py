"""Tool calls as they are being written: all streams, all cuts, linear work."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import pytest
from answers import ORIGIN, Event, chunks, delta, finish, opened, read, start, stopped, text, tool
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.tools import tool as as_tool
from profiled_calls import calls_made

from langchain_claude_cloud import ChatClaudeCloud
from langchain_claude_cloud.response.blocks import ArgumentsError, parse_arguments
from langchain_claude_cloud.response.message import ProtocolEventHandler
from langchain_claude_cloud.response.tool_arguments import PartialJsonReader
from langchain_claude_cloud.testing import CloudEmulator, tool_use
from langchain_claude_cloud.testing import text as said
from langchain_claude_cloud.tool_calls import ToolCallUpdate, aiter_tool_calls, iter_tool_calls

WHOLE = '{"path": "notes.md", "content": "all of \\"it\\"\\n"}'
ARGS = {"path": "notes.md", "content": 'all of "it"\n'}
CUT = '{"path": "notes.md", "content": "half a fi'
ONE_CALL = [start(), *text(0, "I write."), *tool(1, WHOLE, size=4), *finish("tool_use")]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
json_objects = st.dictionaries(st.text(), json_values, max_size=5)
unhurried = settings(deadline=None, max_examples=60)


def cut_at(raw: str, places: Iterable[int]) -> list[str]:
    """Return a text in pieces."""
    edges = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    return [raw[begin:end] for begin, end in pairwise(edges)]


def grows(before: Any, after: Any) -> bool:
    """Whether one value is another as it was earlier: only what comes last may differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        items, later = list(before.items()), list(after.items())[: len(before)]
        if [key for key, _ in items] != [key for key, _ in later]:
            return False
        pairs = [(old, new) for (_, old), (_, new) in zip(items, later, strict=True)]
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) > len(after):
            return False
        pairs = list(zip(before, after, strict=False))
    elif isinstance(before, str) and isinstance(after, str):
        return after.startswith(before)
    else:
        # A number at the very end is provisional.
        return before == after or (is_number(before) and is_number(after))
    return all(old == new for old, new in pairs[:-1]) and all(
        grows(old, new) for old, new in pairs[-1:]
    )


def is_number(value: Any) -> bool:
    """Whether a value is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def updates_of(events: list[Event], version: str = "v0") -> list[ToolCallUpdate]:
    """Return the updates of a stream of chunks."""
    return list(iter_tool_calls(chunks(events, version)))


def protocol(events: list[Event]) -> list[Any]:
    """Return a stream as events of the content-block protocol."""
    return read(events, ProtocolEventHandler(ORIGIN, message_id="lc_run--1"))[1]


def with_id(parts: list[Any], message_id: str) -> list[Any]:
    """Return chunks with the id that core gives them."""
    return [part.model_copy(update={"id": message_id}) for part in parts]


def plain(part: Any) -> AIMessageChunk:
    """Return what core makes of a chunk, without what is ours."""
    return AIMessageChunk(
        content=part.content,
        id=part.id,
        tool_call_chunks=part.tool_call_chunks,
        response_metadata=part.response_metadata,
        chunk_position=part.chunk_position,
    )


@unhurried
@given(
    json_objects,
    st.fixed_dictionaries({"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 1])}),
    st.lists(st.integers(0)),
)
def test_arguments_only_grow_and_end_as_what_was_written(
    written: dict[str, Any], style: dict[str, Any], places: list[int]
) -> None:
    """However the text is cut, no update takes back what an earlier one showed."""
    raw = json.dumps(written, **style)
    parser = PartialJsonReader()
    seen: list[Any] = [{}, *(parser.feed(piece) for piece in cut_at(raw, places))]
    assert seen[-1] == json.loads(raw) == parse_arguments(raw)
    assert all(grows(before, after) for before, after in pairwise(seen))


@unhurried
@given(json_objects, st.integers(1, 9), st.sampled_from(["v0", "v1"]))
def test_updates_of_a_stream_end_with_the_arguments(
    written: dict[str, Any], size: int, version: str
) -> None:
    """The last update has all arguments, and the raw text is the sum of the fragments."""
    raw = json.dumps(written)
    updates = updates_of([start(), *tool(0, raw, size=size), *finish("tool_use")], version)
    assert [update.done for update in updates] == [False] * (len(updates) - 1) + [True]
    assert updates[-1].args == written
    assert "".join(update.delta for update in updates) == raw
    assert all(grows(before.args, after.args) for before, after in pairwise(updates))


@unhurried
@given(st.text(alphabet='{}[]":,\\u0dDeE1-. tfnax\n\ud83d') | st.text(), st.integers(1, 5))
def test_malformed_text_ends_as_an_error_and_never_raises(raw: str, size: int) -> None:
    """What jiter refuses at the end is an error with its reason; until then, it grows."""
    updates = updates_of([start(), *tool(0, raw, size=size), *finish("tool_use")])
    (last,) = [update for update in updates if update.done]
    try:
        expected, reason = parse_arguments(raw), None
    except ArgumentsError as error:
        expected, reason = {}, str(error)
    assert (last.args, last.error) == (expected, reason)


@unhurried
@given(json_objects.filter(bool), st.data())
def test_cut_text_shows_only_what_was_written(written: dict[str, Any], data: Any) -> None:
    """The arguments of a prefix are a part of the whole, and nothing is made up."""
    raw = json.dumps(written)
    upto = data.draw(st.integers(0, len(raw) - 1))
    events = [start(), *tool(0, raw[:upto], ended=False), *finish("max_tokens")]
    *partial, last = updates_of(events)
    assert all(grows(update.args, written) for update in partial)
    assert (last.done, last.args) == (True, {})
    assert "max_tokens" in (last.error or "")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('{"a', {}),
        ('{"a"', {}),
        ('{"a":', {}),
        ('{"a": "', {"a": ""}),
        ('{"a": "x\\', {"a": "x"}),
        ('{"a": "x\\u00', {"a": "x"}),
        ('{"a": "x\\u00e9', {"a": "xé"}),
        ('{"a": "x\\ud83d', {"a": "x"}),
        ('{"a": "x\\ud83d\\ude0', {"a": "x"}),
        ('{"a": "x\\ud83d\\ude00', {"a": "x\U0001f600"}),
        ('{"a": "x\\ud83dy', {"a": "x"}),
        ('{"a": -', {}),
        ('{"a": 12', {"a": 12}),
        ('{"a": 1.', {"a": 1}),
        ('{"a": 1e', {"a": 1}),
        ('{"a": tru', {}),
        ('{"a": {', {"a": {}}),
        ('{"a": [1, {"b": "c', {"a": [1, {"b": "c"}]}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1} and', {"a": 1}),
        ('{"a": 1, "a": 2', {"a": 1}),
        ('{"a": "b\nc', {"a": "b"}),
        ("[1", {}),
        ('{"a": NaN, "b": 1}', {}),
        ('{"n": ' + "1" * 5000 + "}", {}),
        ('{"path":"a","content":"half", oops', {"path": "a", "content": "half"}),
        ('{"n": 1, "m": 1e400, "o": 2}', {"n": 1}),
        ('{"n": 01', {"n": 0}),
        ('{"n": 01}', {}),
    ],
)
def test_what_is_known_of_unfinished_text(raw: str, shown: dict[str, Any]) -> None:
    """Open strings are shown, cut escapes wait, and nothing past an error is read."""
    assert PartialJsonReader().feed(raw) == shown
    parser = PartialJsonReader()
    for character in raw:
        parser.feed(character)
    assert parser.args == shown
    events = [start(), *tool(0, raw, size=1, ended=False), *finish()]
    *streamed, _, _ = chunks(events)  # The last two say that the call is invalid, and the end.
    merged = reduce(add, streamed)
    assert merged.tool_calls[0]["args"] == shown


def test_a_long_number_is_shown_as_far_as_it_is_written() -> None:
    """Each digit is there at once; in the end the number is whole."""
    digits = "12345678901234567890" * 5
    parser = PartialJsonReader()
    seen = [parser.feed(piece) for piece in cut_at(f'{{"n": {digits}}}', range(200))]
    assert seen[-1] == {"n": int(digits)}
    shown = [args["n"] for args in seen if "n" in args]
    assert max(shown[:-2]) == int(digits[:-1])


def test_snapshots_are_not_changed_later() -> None:
    """What an update held stays as it was when the text goes on."""
    parser = PartialJsonReader()
    first = parser.feed('{"a": {"b": ["x')
    parser.feed('y", "z"], "c": 1}}')
    assert first == {"a": {"b": ["x"]}}


def nested(depth: int) -> str:
    """Return an object nested in objects."""
    return '{"a":' * depth + "1" + "}" * depth


def test_nesting_is_followed_as_deep_as_jiter_goes() -> None:
    """The deepest object that is valid is shown; a deeper one is an error."""
    parser = PartialJsonReader()
    assert parser.feed(nested(200)) == json.loads(nested(200))
    last = updates_of([start(), *tool(0, nested(201)), *finish("tool_use")])[-1]
    assert "recursion" in (last.error or "")


class CountingReader(PartialJsonReader):
    """Counts the characters that are looked at."""

    scanned = 0

    def feed(self, fragment: str) -> dict[str, Any]:
        """Count them; nothing is looked at behind an error."""
        self.scanned += len(self._held + fragment) if self._next else 0
        return super().feed(fragment)


LONG_TEXTS = {
    "a string": json.dumps({"path": "a", "content": "x" * 400_000}),
    "a string with escapes": json.dumps({"content": 'say "é"\n' * 40_000}),
    "records": json.dumps({"rows": [{"n": n, "s": "x"} for n in range(4_000)]}),
    "a number": '{"n": ' + "1" * 400_000 + "}",
    "an open bracket": '{"a": ' + "[" * 400_000,
}


@pytest.mark.parametrize("kind", LONG_TEXTS)
def test_the_work_is_linear(kind: str) -> None:
    """Of up to 400 kB in fragments of 20 characters, each is looked at about once."""
    raw = LONG_TEXTS[kind]
    parser = CountingReader()
    for at in range(0, len(raw), 20):
        parser.feed(raw[at : at + 20])
    assert parser.scanned <= len(raw) * 1.3


def test_a_fragment_costs_the_same_early_and_late() -> None:
    """Ten times the text takes ten times the function calls, not a hundred."""

    def follow(length: int) -> None:
        parser = PartialJsonReader()
        parser.feed('{"content": "')
        for _ in range(length):
            parser.feed("a line \\n and more..")

    follow(1)
    assert calls_made(lambda: follow(10_000)) < calls_made(lambda: follow(1_000)) * 10.5


WRAPPINGS: dict[str, Callable[[Any], Any]] = {
    "messages": lambda part: (part, {"langgraph_node": "model"}),
    "messages among modes": lambda part: ("messages", (part, {})),
    "messages with subgraphs": lambda part: (("agent:1",), (part, {})),
    "modes with subgraphs": lambda part: ((), "messages", (part, {})),
    "stream parts": lambda part: {"type": "messages", "ns": (), "data": (part, {})},
    "protocol of graphs": lambda part: {
        "type": "event", "method": "messages", "params": {"namespace": [], "data": (part, {})},
    },
}  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_all_wrappings_give_the_same_updates(wrapping: str) -> None:
    """LangGraph's envelopes change nothing, around chunks and around protocol events."""
    expected = updates_of(ONE_CALL)
    assert len(expected) > 10
    wrap = WRAPPINGS[wrapping]
    for parts in (chunks(ONE_CALL), chunks(ONE_CALL, "v1"), protocol(ONE_CALL)):
        assert list(iter_tool_calls(wrap(part) for part in parts)) == expected
        assert list(iter_tool_calls(parts)) == expected


def test_events_of_astream_events_give_the_same_updates() -> None:
    """The chunks are in the data of events; the whole message at the end adds nothing."""
    parts = with_id(chunks(ONE_CALL), "lc_run--1")
    stream = [{"event": "on_chat_model_stream", "data": {"chunk": part}} for part in parts]
    whole = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}], id="lc_run--1")
    end = {"event": "on_chat_model_end", "data": {"output": whole}}
    others = [{"event": "on_chain_stream", "data": {"chunk": parts[3]}}, {"event": "on_x"}]
    assert list(iter_tool_calls([*stream, end, *others])) == updates_of(ONE_CALL)


@pytest.mark.parametrize("noise", [None, 1, "text", (), ("updates", {"model": {}}), {}, [1],
                                   ("custom", {"x": 1}), ((), "values", {}), (1, 2), (1,),
                                   {"event": "on_chat_model_stream"}, {"type": "messages"},
                                   HumanMessage("hi"), ("messages",), (HumanMessage("x"), {}),
                                   {"event": {"kind": "order"}}, {"event": ["order"]}])  # fmt: skip
def test_anything_else_is_passed_over(noise: Any) -> None:
    """What other modes bring does not disturb."""
    mixed = [part for chunk in chunks(ONE_CALL) for part in (noise, chunk)]
    assert list(iter_tool_calls(mixed)) == updates_of(ONE_CALL)


@pytest.mark.parametrize("raw", [WHOLE, CUT, '{"a" "b"}', ""])
@pytest.mark.parametrize("stop_reason", ["tool_use", "max_tokens"])
def test_chunks_without_our_verdicts_are_judged_the_same(raw: str, stop_reason: str) -> None:
    """Plain chunks of core, as other processes get them, end in the same way."""
    parts = chunks([start(), *tool(0, raw), *finish(stop_reason)])
    ours = list(iter_tool_calls(parts))[-1]
    cores = list(iter_tool_calls(plain(part) for part in parts))[-1]
    assert (cores.id, cores.name, cores.args, cores.done) == (ours.id, ours.name, ours.args, True)
    assert bool(cores.error) == bool(ours.error)
    assert ("max_tokens" in (cores.error or "")) == (
        stop_reason == "max_tokens" and raw != WHOLE
    ) or "malformed" in (ours.error or "")


def test_each_call_has_one_last_update() -> None:
    """Also a call whose end is only known when the message is over."""
    events = [start(), *tool(0, WHOLE), *tool(1, CUT, ended=False), *finish("max_tokens")]
    for parts in (chunks(events), chunks(events, "v1"), protocol(events)):
        ends = [update for update in iter_tool_calls(parts) if update.done]
        assert [(end.index, end.id, end.args) for end in ends] == [
            (0, "toolu_0", ARGS),
            (1, "toolu_1", {}),
        ]
        assert ends[0].error is None
        assert "max_tokens" in (ends[1].error or "")


def test_malformed_arguments_end_with_the_place() -> None:
    """The error names the character; the updates before it stay."""
    raw = '{"path": "a", "content": "x" "y"}'
    *before, last = updates_of([start(), *tool(0, raw), *finish("tool_use")])
    assert before[-1].args == {"path": "a", "content": "x"}
    assert "character 30" in (last.error or "")
    assert last.args == {}


def test_interleaved_calls_and_messages_are_told_apart() -> None:
    """Fragments find their call by message and position."""
    first, second = tool(0, '{"a": "one"}'), tool(1, '{"b": "two"}')
    mixed = [start(), first[0], second[0], *first[1:-1], *second[1:-1], second[-1], first[-1]]
    one = with_id(chunks([*mixed, *finish("tool_use")]), "lc_run--1")
    two = with_id(chunks([start(), *tool(0, '{"c": "three"}'), *finish("tool_use")]), "lc_run--2")
    both = [part for pair in zip(one, two, strict=False) for part in pair] + one[len(two) :]
    ends = [update.args for update in iter_tool_calls(both) if update.done]
    assert sorted(ends, key=str) == [{"a": "one"}, {"b": "two"}, {"c": "three"}]


def test_protocol_events_of_parallel_runs_are_told_apart() -> None:
    """Events have no message id; LangGraph's metadata names the run."""
    runs = {run: protocol([start(), *tool(0, f'{{"run": "{run}"}}'), *finish()]) for run in "xy"}
    pairs = zip(runs["x"], runs["y"], strict=True)
    stream = [
        (event, {"run_id": run}) for pair in pairs for run, event in zip("xy", pair, strict=True)
    ]
    ends = [update.args for update in iter_tool_calls(stream) if update.done]
    assert ends == [{"run": "x"}, {"run": "y"}]


def test_messages_one_after_another_start_anew() -> None:
    """An agent's next message has a call at the same position: it is another call."""
    twice = [*chunks(ONE_CALL), *chunks(ONE_CALL)]
    assert list(iter_tool_calls(twice)) == updates_of(ONE_CALL) * 2
    assert list(iter_tool_calls(protocol(ONE_CALL) * 2)) == updates_of(ONE_CALL) * 2


def test_a_message_that_was_not_streamed_gives_its_calls_at_once() -> None:
    """Each call is done in one update, at its place in the content, with its raw text."""
    calls = [{"name": "f", "args": {"a": 1}, "id": "1"}]
    broken = [{"name": "g", "args": '{"b', "id": "2", "error": "cut", "type": "invalid_tool_call"}]
    content: list[Any] = [
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}},
        {"type": "invalid_tool_call", "id": "2", "name": "g", "args": '{"b', "error": "cut"},
    ]
    message = AIMessage(content, tool_calls=calls, invalid_tool_calls=broken, id="m")
    assert list(iter_tool_calls([message, (message, {})])) == [
        ToolCallUpdate(1, "1", "f", {"a": 1}, '{"a": 1}', done=True),
        ToolCallUpdate(2, "2", "g", {}, '{"b', done=True, error="cut"),
    ]


def test_server_tools_are_left_out() -> None:
    """The cloud runs them; their arguments are nobody's call."""
    block = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    searching = [
        opened(0, block),
        delta(0, "input_json_delta", partial_json='{"q": 1}'),
        stopped(0),
    ]
    events = [start(), *searching, *tool(1, WHOLE), *finish("tool_use")]
    for parts in (chunks(events), chunks(events, "v1"), protocol(events)):
        assert {update.id for update in iter_tool_calls(parts)} == {"toolu_1"}


class BrokenError(Exception):
    """What a stream raises in these tests."""


def breaking(parts: list[Any]) -> Iterator[Any]:
    """Yield parts, then raise."""
    yield from parts
    raise BrokenError


async def later(parts: Iterable[Any]) -> AsyncIterator[Any]:
    """Yield parts on an event loop."""
    for part in parts:
        yield part


def collect(stream: Iterable[ToolCallUpdate], seen: list[ToolCallUpdate]) -> None:
    """Keep what a stream gives, also if it raises in the end."""
    for update in stream:
        seen.append(update)  # noqa: PERF402 - what came before the exception counts


async def acollect(stream: AsyncIterator[ToolCallUpdate], seen: list[ToolCallUpdate]) -> None:
    """Do what `collect` does, on an event loop."""
    async for update in stream:
        seen.append(update)  # noqa: PERF401 - what came before the exception counts


@pytest.mark.parametrize("make", [chunks, protocol])
async def test_a_stream_that_breaks_off_ends_its_calls_first(
    make: Callable[[list[Event]], list[Any]],
) -> None:
    """Open calls get an error, then the exception comes, on an event loop and off it."""
    upto = make([start(), *tool(0, CUT), *finish()])[:6]
    seen: list[ToolCallUpdate] = []
    with pytest.raises(BrokenError):
        collect(iter_tool_calls(breaking(upto)), seen)
    seen_later: list[ToolCallUpdate] = []
    with pytest.raises(BrokenError):
        await acollect(aiter_tool_calls(later(breaking(upto))), seen_later)
    assert seen == seen_later
    *partial, last = seen
    assert partial[-1].args["path"].startswith("n")
    assert not any(update.done or update.error for update in partial)
    assert (last.done, last.args) == (True, {})
    assert last.error == "truncated: the stream broke off (BrokenError)"


@pytest.mark.parametrize("make", [chunks, protocol])
def test_a_stream_that_just_stops_leaves_no_call_open(
    make: Callable[[list[Event]], list[Any]],
) -> None:
    """Without an end of the message, a call that was not parsed is invalid."""
    parts = make([start(), *tool(0, WHOLE, ended=False), *finish()])[:8]
    *_, last = iter_tool_calls(parts)
    assert (last.done, last.args) == (True, {})
    assert "truncated" in (last.error or "")


def test_stopping_early_is_quiet() -> None:
    """A consumer may leave its loop whenever it likes."""
    updates = iter_tool_calls(chunks(ONE_CALL))
    assert next(updates).name == "write_file"
    updates.close()  # type: ignore[attr-defined]
    assert list(updates) == []


def test_another_model_in_the_same_graph_is_understood() -> None:
    """Whole calls in one chunk, without positions, as core makes of other models' answers."""
    calls = [{"name": "f", "args": {"n": n}, "id": f"call_{n}"} for n in range(2)]
    chunk = AIMessageChunk("", tool_calls=calls, chunk_position="last")
    ends = [update for update in iter_tool_calls([chunk]) if update.done]
    assert [(end.index, end.id, end.args, end.error) for end in ends] == [
        (0, "call_0", {"n": 0}, None),
        (1, "call_1", {"n": 1}, None),
    ]


@pytest.mark.parametrize(
    ("raw", "args", "error"),
    [
        (WHOLE, ARGS, None),
        (CUT, {}, "truncated: the stream stopped before the block ended"),
        ("", {}, "truncated: the stream stopped before the block ended"),
    ],
)
def test_another_models_stream_may_have_no_last_chunk(
    raw: str, args: dict[str, Any], error: str | None
) -> None:
    """Its last call is valid if its arguments are whole; the ones before it ended in any case."""
    fragments = [{"name": "f", "args": "", "id": "call_0", "index": 0}]
    fragments += [{"name": "write_file", "args": "", "id": "call_1", "index": 1}]
    fragments += [{"name": None, "args": part, "id": None, "index": 1} for part in raw]
    stream: Any = [AIMessageChunk("", tool_call_chunks=[each]) for each in fragments]
    ends = [update for update in iter_tool_calls(stream) if update.done]
    assert [(end.args, end.error) for end in ends] == [({}, None), (args, error)]


@as_tool
def write_file(path: str, content: str) -> str:
    """Write a file."""
    return f"{path}: {len(content)}"


FILE = {"path": "poem.txt", "content": "A line of a poem about rivers.\n" * 10}
QUESTION = [HumanMessage("Write a poem.")]


def queue(running_emulator: CloudEmulator) -> None:
    """Let the model write two files, one a turn."""
    for number in range(2):
        call = tool_use("write_file", FILE, id=f"toolu_{number}")
        running_emulator.reply(said("I write."), call, chunk=10)
    running_emulator.reply("Done.")


def check_files(updates: list[ToolCallUpdate], count: int = 2) -> None:
    """Assert that files were seen growing, fragment by fragment, and whole at the end."""
    ends = [update for update in updates if update.done]
    assert [(end.id, end.args, end.error) for end in ends] == [
        (f"toolu_{number}", FILE, None) for number in range(count)
    ]
    for number in range(count):
        mine = [update for update in updates if update.id == f"toolu_{number}"]
        shown = [update.args.get("content", "") for update in mine]
        assert len(set(shown)) > 25
        assert all(after.startswith(before) for before, after in pairwise(shown))
        assert json.loads("".join(update.delta for update in mine)) == FILE


@pytest.fixture(params=["vertex", "bedrock"])
def model(running_emulator: CloudEmulator, request: pytest.FixtureRequest) -> ChatClaudeCloud:
    """A model on each cloud."""
    running_emulator.reset()
    platform = getattr(running_emulator, request.param)()
    return ChatClaudeCloud(model="claude-sonnet-4-6", platform=platform, max_retries=0)


AGENT_STREAMS: dict[str, dict[str, Any]] = {
    "messages": {"stream_mode": "messages"},
    "modes": {"stream_mode": ["updates", "messages", "values"]},
    "subgraphs": {"stream_mode": ["messages", "values"], "subgraphs": True},
    "parts": {"stream_mode": ["messages", "updates"], "version": "v2"},
}


@pytest.mark.parametrize("mode", AGENT_STREAMS)
async def test_streams_of_an_agent_over_http(
    running_emulator: CloudEmulator, model: ChatClaudeCloud, mode: str
) -> None:
    """A whole run, two turns with a file each, sync and async."""
    agent = create_agent(model, [write_file])
    queue(running_emulator)
    given: Any = {"messages": QUESTION}
    check_files(list(iter_tool_calls(agent.stream(given, **AGENT_STREAMS[mode]))))
    queue(running_emulator)
    stream = aiter_tool_calls(agent.astream(given, **AGENT_STREAMS[mode]))
    check_files([update async for update in stream])


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
async def test_events_of_an_agent_over_http(
    running_emulator: CloudEmulator, model: ChatClaudeCloud
) -> None:
    """Protocol events of a graph, and those of ``astream_events``."""
    agent = create_agent(model, [write_file])
    given: Any = {"messages": QUESTION}
    queue(running_emulator)
    check_files(list(iter_tool_calls(agent.stream_events(given, version="v3"))))
    queue(running_emulator)
    events: Any = agent.astream_events(given, version="v2")
    check_files([update async for update in aiter_tool_calls(events)])


@pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning",
    "ignore::langchain_core._api.deprecation.LangChainDeprecationWarning",
)
@pytest.mark.parametrize("version", ["v0", "v1"])
async def test_streams_of_a_model_over_http(
    running_emulator: CloudEmulator, model: ChatClaudeCloud, version: str
) -> None:
    """Every way to stream from the model itself."""
    bound: Any = model.model_copy(update={"output_version": version}).bind_tools([write_file])
    ways: list[Callable[[], Any]] = [
        lambda: bound.astream(QUESTION),
        lambda: bound.astream_events(QUESTION, version="v1"),
        lambda: bound.astream_events(QUESTION, version="v2"),
        lambda: later(bound.stream(QUESTION)),
        lambda: later(bound.stream_events(QUESTION, version="v3")),
        lambda: later(bound.bound._stream_chat_model_events(QUESTION, **bound.kwargs)),
    ]
    for way in ways:
        running_emulator.reset()
        queue(running_emulator)
        check_files([update async for update in aiter_tool_calls(way())], count=1)
    running_emulator.reset()
