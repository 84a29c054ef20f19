"""LangChain messages and tools in, Messages API JSON out. Pure: no HTTP, no clock, no files."""
