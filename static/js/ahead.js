// While one face is judged, the next is fetched: the server keeps that item for this person (for two minutes,
// renewed with the claim), and the picture waits here, decoded. When the next page arrives, the picture takes
// its place at once. Pictures are never stored by the browser, so it is the element itself that moves, not a
// cached response. The same holds for the open views, except for a blind item: then the server names none. On
// a decision the face shows at once, before the server has answered, with a placeholder instead of the panel, so that
// the form and the votes of one person are never shown with another's picture. If the answer is a refusal, or none comes,
// picture and panel return together.
import { begin, end } from "./held.js";
import { press } from "./keys.js";
import { isAccepted } from "./outcome.js";
import { current } from "./viewer.js";
import { fetchViews } from "./viewer/fetched.js";

let ahead = null; // { path, image, posted, isBlinded, views, pictures: { pane: its picture } }
let awaited = null; // { xhr, path }: the request whose answer is awaited, and the picture that is shown meanwhile

async function fetchAhead() {
  const form = document.querySelector("form[data-ahead]");
  if (!form || awaited || document.visibilityState === "hidden") return;
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  const answer = await fetch(form.dataset.ahead, { method: "POST", headers }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const { image: path, posted, is_blinded: isBlinded, views } = await answer.json();
  if (awaited || path === ahead?.path) return;
  ahead = null; // what was reserved may have gone to a colleague
  if (!path) return;
  const image = new Image();
  image.src = path;
  ahead = { path, image, posted, isBlinded, views, pictures: {} };
  await image.decode().catch(() => { if (ahead?.image === image) ahead = null; });
  if (ahead?.image === image) fetchOpenViews();
}

function fetchOpenViews() {
  const stage = current();
  if (stage && ahead) ahead.pictures = fetchViews(ahead.views, stage.settings);
}

const isLast = ({ requestConfig }) => /\/items\/\d+\/(decision|claim\/release)\/$/.test(requestConfig?.path ?? "");

// Requests that the server would refuse are not sent: no answer, or no reason why it cannot be assessed.
function isComplete(form) {
  const said = new FormData(form);
  return said.has("label") && (said.get("label") !== "not_assessable" || said.has("obstacle"));
}

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!isLast(detail) || !ahead?.image.complete || !ahead.image.naturalWidth) return;
  if (detail.requestConfig.path.endsWith("/decision/") && !isComplete(detail.elt.closest("form"))) return;
  const stage = current();
  if (!stage) return;
  awaited = { xhr: detail.xhr, path: ahead.path };
  stage.preview(ahead);
  begin(ahead.isBlinded);
  showPanel(false);
});

// The item's own panel, or the placeholder of the next one.
function showPanel(isOwn) {
  const [own, placeholder] = ["own", "awaited"].map((name) => document.querySelector(`[data-panel=${name}]`));
  if (!own || !placeholder) return;
  placeholder.querySelector("[data-awaited-number]").textContent = /\/items\/(\d+)\//.exec(awaited?.path ?? "")?.[1] ?? "";
  own.hidden = !isOwn;
  placeholder.hidden = isOwn;
}

// Before a refusal is written into the panel, and when no answer came.
for (const moment of ["htmx:beforeOnLoad", "htmx:afterRequest"]) {
  document.addEventListener(moment, ({ detail }) => {
    if (!awaited || detail.xhr !== awaited.xhr || isAccepted(detail)) return;
    awaited = null;
    end();
    current()?.restore();
    showPanel(true);
  });
}

// What is answered to a page that is gone must not be written into the one that took its place.
document.addEventListener("htmx:beforeRequest", ({ detail: { elt } }) => {
  if ("guarded" in elt.dataset) return;
  elt.dataset.guarded = "";
  elt.addEventListener("htmx:beforeOnLoad", (event) => { if (!elt.isConnected) event.preventDefault(); });
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!ahead?.image.complete || event.detail.target?.id !== "main") return;
  event.detail.serverResponse = event.detail.serverResponse.replace(`<img src="${ahead.path}"`, "<img data-fetched");
});
document.addEventListener("htmx:afterSwap", (event) => {
  const place = document.querySelector("img[data-fetched]");
  if (event.detail.target?.id === "main") {
    if (!place || ahead.path !== awaited?.path) end(); // another page than the one that was shown
    awaited = null;
  }
  if (!place) return;
  for (const { name, value } of place.attributes) if (name !== "data-fetched") ahead.image.setAttribute(name, value);
  place.replaceWith(ahead.image);
  ahead = null;
});

// Once its form works.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "main") for (const key of end()) press(key);
});

// The current face has priority; the next one is requested when it is loaded.
document.addEventListener("load", (event) => { if (event.target.closest?.("[data-viewer]")) fetchAhead(); }, { capture: true });
document.addEventListener("htmx:load", (event) => {
  const image = event.detail.elt.querySelector?.("[data-viewer] img");
  if (image?.complete) setTimeout(fetchAhead, 100);
});
document.addEventListener("claim:renewed", fetchAhead);
// Views opened for this face will be open for the next one too.
document.addEventListener("click", (event) => { if (event.target.closest("[data-pane]")) setTimeout(fetchOpenViews); });
document.addEventListener("change", (event) => { if (event.target.closest(".pane-head")) fetchOpenViews(); });
if (document.querySelector("[data-viewer] img")?.complete) fetchAhead();
