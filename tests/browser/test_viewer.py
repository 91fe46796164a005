"""The viewer and the evidence panel in a real browser; pictures go to test-artifacts/looks/."""

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from django.conf import LazySettings
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from kyc_review.accounts.models import User
from kyc_review.evidence.models import Evidence
from kyc_review.pipeline import evidence_worker as evidence
from kyc_review.pipeline import worker as scoring
from kyc_review.registry.bundles import baseline_install
from kyc_review.review.models import ReviewItem
from kyc_review.submissions.models import Submission
from tests.browser.screens import LOOKS, PICTURES, SIZES, fits
from tests.browser.waiting import eventually, steady
from tests.factories.photographs import photograph, saved

SAMPLES = Path(__file__).parents[2] / "samples"
FORM = """<input type="hidden" data-boxes><button type="button" data-tool="mark">Mark</button>
<button type="button" data-tool="unmark">Unmark</button>"""

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
Examine = Callable[[ReviewItem], Evidence]
LogIn = Callable[..., Page]


def open_next(page: Page) -> None:
    page.keyboard.press("c")
    expect(page.locator("[data-viewer=shown]")).to_be_visible()


def scale(page: Page) -> int:
    return int(page.locator("[data-scale]").inner_text().split("at ")[1].split(" ")[0])


def steady_scale(page: Page) -> int:
    """The scale once it is told and keeps still: the picture arrives after its frame."""
    expect(page.locator("[data-scale]")).to_contain_text("%")
    return steady(page, lambda: scale(page))


def ink(page: Page, pane: str = "photo") -> int:
    """How many pixels of a pane's canvas are painted."""
    return int(
        page.evaluate(
            """(name) => { const c = document.querySelector(`[data-name=${name}] canvas.photo`);
               const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
               let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }""",
            pane,
        )
    )


def painted(page: Page, pane: str = "photo") -> int:
    """The ink of a pane once it is drawn and keeps still."""
    eventually(page, lambda: ink(page, pane) > 0, f"{pane} stays empty")
    return steady(page, lambda: ink(page, pane))


def _is_settled(page: Page, name: str, message: Locator) -> bool:
    return message.is_visible() or ink(page, name) > 0


def settled(page: Page) -> None:
    """Every pane is drawn, or says why it is not."""
    for pane in page.locator(".pane").all():
        name = str(pane.get_attribute("data-name"))
        message = pane.locator(".pane-message")
        eventually(page, partial(_is_settled, page, name, message), name)


@LOOKS
def test_linked_panes_and_evidence_fit_the_window(
    enqueue: Enqueue,
    examine: Examine,
    champion: object,
    log_in: LogIn,
    alice: User,
    portrait: bytes,
    size: str,
    scheme: str,
) -> None:
    item = enqueue("split_vote", 0.71, (0.162, 0.418, 0.713, 0.087, 0.571), image=portrait)
    examine(item)
    page = log_in(alice, viewport=SIZES[size], color_scheme=scheme)
    open_next(page)
    painted(page)
    page.screenshot(path=PICTURES / f"viewer-one-{size}-{scheme}.png")
    for key in "lam":
        page.keyboard.press(key)
    page.mouse.move(300, 300)
    settled(page)
    page.screenshot(path=PICTURES / f"viewer-four-{size}-{scheme}.png")
    page.keyboard.press("6")
    painted(page)
    page.screenshot(path=PICTURES / f"viewer-eyes-{size}-{scheme}.png")
    assert fits(page)


def test_the_wheel_enlarges_at_the_cursor_and_a_drag_moves(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    enqueue(image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    fitted = steady_scale(page)
    page.mouse.move(420, 260)
    place = page.locator("[data-place]")
    expect(place).to_contain_text(",")
    before = place.inner_text()
    page.mouse.wheel(0, -600)
    expect(page.locator("[data-scale]")).not_to_contain_text(f"{fitted} %")
    eventually(page, lambda: scale(page) > 2 * fitted)
    assert place.inner_text() == before, "what lies under the cursor stays there"
    page.mouse.down()
    page.mouse.move(470, 310)
    page.mouse.up()
    eventually(page, lambda: place.inner_text() == before, "it moves with the hand")
    page.keyboard.press("0")
    expect(page.locator("[data-scale]")).to_contain_text(f"{fitted} %")


def test_every_tool_works_by_key_alone(enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes) -> None:
    enqueue(image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    page.keyboard.press(".")
    expect(page.locator("[data-scale]")).to_contain_text("at 100 %")
    page.keyboard.press("+")
    expect(page.locator("[data-scale]")).to_contain_text("at 140 %")
    page.keyboard.press("-")
    expect(page.locator("[data-scale]")).to_contain_text("at 100 %")
    page.keyboard.press("0")
    upright = painted(page)
    page.keyboard.press("r")
    eventually(page, lambda: ink(page) > 1.2 * upright, "lying, the tall picture fills more of the wide pane")
    for key, name in (("f", "Mirror"), ("g", "Grid")):
        page.keyboard.press(key)
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    page.locator("[data-stage]").focus()
    page.mouse.move(420, 260)
    place = page.locator("[data-place]")
    before = place.inner_text()
    page.keyboard.press("ArrowRight")
    page.mouse.move(421, 260)
    page.mouse.move(420, 260)
    expect(place).not_to_have_text(before)
    page.keyboard.press("t")
    expect(page.get_by_label("Gamma")).to_be_visible()
    page.get_by_label("Gamma").fill("2")
    expect(page.locator(".viewer[data-toned]")).to_be_visible()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".viewer[data-toned]")).to_have_count(0)


def test_panes_survive_to_the_next_item_and_its_picture_starts_whole(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    for risk in (0.9, 0.5):
        examine(enqueue(risk=risk, image=portrait))
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    page.keyboard.press("w")
    expect(page.locator("[data-name=noise]")).to_be_visible()
    fitted = steady_scale(page)
    page.keyboard.press("+")
    eventually(page, lambda: scale(page) > fitted)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Recorded.")).to_be_visible()
    expect(page.locator("[data-viewer=shown]")).to_be_visible()
    expect(page.locator("[data-name=noise]")).to_be_visible()
    expect(page.locator("[data-scale]")).to_contain_text(f"{fitted} %")


def filter_of(page: Page, pane: str) -> str:
    photo = page.locator(f".pane[data-name={pane}] .photo")
    return str(photo.evaluate("canvas => getComputedStyle(canvas).filter"))


def test_panes_are_linked_and_each_quality_of_the_error_levels_can_be_chosen(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    examine(enqueue(image=portrait))
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    page.keyboard.press("l")
    page.keyboard.press("w")
    page.wait_for_function("document.querySelectorAll('.pane').length === 3")
    for pane in ("noise", "levels"):
        painted(page, pane)
    fitted = steady_scale(page)
    page.mouse.move(300, 250)
    page.mouse.wheel(0, -800)
    eventually(page, lambda: scale(page) > fitted)
    eventually(page, lambda: ink(page, "noise") == ink(page, "levels") == ink(page))
    with page.expect_response(lambda answer: "ela-70" in answer.url) as asked:
        page.get_by_label("Quality of the comparison").select_option("70")
    assert asked.value.status == 200
    page.get_by_role("slider", name="Gain of Error levels").fill("8")
    assert filter_of(page, "levels") == "brightness(8)"
    assert filter_of(page, "noise") == "none"
    page.screenshot(path=PICTURES / "error-levels-gain.png")
    page.keyboard.press("t")
    page.get_by_label("Contrast").fill("2")
    assert filter_of(page, "levels").startswith("brightness(8) brightness(1) contrast(2)")
    page.reload()
    expect(page.get_by_role("slider", name="Gain of Error levels")).to_have_value("8")


def test_error_levels_that_would_mislead_say_so_and_show_only_when_asked(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User
) -> None:
    again = Image.open(io.BytesIO(saved(photograph(), 65)))
    examine(enqueue(image=saved(again, 92)))
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    page.keyboard.press("l")
    expect(page.get_by_text("Not applicable: The whole picture was saved again")).to_be_visible()
    assert ink(page, "levels") == 0
    with page.expect_response(lambda answer: "ela-" in answer.url):
        page.get_by_role("button", name="Show it anyway").click()
    painted(page, "levels")


def test_evidence_that_comes_later_appears_by_itself(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    item = enqueue(image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    expect(page.get_by_text("Being computed")).to_be_visible()
    page.keyboard.press("w")
    expect(page.get_by_text("This view is being computed.")).to_be_visible()
    examine(item)
    expect(page.get_by_text("quality 90")).to_be_visible()
    expect(page.get_by_text("This view is being computed.")).to_be_hidden()
    painted(page, "noise")


def test_the_page_weighs_less_than_300_kb_without_its_photograph(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    examine(enqueue(image=portrait))
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.reload(wait_until="networkidle")
    weight = sum(size for url, size in sizes.items() if not url.endswith("/image/"))
    assert 0 < weight < 300_000, sizes


def test_near_by_a_large_photograph_is_fetched_in_full(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User
) -> None:
    examine(enqueue(image=saved(photograph().resize((2400, 2400)), 90)))
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    with page.expect_response(lambda answer: answer.url.endswith("/evidence/close/")) as asked:
        page.keyboard.press(".")
        page.keyboard.press("+")
    assert asked.value.status == 200


def test_two_controls_never_share_a_key(
    enqueue: Enqueue, examine: Examine, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    examine(enqueue(image=portrait))
    page = log_in(alice)
    open_next(page)
    keys = page.eval_on_selector_all(
        "[data-key]",
        "found => found.filter(control => control.checkVisibility()).map(control => control.dataset.key)",
    )
    assert len(keys) == len(set(keys)), sorted(keys)


def test_a_real_item_for_the_readme(
    submit: Callable[..., Submission], examine: Examine, log_in: LogIn, alice: User, settings: LazySettings
) -> None:
    """A sample with an edited nose, scored by the ensemble that ships: `cp test-artifacts/looks/readme.png
    docs/images/workbench.png` renews the README's picture."""
    baseline_install()
    for number, name in enumerate(("sample-14-edited-nose.jpg", "sample-03-genuine.jpg")):
        submit(image=(SAMPLES / name).read_bytes(), applicant_ref=f"person-{number}")
    scoring.run_until_idle()
    evidence.run_until_idle()
    evidence._serving = None
    assert ReviewItem.objects.exists(), "the baseline flags the edited one"
    page = log_in(alice, viewport=SIZES["1440x900"], color_scheme="light")
    open_next(page)
    for key in "lam":
        page.keyboard.press(key)
    page.locator(".pane").nth(3).wait_for()
    page.mouse.move(255, 280)
    settled(page)
    page.screenshot(path=PICTURES / "readme.png")
    assert fits(page)


def test_boxes_drawn_on_the_picture_reach_the_forms_field_in_fractions(
    enqueue: Enqueue, log_in: LogIn, alice: User, portrait: bytes
) -> None:
    enqueue(image=portrait)
    page = log_in(alice, viewport=SIZES["1280x720"])
    open_next(page)
    if not page.locator("[data-boxes]").count():  # the form asks for regions of a fake only
        page.evaluate(
            "form => document.querySelector('#decision').insertAdjacentHTML('beforeend', form)", FORM
        )
    page.evaluate("document.querySelector('[data-tool=mark]').click()")
    page.mouse.move(400, 200)
    page.mouse.down()
    page.mouse.move(500, 320, steps=4)
    page.mouse.up()
    (box,) = json.loads(page.locator("[data-boxes]").input_value())
    assert set(box) == {"x", "y", "width", "height"}
    assert all(0 < side < 1 for side in box.values())
    page.mouse.move(20, 100)
    page.mouse.down()
    page.mouse.move(900, 640, steps=4)
    page.mouse.up()
    boxes = json.loads(page.locator("[data-boxes]").input_value())
    assert boxes[1]["x"] == 0, "cut at the picture's border"
    page.evaluate("document.querySelector('[data-tool=unmark]').click()")
    assert json.loads(page.locator("[data-boxes]").input_value()) == [box]
