"""The web demo in a real browser: headless Chromium, driven by playwright."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from langchain_claude_cloud.cli.common import CloudName
from langchain_claude_cloud.cli.web.app import Asked, make_app
from langchain_claude_cloud.cli.web.script import write_script
from langchain_claude_cloud.config import Bedrock, Vertex
from langchain_claude_cloud.testing import CloudEmulator

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SLOW = 0.02
PICTURES = os.environ.get("WEB_DEMO_PICTURES")
"""A folder for screenshots, for the documentation."""


class Served:
    """The demo's server, and the emulators of its runs."""

    def __init__(self) -> None:
        self.url = ""
        self.emulators: list[CloudEmulator] = []

    @contextlib.asynccontextmanager
    async def open_platform(self, asked: Asked) -> AsyncIterator[Vertex | Bedrock]:
        """Open an emulator as the command does, and remember it."""
        async with CloudEmulator(event_delay=SLOW) as emulator:
            self.emulators.append(emulator)
            if "refuse" in asked.prompt:
                emulator.fault(status=403, times=None)
            else:
                write_script(emulator, cut=asked.cut)
            is_bedrock = asked.cloud is CloudName.BEDROCK
            yield emulator.bedrock() if is_bedrock else emulator.vertex()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """The demo on a free port of this machine."""
    demo = Served()
    app = make_app(demo.open_platform, "claude-sonnet-5-5", live=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        demo.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield demo
        server.should_exit = True
        await serving


@pytest.fixture
async def page(served: Served, tmp_path: Path) -> AsyncIterator[Any]:
    """The demo's page in a browser; an error of its script fails the test."""
    playwright_api = pytest.importorskip("playwright.async_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    problems: list[str] = []
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, env={**os.environ, "HOME": str(tmp_path)}
        )
        # The page's policy forbids `eval`, by which playwright waits for conditions.
        opened = await browser.new_page(bypass_csp=True)
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on(
            "request",
            lambda request: (
                problems.append(request.url) if not request.url.startswith(served.url) else None
            ),
        )
        await opened.goto(served.url)
        await opened.wait_for_function("document.getElementById('model').options.length > 3")
        yield opened
        await browser.close()
    assert not problems


async def _length_of_file(page: Any, lane: int) -> int:
    contents = page.locator(f".lane:nth-of-type({lane}) .file pre")
    if not await contents.count():
        return 0
    return len(await contents.last.text_content() or "")


async def _picture(page: Any, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / name), full_page=True)


async def test_a_file_grows_while_it_is_written(page: Any) -> None:
    """With fine-grained streaming it has many lengths; without, it is there at once."""
    await page.click("#start")
    lengths: dict[int, set[int]] = {1: set(), 2: set()}
    while await page.is_disabled("#start"):
        for lane, seen in lengths.items():
            seen.add(await _length_of_file(page, lane))
        if len(lengths[1]) == 12:
            await _picture(page, "web-demo-writing.png")
        await asyncio.sleep(0.03)
    assert len(lengths[1]) > 5
    assert len(lengths[2] - {0}) == 1
    assert await page.locator(".file.good").count() == 2
    assert "tokens in" in (await page.locator(".usage").first.text_content() or "")
    assert await page.locator("#status").text_content() == "Done."


@pytest.mark.parametrize("cloud", ["vertex", "bedrock"])
async def test_the_stop_button_ends_the_request(page: Any, served: Served, cloud: str) -> None:
    """The cloud sees the connection close while the model is writing."""
    await page.select_option("#cloud", cloud)
    await page.uncheck("#compare")
    await page.click("#start")
    await page.wait_for_selector(".file pre:not(:empty)")
    [request] = served.emulators[0].requests
    outcomes = [request.outcome]
    await page.click("#stop")
    await page.wait_for_function("document.getElementById('status').textContent === 'Stopped.'")
    for _ in range(200):
        if request.outcome != "pending":
            break
        await asyncio.sleep(0.02)
    assert [*outcomes, request.outcome] == ["pending", "disconnected"]
    await page.wait_for_selector("#start:enabled")


async def test_a_cut_call_is_shown_and_recovered(page: Any) -> None:
    """The half file is marked as not run; the second one is complete."""
    await page.uncheck("#compare")
    await page.check("#cut")
    await page.click("#start")
    await page.wait_for_selector(".file.bad")
    announced = await page.locator("#status").text_content() or ""
    assert announced.startswith("lisbon.md was not written: truncated")
    await page.wait_for_selector(".file.good")
    assert "not run: truncated" in (await page.locator(".file.bad").text_content() or "")
    await page.wait_for_function("document.getElementById('status').textContent === 'Done.'")
    await _picture(page, "web-demo-cut.png")


async def test_an_error_is_shown_with_what_to_do(page: Any) -> None:
    """The reader sees the kind of error and its text, and can start again."""
    await page.uncheck("#compare")
    await page.fill("#prompt", "refuse this")
    await page.click("#start")
    await page.wait_for_selector(".error:not(:empty)")
    problem = page.locator(".lane .error[role=alert]")
    assert "PermissionDeniedError" in (await problem.text_content() or "")
    await page.wait_for_selector("#start:enabled")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_works_on_a_phone_by_keyboard(page: Any, scheme: str) -> None:
    """Nothing is wider than the screen, and a run can be started and stopped without a mouse."""
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.emulate_media(color_scheme=scheme)
    await page.focus("#start")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".file pre:not(:empty)")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    await _picture(page, f"web-demo-phone-{scheme}.png")
    await page.keyboard.press("Escape")
    await page.wait_for_function("document.getElementById('status').textContent === 'Stopped.'")
    await page.keyboard.press("Tab")


async def test_a_screen_reader_finds_its_way(page: Any) -> None:
    """Fields have labels, lanes have names, states are announced."""
    for label in ("Prompt", "Cloud", "Model"):
        assert await page.get_by_label(label).first.is_visible()
    assert await page.get_by_role("button", name="Start").is_visible()
    assert await page.locator("[role=status][aria-live=polite]").count() == 1
    assert await page.locator("[role=alert]").count() == 1


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"prompt": "", "model": "claude-sonnet-5-5", "cloud": "vertex"}', "[" * 9999],
)
async def test_nonsense_is_refused(served: Served, body: str) -> None:
    """The server answers with 400 and a sentence."""
    async with httpx.AsyncClient() as client:
        response = await client.post(f"{served.url}/runs", content=body)
    assert response.status_code == 400
    assert response.json()["error"].startswith("Write a prompt")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://elsewhere.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "rebound.example"}, 400),
        ({"host": "rebound.example", "origin": "http://rebound.example"}, 400),
    ],
)
async def test_another_site_cannot_start_a_run(
    served: Served, headers: dict[str, str], status: int
) -> None:
    """With --live a run costs money, and any page in the same browser can send requests."""
    asked = {"prompt": "Plan.", "model": "claude-sonnet-5-5", "cloud": "vertex"}
    async with httpx.AsyncClient() as client:
        response = await client.post(f"{served.url}/runs", json=asked, headers=headers)
    assert response.status_code == status


async def test_a_run_can_be_followed_without_a_browser(served: Served) -> None:
    """Its events are JSON, and the new characters add up to the file."""
    asked = {
        "prompt": "Plan.",
        "model": "claude-sonnet-5-5",
        "cloud": "vertex",
        "fine_grained": True,
    }
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.post(f"{served.url}/runs", json=asked)
    events = [json.loads(part[6:]) for part in response.text.split("\n\n") if part]
    content = "".join(
        event["added"].get("content", "") for event in events if event["type"] == "tool"
    )
    done = [event["result"] for event in events if event["type"] == "tool_done"]
    assert done == [f"wrote {len(content)} characters to lisbon.md"]
    assert events[-1] == {"type": "end", "stop_reason": "end_turn"}


async def test_the_page_may_load_nothing_from_elsewhere(served: Served) -> None:
    """Its content security policy names no other host, and the page asks for none."""
    async with httpx.AsyncClient() as client:
        response = await client.get(served.url)
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; connect-src 'self'")
    assert "http" not in policy
    assert "src=" not in response.text
    assert "@import" not in response.text
