"""Checks the betas of a request: each endpoint takes its own, and refuses others in its words."""

from __future__ import annotations

from typing import Final

from langchain_claude_cloud.testing.call import Call
from langchain_claude_cloud.testing.wire import Refusal, unexpected_betas

# Names that the header takes there: LiteLLM's table of October 2026, and Claude's own
# documentation of what Google serves.
_VERTEX: Final = frozenset(
    {
        "tool-search-tool-2025-10-19",
        "compact-2026-01-12",
        "compact-2026-09-04",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dangerous-tool-use-2026-09-03",
        "interleaved-thinking-2025-05-14",
        "per-turn-control-2026-07-01",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "web-search-2025-03-05",
    }
)
# AWS's list of InvokeModel, and what was measured on the newer models.
_INVOKE_MODEL: Final = frozenset(
    {
        "compact-2026-01-12",
        "computer-use-2024-10-22",
        "computer-use-2025-01-24",
        "computer-use-2025-11-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "dev-full-thinking-2025-05-14",
        "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "mid-conversation-output-config-2026-07-01",
        "mid-conversation-tool-changes-2026-07-01",
        "output-128k-2025-02-19",
        "thinking-binding-controls-2026-08-01",
        "thinking-display-updates-2026-08-18",
        "token-efficient-tools-2025-02-19",
        "tool-examples-2025-10-29",
        "tool-search-tool-2025-10-19",
    }
)
# LiteLLM's table of October 2026, and what was measured of the fallback credit.
_FALLBACK_CREDIT: Final = frozenset({"fallback-credit-2026-06-01", "fallback-credit-2026-07-01"})
_MANTLE: Final = (_INVOKE_MODEL | {"structured-outputs-2025-11-13", "web-search-2025-03-05"}) - {
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
}
_BEDROCK: Final = {
    "invoke": _INVOKE_MODEL,
    "messages": _INVOKE_MODEL | _FALLBACK_CREDIT,
    "mantle": _MANTLE,
    "claude-platform": _MANTLE | _FALLBACK_CREDIT,
}


def check_betas(call: Call) -> None:
    """Refuse betas that the endpoint does not take; the model answers, not the front end.

    Raises:
        Refusal: 400; bedrock-runtime does not name them, the others do.
    """
    taken = _VERTEX if call.cloud == "vertex" else _BEDROCK[call.api]
    if call.cloud == "vertex" and call.operation == "count_tokens":
        taken = taken - {"web-search-2025-03-05"}
    wrong = call.betas - taken
    if not wrong:
        return
    if call.cloud == "vertex" or call.api in {"mantle", "claude-platform"}:
        raise Refusal(400, unexpected_betas(wrong))
    prefix = "The model returned the following errors: "
    is_old = call.is_invoke_model and call.rules.legacy
    raise Refusal(400, f"{prefix if is_old else ''}invalid beta flag")
