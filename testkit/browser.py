"""A headless Chromium that opens our pages as a person would, and keeps what it complained of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from testkit.web import WebProcess

DESKTOP, PHONE = (1180, 800), (390, 844)
SLOW_MS = 30_000  # the first paint takes seconds of a busy core


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser, by playwright; whoever has neither is skipped with the reason."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright: scripts/environment test lint bench browser"
    )
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs apt package chromium")
    with playwright.sync_playwright() as running:
        # root may not have its sandbox; the fake microphone is one of Chromium's own
        arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        browser = running.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Person:
    """Somebody with a window of their own. `page` is playwright's."""

    def __init__(self, browser: Any, web: WebProcess, size: tuple[int, int], scheme: str) -> None:
        self._web = web
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, timezone_id="UTC", locale="en-GB"
        )
        self._context.set_default_timeout(SLOW_MS)
        self.page = self._context.new_page()
        self.troubles: list[str] = []
        """What the console complained of, refusals by the content security policy too."""
        self.elsewhere: list[str] = []
        """Addresses asked for that are not ours."""
        self.page.on("console", lambda m: self.troubles.append(m.text) if m.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", self._look_where)

    def open(self, link: str | None = None) -> None:
        """Open the link, and wait until it shows a daemon."""
        self.page.goto(link or self._web.link, wait_until="load")
        self.page.wait_for_selector("#state[data-state=listening]")

    def go(self, view: str) -> None:
        """Choose a section."""
        self.page.click(f"nav a[href='#{view}']")
        self.page.wait_for_selector(f"#{view}:not([hidden])")

    def close(self) -> None:
        """Close the window."""
        self._context.close()

    def _look_where(self, request: Any) -> None:
        if not request.url.startswith("blob:") and urlsplit(request.url).netloc != self._web.address:
            self.elsewhere.append(request.url)


@contextmanager
def person(browser: Any, web: WebProcess, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Iterator[Person]:
    """One window, closed at the end."""
    one = Person(browser, web, size, scheme)
    try:
        yield one
    finally:
        one.close()
