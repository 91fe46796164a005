// A decision needs a face that was seen: until the image is there, submitting is refused.
import { announce } from "./announce.js";

function settle(image) {
  const viewer = image.closest("[data-viewer]");
  if (viewer && image.complete) viewer.dataset.viewer = image.naturalWidth ? "shown" : "failed";
}

for (const outcome of ["load", "error"]) {
  document.addEventListener(outcome, (event) => { if (event.target instanceof HTMLImageElement) settle(event.target); }, { capture: true });
}
document.addEventListener("htmx:load", (event) => event.detail.elt.querySelectorAll?.("[data-viewer] img").forEach(settle));
document.querySelectorAll("[data-viewer] img").forEach(settle);

document.addEventListener("click", (event) => {
  const viewer = document.querySelector("[data-viewer]");
  if (!viewer || viewer.dataset.viewer === "shown" || !event.target.closest("[data-submit]")) return;
  event.preventDefault();
  event.stopPropagation();
  announce("The image is not shown yet; look before you decide.", { visibly: true });
}, { capture: true });
