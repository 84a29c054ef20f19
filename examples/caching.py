"""A long document is sent twice, and read from the prompt cache the second time.

Offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

from langchain_core.messages import HumanMessage, SystemMessage
from run_example import example_model

from langchain_claude_cloud import ChatClaudeCloud

DOCUMENT = "The Tagus rises in Spain and ends at Lisbon. " * 400


def main(llm: ChatClaudeCloud) -> None:
    """Ask two questions about the document."""
    for question in ("Where does the river rise?", "Where does the river end?"):
        messages = [SystemMessage(DOCUMENT), HumanMessage(question)]
        answer = llm.invoke(messages, prompt_caching=True)
        details = answer.usage_metadata["input_token_details"]
        written = details.get("ephemeral_5m_input_tokens", 0)
        print(f"written to the cache: {written}, read from it: {details['cache_read']}")


if __name__ == "__main__":
    with example_model() as model:
        main(model)
