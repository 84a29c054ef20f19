"""The first platform is throttled; the second one answers.

Offline on the emulator; ``--live`` asks Bedrock, then Vertex AI.
"""

from __future__ import annotations

import logging

from run_example import MODEL, is_live, short_errors

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex


def main(platforms: list[Bedrock | Vertex]) -> None:
    """Ask once, and show who answered and who failed."""
    llm = ChatClaudeCloud(model=MODEL, platform=platforms, max_tokens=2000)
    answer = llm.invoke("Name three rivers in Portugal.")
    print("answered by:", answer.response_metadata["platform"])
    for failed in answer.response_metadata.get("failed_attempts", []):
        print("failed:", failed["platform"], failed["error"], failed["status_code"])


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    if is_live():
        with short_errors():
            main([Bedrock(region="us-east-1"), Vertex()])
    else:
        from langchain_claude_cloud.testing import CloudEmulator

        with CloudEmulator() as emulator:
            emulator.fault(status=429, platform="bedrock")
            main([emulator.bedrock(), emulator.vertex()])
