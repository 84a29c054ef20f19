"""Converts LangChain messages to the system prompt and the messages of the API."""
