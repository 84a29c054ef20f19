"""LangChain messages converted to the messages of the Messages API."""
