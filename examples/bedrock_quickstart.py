"""Ask Claude on Amazon Bedrock, on an event loop.

Credentials and region come from the environment: see `claude-cloud doctor`.
It runs offline on the emulator; ``--live`` asks the real cloud.
"""

from __future__ import annotations

import asyncio

from run_example import is_live, short_errors

from langchain_claude_cloud import Bedrock, ChatClaudeCloud


async def main(platform: Bedrock) -> None:
    """Ask three questions at once, then stream the answer to another."""
    llm = ChatClaudeCloud(model="claude-sonnet-5-5", platform=platform, max_tokens=2000)

    countries = ("Portugal", "Spain", "France")
    answers = await asyncio.gather(*(llm.ainvoke(f"Name a river in {name}.") for name in countries))
    for country, answer in zip(countries, answers, strict=True):
        where = answer.response_metadata
        print(f"{country}: {answer.text} ({where['region']}, {where['inference_profile']})")

    async for chunk in llm.astream("Which river is the longest in Portugal?"):
        print(chunk.text, end="", flush=True)
    print()
    await llm.aclose()


if __name__ == "__main__":
    if is_live():
        with short_errors():
            asyncio.run(main(Bedrock()))
    else:
        from langchain_claude_cloud.testing import CloudEmulator

        with CloudEmulator() as emulator:
            asyncio.run(main(emulator.bedrock()))
