"""An MCP server with one tool, which `mcp_tools.py` starts as a process of its own."""

from __future__ import annotations

from mcp.server.fastmcp import FastMCP

server = FastMCP("rivers", log_level="WARNING")
LENGTHS = {"Tagus": 1_007, "Douro": 897, "Mondego": 234}


@server.tool()
def length_of_river(name: str) -> str:
    """Look up how long a river of Portugal is."""
    return f"{LENGTHS[name]} km"


if __name__ == "__main__":
    server.run()
