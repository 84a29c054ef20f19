"""Lets ``python -m langchain_claude_cloud`` do what the command ``claude-cloud`` does."""

from langchain_claude_cloud.cli import main

main()
