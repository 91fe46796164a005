// While one face is judged, the next is fetched: the server keeps that item for this person (for two minutes, renewed with
// the claim), and the picture waits here, decoded. When the next page arrives, the picture takes its place at once.
// Pictures are never stored by the browser, so it is the element itself that moves, not a cached response.
let ahead = null; // { path, image }

async function fetchAhead() {
  const form = document.querySelector("form[data-ahead]");
  if (!form || document.visibilityState === "hidden") return;
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  const answer = await fetch(form.dataset.ahead, { method: "POST", headers }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const path = (await answer.json()).image;
  if (!path || path === ahead?.path) return;
  const image = new Image();
  image.src = path;
  ahead = { path, image };
  image.decode().catch(() => { if (ahead?.image === image) ahead = null; });
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!ahead?.image.complete || event.detail.target?.id !== "main") return;
  event.detail.serverResponse = event.detail.serverResponse.replace(`<img src="${ahead.path}"`, "<img data-fetched");
});
document.addEventListener("htmx:afterSwap", () => {
  const place = document.querySelector("img[data-fetched]");
  if (!place) return;
  for (const { name, value } of place.attributes) if (name !== "data-fetched") ahead.image.setAttribute(name, value);
  place.replaceWith(ahead.image);
  ahead = null;
});

// The face that is judged comes first; its successor is asked for when it is there.
document.addEventListener("load", (event) => { if (event.target.closest?.("[data-viewer]")) fetchAhead(); }, { capture: true });
document.addEventListener("htmx:load", (event) => {
  const image = event.detail.elt.querySelector?.("[data-viewer] img");
  if (image?.complete) setTimeout(fetchAhead, 100);
});
document.addEventListener("claim:renewed", fetchAhead);
if (document.querySelector("[data-viewer] img")?.complete) fetchAhead();
