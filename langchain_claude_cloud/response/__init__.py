"""Turns the bytes of responses into LangChain's chunks, events and messages, without any I/O."""
