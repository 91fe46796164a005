"""Picture, number, panel and form belong to one item, whatever is refused, lost, undone or opened twice.

Each item's picture has a colour of its own, which is read from the canvas: what is really seen is compared with what
the page says, not what the page says of its picture.
"""

import io
import random
import re
from collections.abc import Callable

import pytest
from django.conf import LazySettings
from PIL import Image
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Route, expect

from kyc_review.accounts.models import User
from kyc_review.review.models import Decision, ReviewItem
from tests.browser.screens import claim
from tests.browser.waiting import eventually, intercept
from tests.factories.claims import expire

pytestmark = pytest.mark.django_db(transaction=True)
Enqueue = Callable[..., ReviewItem]
LogIn = Callable[..., Page]

# Read in a frame, after what is drawn in it: between two frames a part may be new that is not painted yet.
SEEN = """() => new Promise((done) => requestAnimationFrame(() => {
    const isSeen = (element) => element?.checkVisibility();
    const numberIn = (text) => /(\\d+)/.exec(text ?? "")?.[1] ?? null;
    const canvas = document.querySelector('.pane[data-name=photo] .photo');
    const pixel = canvas?.width
        ? [...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data] : null;
    const panels = [...document.querySelectorAll('.panel')].filter(isSeen);
    const form = document.querySelector('form#decision[data-draft]');
    done({
        isItem: Boolean(document.querySelector('[data-viewer]')),
        isShown: document.querySelector('[data-viewer]')?.dataset.viewer === 'shown',
        pixel,
        number: numberIn(document.querySelector('[data-number]')?.textContent),
        panels: panels.map((panel) => numberIn(panel.querySelector('h1, h2')?.textContent)),
        form: isSeen(form) ? [numberIn(form.action.split('/items/')[1]), form.elements.shown_item.value] : null,
    });
}))"""


def coloured(place: int, places: int) -> tuple[int, int, int]:
    return (40 + 200 * place // places, 240 - 200 * place // places, 40 + (place * 97) % 180)


def flat(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (240, 320), colour).save(buffer, "PNG")
    return buffer.getvalue()


class Faces:
    """Items with pictures of one colour each, and the check that a page shows one item."""

    def __init__(self, enqueue: Enqueue, number: int) -> None:
        colours = [coloured(place, number) for place in range(number)]
        self.items = [
            enqueue(risk=1 - place / number, image=flat(colour)) for place, colour in enumerate(colours)
        ]
        self.seen: set[int] = set()
        self.colours = {item.pk: colour for item, colour in zip(self.items, colours, strict=True)}

    def on(self, pixel: list[int]) -> int:
        """The item whose colour is nearest to this pixel."""
        return min(
            self.colours,
            key=lambda pk: sum(abs(a - b) for a, b in zip(self.colours[pk], pixel, strict=False)),
        )

    def parts(self, page: Page) -> dict[str, set[int]]:
        """The items that the page shows parts of: one, if all is well."""
        seen = page.evaluate(SEEN)
        if not seen["isItem"]:
            return {}
        found = {"number": {int(seen["number"])}, "panel": {int(number) for number in seen["panels"]}}
        assert len(seen["panels"]) == 1
        if seen["isShown"] and seen["pixel"] and seen["pixel"][3]:
            found["picture"] = {self.on(seen["pixel"])}
        if seen["form"]:
            found["form"] = {int(number) for number in seen["form"]}
        return found

    def belong_together(self, page: Page, after: str) -> None:
        for _ in range(4):  # the frame that is read may be the one between a change and its painting
            parts = self.parts(page)
            if len(set().union(*parts.values())) <= 1:
                self.seen |= parts.get("picture", set())
                return
        raise AssertionError(f"after {after}: {parts}")

    def shows(self, page: Page, item: ReviewItem) -> None:
        """Wait until picture, number, panel and form are this item's."""
        whole = {part: {item.pk} for part in ("number", "panel", "picture", "form")}
        eventually(
            page, lambda: self.parts(page) == whole, f"item {item.pk} is not shown whole: {self.colours}"
        )


IS_FETCHED = "() => window.made?.some((image) => image.complete && image.naturalWidth)"
WATCH = """() => {
    const Plain = Image;
    window.made = [];
    window.Image = function () { const image = new Plain(); window.made.push(image); return image; };
}"""


def ahead(page: Page, faces: Faces) -> None:
    """Claim the first item, and wait until the next one's face has been fetched ahead."""
    page.evaluate(WATCH)
    claim(page)
    faces.shows(page, faces.items[0])
    page.wait_for_function(IS_FETCHED)


# The answer with the evidence of the first face arrives while the next one is seen.
LATE_EVIDENCE = """() => {
    const panes = document.getElementById("viewer-panes");
    const { close } = panes.dataset;
    panes.dataset.close = "/late/";
    panes.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true, detail: { elt: panes } }));
    panes.dataset.close = close ?? "";
    return !document.querySelector("[data-close='/late/']");
}"""
REFUSALS: list[int | str] = [409, 422, 403, 500, "lost"]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_with_the_next_face_on_the_screen_brings_back_picture_number_panel_and_form(
    enqueue: Enqueue, log_in: LogIn, alice: User, refusal: int | str
) -> None:
    faces = Faces(enqueue, 3)
    page = log_in(alice)
    ahead(page, faces)
    page.get_by_label("Note").fill("A seam at the chin.")
    page.keyboard.press("Escape")
    held: list[Route] = []
    intercept(page, "**/decision/", lambda route: held.append(route))
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    eventually(page, lambda: faces.parts(page).get("picture") == {faces.items[1].pk}, "the next face")
    faces.belong_together(page, "the answer is awaited")
    assert "form" not in faces.parts(page)
    assert page.evaluate(LATE_EVIDENCE), "evidence of the face before opens nothing on the next one"
    page.keyboard.press("1")
    eventually(page, lambda: bool(held), "the decision is sent after the next face is painted")
    refuse(page, held[0], refusal, faces.items[0])
    faces.shows(page, faces.items[0])
    expect(page.get_by_label("Note")).to_have_value("A seam at the chin.")
    page.unroute("**/decision/")
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("A seam at the chin.")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    faces.shows(page, faces.items[1])
    assert list(Decision.objects.values_list("item", "label")) == [(faces.items[0].pk, "real")]


def refuse(page: Page, route: Route, refusal: int | str, item: ReviewItem) -> None:
    """The server's own refusal where it has one that leaves the claim; else a bare status or no answer."""
    form = dict(part.partition("=")[::2] for part in (route.request.post_data or "").split("&"))
    if refusal == "lost":
        route.abort()
    elif refusal == 422:
        route.continue_(post_data="&".join(f"{k}={v}" for k, v in form.items() if k != "label"))
    elif refusal == 409:
        other = "&".join(f"{k}={v}" for k, v in (form | {"shown_item": "0"}).items())
        route.continue_(post_data=other)
    else:
        route.fulfill(status=int(refusal), body="<p data-reason>Refused here.</p>", content_type="text/html")


def test_21_boxes_are_refused_and_the_next_enter_decides_about_the_face_that_is_seen(
    enqueue: Enqueue, log_in: LogIn, alice: User
) -> None:
    faces = Faces(enqueue, 3)
    page = log_in(alice)
    ahead(page, faces)
    page.keyboard.press("2")
    box = '{"x": 0.1, "y": 0.1, "width": 0.1, "height": 0.1}'
    page.evaluate(
        "(boxes) => { document.querySelector('[data-boxes]').value = boxes; }", f"[{','.join([box] * 21)}]"
    )
    page.keyboard.press("Enter")
    expect(page.get_by_text("Mark up to 20 regions.")).to_be_visible()
    faces.shows(page, faces.items[0])
    page.evaluate("() => { document.querySelector('[data-boxes]').value = '[]'; }")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    faces.shows(page, faces.items[1])
    assert list(Decision.objects.values_list("item", "label")) == [(faces.items[0].pk, "real")]


def test_a_claim_that_ended_shows_no_other_face_and_keeps_the_note(
    enqueue: Enqueue, log_in: LogIn, alice: User
) -> None:
    faces = Faces(enqueue, 3)
    page = log_in(alice)
    ahead(page, faces)
    page.get_by_label("Note").fill("A seam at the chin.")
    page.keyboard.press("Escape")
    expire(faces.items[0])
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing was recorded")).to_be_visible()
    eventually(
        page, lambda: faces.parts(page).get("picture") == {faces.items[0].pk}, "the refused item's face"
    )
    faces.belong_together(page, "a lost claim")
    page.keyboard.press("c")  # the next one is kept for alice, so it comes first
    faces.shows(page, faces.items[1])
    expect(page.get_by_label("Note")).to_have_value("")
    kept = page.evaluate("(key) => sessionStorage.getItem(key)", f"draft-{alice.pk}-{faces.items[0].pk}")
    assert "A seam at the chin." in kept


class Desk:
    """Acts of one reviewer in two tabs of one browser, drawn at random."""

    def __init__(self, page: Page, faces: Faces, seed: int) -> None:
        self.faces, self.dice = faces, random.Random(seed)
        self.tabs = [page, page.context.new_page()]
        self.tabs[1].goto("/review/")
        self.refusal: int | str | None = None
        self.held: list[Route] = []
        for tab in self.tabs:
            intercept(tab, re.compile("/(decision|release|first-call)/$"), self._answer)

    def _answer(self, route: Route) -> None:
        refusal, self.refusal = self.refusal, None
        pk = re.search(r"/items/(\d+)/", route.request.url)
        if refusal == "slow":
            self.held.append(route)
        elif refusal == "expired" and pk:
            expire(ReviewItem.objects.get(pk=int(pk[1])))
            route.continue_()
        elif refusal is None or refusal == "expired":
            route.continue_()
        else:
            refuse(route.request.frame.page, route, refusal, self.faces.items[0])

    def step(self) -> str:
        """One act; what it was."""
        tab = self.dice.choice(self.tabs)
        if not tab.locator("[data-viewer]").count():
            tab.keyboard.press("c")
            tab.wait_for_load_state("networkidle")
        act = self.dice.choice(
            ["real", "fake", "refused", "refused", "skip", "undo", "back", "reload", "claim", "note"]
        )
        if act in ("real", "fake", "refused"):
            if act == "refused":
                refusals: list[int | str] = [*REFUSALS, "slow", "expired"]
                self.refusal = self.dice.choice(refusals)
                act = f"refused ({self.refusal})"
            tab.keyboard.press("2" if act == "fake" else "1")
            tab.keyboard.press("Enter")
            if self.dice.random() < 0.5:
                tab.keyboard.press("2")
        elif act in ("skip", "undo", "claim"):
            tab.keyboard.press({"skip": "s", "undo": "z", "claim": "c"}[act])
        elif act == "back":
            tab.goto("/review/")
            if self.dice.random() < 0.5:
                tab.go_back()
        elif act == "reload":
            tab.reload()
        else:
            tab.keyboard.press("n")
            tab.keyboard.type(f"{self.dice.random():.3f}")
            tab.keyboard.press("Escape")
        return f"{act} in tab {self.tabs.index(tab) + 1}"


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (7, 16))])
def test_after_any_sequence_of_acts_picture_number_panel_and_form_belong_to_one_item(
    enqueue: Enqueue, log_in: LogIn, alice: User, settings: LazySettings, seed: int
) -> None:
    settings.UNDO_WINDOW_S = 10
    faces = Faces(enqueue, 12)
    page = log_in(alice)
    desk = Desk(page, faces, seed)
    claim(page)
    acts: list[str] = []
    for _ in range(24):
        acts.append(desk.step())
        for tab in desk.tabs:
            for _ in range(2):
                try:
                    faces.belong_together(tab, " > ".join(acts))
                except PlaywrightError:  # the page was just being left
                    tab.wait_for_load_state()
                tab.wait_for_timeout(40)
            while desk.held:
                desk.held.pop().continue_()
            tab.wait_for_load_state("networkidle")
            faces.belong_together(tab, " > ".join(acts))
    assert any("refused" in act for act in acts)
    assert len(faces.seen) >= 3, acts
