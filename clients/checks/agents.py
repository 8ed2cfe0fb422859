"""The MCP server with the protocol's own client, over standard input and output and over HTTP. CROWSNEST_BIN names the
command, CROWSNEST_MARKET_DIR the market, CROWSNEST_URL a server over it."""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

TOOLS = {"search_products", "figures", "league", "why", "breakouts", "sql"}


async def call(session, tool, **arguments):
    result = await session.call_tool(tool, arguments)
    is_error = getattr(result, "is_error", getattr(result, "isError", False))
    told = getattr(result, "structured_content", None) or getattr(result, "structuredContent", None)
    return is_error, told, "".join(getattr(part, "text", "") for part in result.content)


async def check(session, site):
    await session.initialize()
    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert set(tools) == TOOLS, set(tools)
    schema = getattr(tools["league"], "input_schema", None) or tools["league"].inputSchema
    assert schema["required"] == ["metric", "period"] and "mau" in schema["properties"]["metric"]["enum"], schema

    is_error, found, _ = await call(session, "search_products", search="doubao", limit=3)
    assert not is_error and found["rows"][0]["cite"].startswith(f"{site}/product/"), found
    is_error, league, text = await call(session, "league", metric="mau", period="2024-12", lang="en")
    assert not is_error and json.loads(text) == league
    first = league["rows"][0]
    assert {"name", "value", "source", "cite"} <= set(first) and first["cite"].startswith(f"{site}/claim/"), first
    assert {source["source"] for source in league["sources"]} == {row["source"] for row in league["rows"]}
    assert league["as_of"] == "now" and league["page"].startswith(f"{site}/league?metric=mau"), league["page"]

    _, then, _ = await call(session, "league", metric="mau", period="2024-12", as_of="2025-01-31", lang=None)
    assert then["as_of"] == "2025-01-31" and all("as_of=2025-01-31" in row["cite"] for row in then["rows"])
    _, why, _ = await call(session, "why", name=first["name"], metric="mau", period="2024-12", lang="en")
    assert all(row["known_at"] and row["status"] and row["cite"] for row in why["rows"]), why
    _, figures, _ = await call(session, "figures", name=first["name"], metric="mau", period="2024-12")
    assert figures["rows"] and figures["page"].startswith(f"{site}/product/"), figures
    is_error, breakouts, _ = await call(session, "breakouts", limit=3)
    assert not is_error and "rows" in breakouts
    _, counted, _ = await call(session, "sql", query="SELECT count(*) AS n FROM claims")
    assert counted["rows"][0]["n"] > 100, counted

    for tool, arguments in [
        ("sql", {"query": "DROP TABLE claims"}),
        ("sql", {"query": "SELEC 1"}),
        ("league", {"metric": "maus", "period": "2024-12"}),
        ("figures", {"name": "nobody at all"}),
        ("figures", {"name": "Doubao", "unheard_of": 1}),
    ]:
        is_error, _, text = await call(session, tool, **arguments)
        assert is_error and text, (tool, arguments)


async def main():
    site = "https://radar.example.com"
    command = ["mcp", "--market", os.environ["CROWSNEST_MARKET_DIR"], "--site", site]
    server = StdioServerParameters(command=os.environ["CROWSNEST_BIN"], args=command)
    async with stdio_client(server) as streams, ClientSession(*streams[:2]) as session:
        await check(session, site)
    print("   over standard input and output: as it should be")
    url = os.environ["CROWSNEST_URL"].rstrip("/")
    async with streamable_http_client(f"{url}/mcp") as streams, ClientSession(*streams[:2]) as session:
        await check(session, url)
    print("   over HTTP: as it should be")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
