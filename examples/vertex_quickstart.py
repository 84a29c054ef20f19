"""Ask Claude on Google Cloud's Vertex AI.

Credentials, project and region come from the environment: see `claude-cloud doctor`.
It runs offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

from run_example import is_live, short_errors

from langchain_claude_cloud import ChatClaudeCloud, Vertex


def main(platform: Vertex) -> None:
    """Ask one question, then stream the answer to another."""
    llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_tokens=2000)

    answer = llm.invoke("Hello! Which rivers flow through Portugal?")
    print(answer.text)
    print(answer.usage_metadata)

    for chunk in llm.stream("Which river is the longest in Portugal?"):
        print(chunk.text, end="", flush=True)
    print()
    print("tokens in this prompt:", llm.count_tokens("Which river is the longest in Portugal?"))


if __name__ == "__main__":
    if is_live():
        with short_errors():
            main(Vertex())
    else:
        from langchain_claude_cloud.testing import CloudEmulator

        with CloudEmulator() as emulator:
            main(emulator.vertex())
