// Small pictures are fetched when they come into view: each look at them is recorded. A picture with `hx-trigger="looked"`
// reports, too, that it was loaded and stayed in view, for decisions that need a look at each one.
import { isAccepted } from "./outcome.js";

const SHARE = 0.75; // of the picture, or of the window where the picture is larger
const STAYS_MS = 300;
const AGAIN_MS = 3000;
const THRESHOLDS = Array.from({ length: 21 }, (_, step) => step / 20);
const timers = new Map(); // pictures in view, and what waits to report them

function isInView({ isIntersecting, intersectionRect, boundingClientRect, rootBounds }) {
  if (!isIntersecting) return false;
  const width = Math.min(boundingClientRect.width, rootBounds.width);
  const height = Math.min(boundingClientRect.height, rootBounds.height);
  return intersectionRect.width * intersectionRect.height >= SHARE * width * height;
}

const inView = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const image = entry.target;
    if (!isInView(entry) || document.visibilityState !== "visible") {
      clearTimeout(timers.get(image));
      timers.delete(image);
      continue;
    }
    if (!image.hasAttribute("src")) image.src = image.dataset.seen;
    if (!isToReport(image)) inView.unobserve(image);
    else if (!timers.has(image)) timers.set(image, setTimeout(report, STAYS_MS, image));
  }
}, { threshold: THRESHOLDS });

const isToReport = (image) => image.getAttribute("hx-trigger") === "looked";

// Called while the picture is in view. One that is still on its way is reported when it arrives and then stays in view.
function report(image) {
  if (image.complete && image.naturalWidth > 0) htmx.trigger(image, "looked");
  else image.addEventListener("load", () => observeAgain(image), { once: true });
}

function observeAgain(image) {
  clearTimeout(timers.get(image));
  timers.delete(image);
  inView.unobserve(image);
  inView.observe(image);
}

document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (!target.matches?.("img[data-seen]")) return;
  if (!isAccepted(detail)) {
    setTimeout(observeAgain, AGAIN_MS, target);
    return;
  }
  inView.unobserve(target);
  target.dispatchEvent(new CustomEvent("look:recorded", { bubbles: true }));
});

const watch = (root) => root.querySelectorAll("img[data-seen]:not([src])").forEach((image) => inView.observe(image));
document.addEventListener("htmx:load", (event) => watch(event.detail.elt));
document.addEventListener("visibilitychange", () => {
  document.querySelectorAll("img[data-seen]").forEach((image) => {
    if (!image.hasAttribute("src") || timers.has(image)) observeAgain(image);
  });
});
watch(document);
