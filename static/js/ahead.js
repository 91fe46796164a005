// While one face is reviewed, the next is fetched: the server reserves that item for this person (for two
// minutes, renewed with the claim), and the decoded picture waits here. When the next page arrives, the
// picture is shown immediately. Pictures are never stored by the browser, so it is the element itself that
// moves, not a cached response. The same holds for the open views, except for a blind item: then the server
// names none. After a decision the face is shown before the server has answered; if the server refuses, the
// old one returns.
import { begin, end } from "./held.js";
import { press } from "./keys.js";
import { current } from "./viewer.js";
import { fetchViews } from "./viewer/fetched.js";

let ahead = null; // { path, image, posted, isVeiled, views, pictures: { pane: its picture } }

async function fetchAhead() {
  const form = document.querySelector("form[data-ahead]");
  if (!form || document.visibilityState === "hidden") return;
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  const answer = await fetch(form.dataset.ahead, { method: "POST", headers }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const { image: path, posted, is_veiled: isVeiled, views } = await answer.json();
  if (!path || path === ahead?.path) return;
  const image = new Image();
  image.src = path;
  ahead = { path, image, posted, isVeiled, views, pictures: {} };
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
  current()?.preview(ahead);
  begin(ahead.isVeiled);
  document.querySelector(".focus")?.setAttribute("aria-busy", "true");
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!isLast(detail) || detail.successful) return;
  end();
  current()?.restore();
  document.querySelector(".focus")?.removeAttribute("aria-busy");
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!ahead?.image.complete || event.detail.target?.id !== "main") return;
  event.detail.serverResponse = event.detail.serverResponse.replace(`<img src="${ahead.path}"`, "<img data-fetched");
});
document.addEventListener("htmx:afterSwap", (event) => {
  const place = document.querySelector("img[data-fetched]");
  if (!place && event.detail.target?.id === "main") end(); // another page than the one that was shown
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
