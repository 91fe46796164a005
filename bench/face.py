"""How long a reviewer waits after Enter: until the next face is painted, and until it can be decided. In Chromium.

The clock is the browser's: from the key's own time stamp to the first frame after the viewer drew another picture.
"""

import os
import shutil
import time
from collections.abc import Callable

from playwright.sync_api import Page, sync_playwright

from bench import desks
from bench.compare import BenchError
from bench.load import HOST
from bench.product import Product
from bench.report import line, percentile

# No reviewer looks at a face for less than this.
LOOK_MS = 700
ANSWER_TIMEOUT_S = 30
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WATCH = """() => {
    window.waits = [];
    document.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        const wait = {}, began = event.timeStamp;
        const face = () => document.querySelector("[data-viewer]")?.dataset.face;
        const form = () => document.querySelector("#decision:not(:has(fieldset:disabled))")?.dataset.draft;
        const [oldFace, oldForm] = [face(), form()];
        const look = () => {
            const paints = {
                face: !wait.face && face() && face() !== oldFace,
                form: !wait.form && form() && form() !== oldForm && face() !== oldFace,
            };
            // A task that is queued in a frame runs when that frame has been painted.
            setTimeout(() => {
                for (const name of ["face", "form"]) if (paints[name]) wait[name] = performance.now() - began;
                if (wait.face && wait.form) waits.push(wait);
            });
            if (!(paints.form || wait.form)) requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    }, { capture: true });
}"""


def run(running: Product, images: list[bytes], *, presses: int) -> bool:
    """Whether the next face is there within 100 ms, and within 250 ms of 95 in 100 presses."""
    session = desks.filled(running, images, items=presses + 20, reviewers=1)[0]
    found = next(filter(None, [os.environ.get("CHROMIUM"), *map(shutil.which, CHROMIUM)]), None)
    if found is None:
        raise BenchError("no chromium on PATH; set CHROMIUM to its path")
    address = f"http://{HOST}:{running.target.port}"
    with sync_playwright() as playwright:
        quiet = [
            "--no-sandbox",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
        ]
        browser = playwright.chromium.launch(executable_path=found, args=quiet)
        window = browser.new_context(viewport={"width": 1440, "height": 900})
        window.add_cookies([{"name": "sessionid", "value": session, "url": address}])
        page = window.new_page()
        page.goto(f"{address}/review/")
        waits = _pressed(running, page, presses)
        browser.close()
    faces = [wait["face"] for wait in waits]
    median, slow = percentile(faces, 50), percentile(faces, 95)
    line("key presses", str(len(faces)))
    fine = [
        line("Enter to the next face, median", f"{median:.0f} ms", reached=median < 100, target="< 100 ms"),
        line("  its p95", f"{slow:.0f} ms", reached=slow < 250, target="< 250 ms"),
    ]
    forms = [wait["form"] for wait in waits]
    line("Enter to the next decision's buttons, median", f"{percentile(forms, 50):.0f} ms")
    line("  its p95", f"{percentile(forms, 95):.0f} ms")
    return all(fine)


def _pressed(running: Product, page: Page, presses: int) -> list[dict[str, float]]:
    page.keyboard.press("c")
    page.wait_for_selector("[data-viewer=shown]")
    page.evaluate(WATCH)
    for number in range(presses + 5):
        page.wait_for_timeout(LOOK_MS)
        running.runner.watch()
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        _until(page, lambda: page.evaluate("waits.length") > number)  # noqa: B023  (called at once)
    return page.evaluate("waits")[5:]  # the first ones warm everything up


def _until(page: Page, done: Callable[[], bool]) -> None:
    """Playwright's own waiting evaluates text in the page, which its security policy forbids."""
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while not done():
        if time.monotonic() > deadline:
            raise BenchError(f"the next face did not come: {page.url}")
        page.wait_for_timeout(50)
