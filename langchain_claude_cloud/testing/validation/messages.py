"""Checks the conversation: roles, emptiness, tool calls and their results, thinking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, pairwise

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.reply.signatures import bindings, is_bound_elsewhere
from langchain_claude_cloud.testing.validation.blocks import (
    TOOL_CHANGES,
    check_block,
    check_thinking,
    system_blocks,
)
from langchain_claude_cloud.testing.validation.fields import (
    Field,
    anything,
    check_fields,
    items,
    mapping,
    nullable,
    obj,
    string,
)
from langchain_claude_cloud.testing.validation.options import BINDING_BETA
from langchain_claude_cloud.testing.wire import Refusal, invalid

_MAX_MESSAGES = 100_000
_FIELDS = {"role": Field(anything, required=True), "content": Field(anything, required=True)}


@dataclass(slots=True)
class Turn:
    """Consecutive messages of one role, as the API merges them.

    Attributes:
        role: ``user`` or ``assistant``.
        path: Where its first message is.
        blocks: Each block with its path; strings count as text blocks.
    """

    role: str
    path: str
    blocks: list[tuple[str, JsonObject]] = field(default_factory=list)

    def of_type(self, *kinds: str) -> list[tuple[str, JsonObject]]:
        """Return the blocks of some types."""
        return [(path, block) for path, block in self.blocks if block.get("type") in kinds]


def check_messages(call: Call) -> None:
    """Check the messages of a call.

    Raises:
        Refusal: They are not a conversation that the API takes.
    """
    messages = items("messages", call.body["messages"])
    if not messages:
        raise invalid("messages", "at least one message is required")
    if len(messages) > _MAX_MESSAGES:
        raise invalid("messages", f"too many messages: {len(messages)} > {_MAX_MESSAGES}")
    turns: list[Turn] = []
    checked = [mapping(f"messages.{index}", each) for index, each in enumerate(messages)]
    for index, message in enumerate(checked):
        _check_message(call, turns, message, index, last=index == len(messages) - 1)
    _check_places_of_system(checked)
    if turns and turns[0].role != "user" and not _is_compaction(turns[0].blocks[:1]):
        raise invalid("messages", 'first message must use the "user" role')
    _check_tools(turns)
    _check_references(call, checked)
    _check_thinking_blocks(call, turns)
    _check_binding(call, messages)
    _check_compaction(turns)
    _check_end(call, turns)


def _is_compaction(blocks: list[tuple[str, JsonObject]]) -> bool:
    return bool(blocks) and blocks[0][1]["type"] == "compaction"


def _check_compaction(turns: list[Turn]) -> None:
    """Refuse a summary that the caller asked for behind what it stands for.

    One that the API made by itself may follow the messages that it replaces.
    """
    found = [place for turn in turns for place in turn.of_type("compaction")]
    signed = [path for path, block in found if block.get("signature")]
    if signed and len(found) > 1:
        raise invalid(signed[0], "only one `compaction` block is allowed in a request")
    if signed and not _is_compaction(turns[0].blocks[:1]):
        raise invalid(signed[0], "the `compaction` block must come first in `messages`")


def _check_message(
    call: Call, turns: list[Turn], message: JsonObject, index: int, *, last: bool
) -> None:
    path = f"messages.{index}"
    role = message.get("role")
    if role == "system":
        _check_system_message(call, path, message)
        return
    check_fields(path, message, _FIELDS)
    if role not in ("user", "assistant"):  # a tuple: a role may be anything, also unhashable
        raise invalid(f"{path}.role", "Input should be 'user' or 'assistant'")
    blocks = list(_blocks(call, path, message, last=last))
    if turns and turns[-1].role == role:
        turns[-1].blocks.extend(blocks)
    else:
        turns.append(Turn(role, path, blocks))


def _check_system_message(call: Call, path: str, message: JsonObject) -> None:
    if not call.rules.mid_conversation_system(call.cloud):
        raise Refusal(
            400,
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            'parameter, not "system" as an input message role.',
        )
    fields = dict(_FIELDS)
    if "mid-conversation-output-config-2026-07-01" in call.betas:
        fields["output_config"] = Field(nullable(obj({"effort": Field(nullable(string))})))
    check_fields(path, message, fields)
    changes = TOOL_CHANGES if "mid-conversation-tool-changes-2026-07-01" in call.betas else {}
    system_blocks(f"{path}.content", message["content"], changes)


def _check_places_of_system(messages: list[JsonObject]) -> None:
    """Refuse system messages but behind a user's turn, or behind the result of a server tool.

    The assistant must follow, or nothing
    (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages); two
    in a row were recorded to be taken. How the API words the refusal is not known.
    """
    for index, (before, message) in enumerate(pairwise([{"role": None}, *messages])):
        path, role = f"messages.{index}", message["role"]
        if before["role"] == "system" and role == "user":
            raise invalid(path, "a `user` message must not follow a `system` message")
        behind = before["role"] in {"user", "system"} or _ends_with_result(before)
        if role == "system" and not behind:
            raise invalid(path, "a `system` message must follow a `user` message")


def _ends_with_result(message: JsonObject) -> bool:
    """Whether a server tool's result is the last that the assistant has."""
    content = message.get("content")
    last = content[-1] if isinstance(content, list) and content else {}
    return message["role"] == "assistant" and str(last.get("type")).endswith("_tool_result")


def _blocks(
    call: Call, path: str, message: JsonObject, *, last: bool
) -> Iterable[tuple[str, JsonObject]]:
    content, role = message["content"], str(message["role"])
    if isinstance(content, str):
        if not content and not (last and role == "assistant"):
            raise _empty(path)
        if content and not content.strip():
            raise invalid("messages", "text content blocks must contain non-whitespace text")
        yield f"{path}.content", {"type": "text", "text": content}
        return
    blocks = items(f"{path}.content", content)
    if not blocks and not (last and role == "assistant"):
        raise _empty(path)
    for index, block in enumerate(blocks):
        place = f"{path}.content.{index}"
        check_block(place, block, role, call.version, call.betas)
        if isinstance(block, dict):
            yield place, block
    _check_whitespace(blocks)


def _empty(path: str) -> Refusal:
    return invalid(
        path,
        "all messages must have non-empty content except for the optional final assistant message",
    )


def _check_whitespace(blocks: list[object]) -> None:
    texts = [b["text"] for b in blocks if isinstance(b, dict) and b.get("type") == "text"]
    if texts and len(texts) == len(blocks) and not "".join(texts).strip():
        raise invalid("messages", "text content blocks must contain non-whitespace text")


def _check_tools(turns: list[Turn]) -> None:
    seen: set[str] = set()
    for index, turn in enumerate(turns):
        following = turns[index + 1] if index + 1 < len(turns) else None
        calls = [str(block["id"]) for _, block in turn.of_type("tool_use")]
        if len(set(calls)) < len(calls) or seen & set(calls):
            raise invalid("messages", "`tool_use` ids must be unique")
        seen.update(calls)
        _check_answered(turn, calls, following)
        if turn.role == "user":
            _check_expected(turn, turns[index - 1] if index else None)
        else:
            _check_server_tools(turn, is_last=following is None)


def _check_server_tools(turn: Turn, *, is_last: bool) -> None:
    """Refuse a call without its result, unless the API is to go on, and a result without call."""
    waiting: dict[object, object] = {}
    for path, block in turn.blocks:
        kind = block["type"]
        if kind == "server_tool_use":
            waiting[block["id"]] = block["name"]
        elif kind.endswith("_tool_result") and waiting.pop(block["tool_use_id"], None) is None:
            raise invalid(
                path,
                f"unexpected `tool_use_id` found in `{kind}` blocks: {block['tool_use_id']}. Each "
                f"`{kind}` block must have a corresponding `server_tool_use` block before it.",
            )
    # Beside the call of a client's tool, the API runs its own once that one is answered.
    goes_on = is_last or turn.of_type("tool_use")
    for name, tool in () if goes_on else waiting.items():
        raise invalid(
            turn.path,
            f"`{tool}` tool use with id `{name}` was found without a corresponding "
            f"`{tool}_tool_result` block",
        )


def _check_references(call: Call, messages: list[JsonObject]) -> None:
    """Refuse references to tools that the request does not have."""
    known = {tool.get("name") for tool in call.body.get("tools") or ()}
    contents = (message["content"] for message in messages)
    for block in chain.from_iterable(each for each in contents if isinstance(each, list)):
        for name in _referenced(block):
            if name not in known:
                raise Refusal(400, f"Tool reference '{name}' not found in available tools")


def _referenced(block: JsonObject) -> Iterable[object]:
    content = block.get("content")
    if block["type"] == "tool_search_tool_result":
        content = content.get("tool_references") if isinstance(content, dict) else ()
    if block["type"] in TOOL_CHANGES and block["tool"]["type"] == "tool_reference":
        yield block["tool"]["name"]
    for each in content if isinstance(content, list) else ():
        if isinstance(each, dict) and each.get("type") == "tool_reference":
            yield each.get("tool_name")


def _check_answered(turn: Turn, calls: list[str], following: Turn | None) -> None:
    answered = _leading_results(following) if following is not None else []
    missing = [call for call in calls if call not in answered]
    if missing:
        raise invalid(
            turn.path,
            "`tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(missing)}. Each `tool_use` block must have a corresponding "
            "`tool_result` block in the next message.",
        )


def _leading_results(turn: Turn) -> list[str]:
    """The ids answered before anything else is said in the turn."""
    ids: list[str] = []
    for _, block in turn.blocks:
        if block.get("type") != "tool_result":
            break
        ids.append(str(block["tool_use_id"]))
    return ids


def _check_expected(turn: Turn, before: Turn | None) -> None:
    calls = [str(block["id"]) for _, block in before.of_type("tool_use")] if before else []
    answered: set[str] = set()
    for path, block in turn.of_type("tool_result"):
        name = str(block["tool_use_id"])
        if name not in calls:
            raise invalid(
                path,
                f"unexpected `tool_use_id` found in `tool_result` blocks: {name}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous "
                "message.",
            )
        if name in answered:
            raise invalid(
                path,
                "each tool_use must have a single result. Found multiple `tool_result` blocks "
                f"with id: {name}",
            )
        answered.add(name)


def _check_thinking_blocks(call: Call, turns: list[Turn]) -> None:
    assistants = [turn for turn in turns if turn.role == "assistant"]
    for turn in assistants:
        for path, block in turn.of_type("thinking", "redacted_thinking"):
            check_thinking(path, block, latest=turn is assistants[-1])
    thinking = call.body.get("thinking")
    enabled = isinstance(thinking, dict) and thinking.get("type") == "enabled"
    is_prefill = turns[-1].role == "assistant"
    if enabled and assistants and (is_prefill or assistants[-1].of_type("tool_use")):
        path, first = assistants[-1].blocks[0]
        if first["type"] not in {"thinking", "redacted_thinking"}:
            raise invalid(
                f"{path}.type",
                f"Expected `thinking` or `redacted_thinking`, but found `{first['type']}`. When "
                "`thinking` is enabled, a final `assistant` message must start with a thinking "
                "block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).",
            )


def _check_binding(call: Call, messages: list[object]) -> None:
    """Refuse a thinking block behind another prompt, other tools or other messages."""
    thinking = call.body.get("thinking")
    chosen = thinking.get("block_binding") if isinstance(thinking, dict) else None
    dropped = (chosen or {}).get("prefix_mismatch_behavior") == "drop_block"
    if dropped or not call.binds_thinking:
        return
    bound = bindings(call.rules.name, call.body)
    for number, (message, binding) in enumerate(zip(messages, bound, strict=False)):
        content = message["content"] if isinstance(message, dict) else None
        for index, block in enumerate(content if isinstance(content, list) else []):
            if block["type"] == "thinking" and is_bound_elsewhere(block["signature"], binding):
                raise _bound_elsewhere(call, f"messages.{number}.content.{index}")


def _bound_elsewhere(call: Call, path: str) -> Refusal:
    # The clouds word it in two ways; which account gets which one is not known.
    beta = f" (with the beta `{BINDING_BETA}`)" if call.cloud == "bedrock" else ""
    return invalid(
        path,
        "Invalid `signature` in `thinking` block. The block is bound to a different conversation. "
        "Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "
        f'"drop_block"{beta}.',
    )


def _check_end(call: Call, turns: list[Turn]) -> None:
    last = turns[-1]
    if last.role != "assistant":
        return
    if any(block["type"] == "server_tool_use" for _, block in last.blocks):
        return
    if _is_compaction(last.blocks[-1:]):
        return  # after a pause; a request cannot tell it from other endings
    if not call.rules.prefill:
        raise Refusal(
            400,
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message.",
        )
    said = str(last.blocks[-1][1].get("text", "")) if last.blocks else ""
    if said != said.rstrip():
        raise invalid("messages", "final assistant content cannot end with trailing whitespace")
