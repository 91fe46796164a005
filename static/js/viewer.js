// A decision needs a face that was seen: until the image is there, submitting is refused.
import { announce } from "./announce.js";

const sizes = new ResizeObserver((entries) => entries.forEach((entry) => showScale(entry.target)));

function settle(image) {
  const viewer = image.closest("[data-viewer]");
  if (!viewer || !image.complete) return;
  viewer.dataset.viewer = image.naturalWidth ? "shown" : "failed";
  if (image.naturalWidth) sizes.observe(image);
}

// Enlarging a small selfie softens it; a reviewer has to know that it is the enlargement that is soft. Longest sides are
// compared, because the posted size is the one before the camera's rotation is undone.
function showScale(image) {
  const fit = Math.min(image.clientWidth / image.naturalWidth, image.clientHeight / image.naturalHeight);
  const posted = Math.max(image.getAttribute("width"), image.getAttribute("height"));
  const scale = (fit * Math.max(image.naturalWidth, image.naturalHeight)) / posted;
  const caption = image.parentElement?.querySelector("[data-scale]");
  if (caption) caption.textContent = ` · shown at ${Math.round(scale * 100)} %`;
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
