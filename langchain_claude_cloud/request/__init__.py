"""Turns LangChain messages, tools and options into a Messages API request, without any I/O."""
