"""Bytes of a response in, LangChain chunks, events and messages out. Pure: no HTTP."""
