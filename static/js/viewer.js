// The viewer of the focus page: it comes to life when its photograph is there, and its toolbar is bound to the document,
// so that swapped-in content needs no set-up of its own. A decision needs a face that was seen: until then, submitting is refused.
import { announce } from "./announce.js";
import { gettext } from "./texts.js";
import { Stage } from "./viewer/stage.js";

const STEP = 1.4;
const PAN_PX = 60;
const stages = new WeakMap(); // figure -> its stage

function settle(image) {
  const figure = image.closest("[data-viewer]");
  if (!figure || !image.complete || figure.dataset.viewer === "shown") return;
  figure.dataset.viewer = image.naturalWidth ? "shown" : "failed";
  if (image.naturalWidth) stages.set(figure, new Stage(figure, image));
}

for (const outcome of ["load", "error"]) {
  document.addEventListener(outcome, (event) => { if (event.target instanceof HTMLImageElement) settle(event.target); }, { capture: true });
}
document.addEventListener("htmx:load", (event) => {
  event.detail.elt.querySelectorAll?.("[data-viewer] img").forEach(settle);
  if (event.detail.elt.id === "viewer-panes") current()?.refresh();
});
document.querySelectorAll("[data-viewer] img").forEach(settle);

export function current() {
  return stages.get(document.querySelector("[data-viewer]"));
}

// The number of the item whose picture is on the screen, as its address says it.
export function shownItem() {
  return /\/items\/(\d+)\/image\/$/.exec(current()?.image.src ?? "")?.[1] ?? null;
}

// An answer says at which picture it was given; the server refuses one that was given at another item's.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if ("shown_item" in detail.parameters) detail.parameters.shown_item = shownItem() ?? "";
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-compare]");
  const stage = button && current();
  if (!stage || stage.before) return;
  stage.compare(button.dataset.compare, button.dataset.title);
  const menu = button.closest(".compare-menu");
  if (!menu) return;
  menu.removeAttribute("open");
  stage.root.focus(); // Enter submits again, and arrow keys move the pictures
});

const TOOLS = {
  fit: (stage) => stage.camera.reset(),
  actual: (stage) => stage.camera.zoomTo(1 / stage.camera.fit(stage.first, stage.picture), stage.first, stage.picture),
  in: (stage) => stage.camera.zoomTo(stage.camera.scale * STEP, stage.first, stage.picture),
  out: (stage) => stage.camera.zoomTo(stage.camera.scale / STEP, stage.first, stage.picture),
  turn: (stage) => { stage.camera.turn = (stage.camera.turn + 1) % 4; },
  mirror: (stage) => { stage.camera.mirrored = !stage.camera.mirrored; },
  grid: (stage) => { stage.settings.grid = !stage.settings.grid; },
  magnifier: (stage) => stage.toggleMagnifier(),
  mark: (stage) => stage.toggleMarking(),
  unmark: (stage) => stage.removeBox(),
  "close-up": (stage, button) => stage.camera.frame(button.dataset.box.split(" ").map(Number), stage.first, stage.picture),
  "tone-reset": (stage) => { stage.settings.tone = { brightness: 1, contrast: 1, gamma: 1 }; stage.applyTone(); },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tool], [data-pane]");
  const stage = button && current();
  if (!stage) return;
  // Views, close-ups and boxes belong to the item whose answer is awaited, not to the face that is shown meanwhile.
  if (stage.before && (button.dataset.pane || ["close-up", "mark", "unmark"].includes(button.dataset.tool))) return;
  if (button.dataset.pane) return stage.toggle(button);
  TOOLS[button.dataset.tool](stage, button);
  stage.keep();
});

document.addEventListener("input", (event) => {
  const { tone } = event.target.dataset;
  const stage = tone && current();
  if (!stage) return;
  stage.settings.tone[tone] = Number(event.target.value);
  stage.applyTone();
  stage.keep();
});

const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
document.addEventListener("keydown", (event) => {
  const stage = current();
  if (!stage || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === stage.root && ARROWS[event.key]) {
    const [dx, dy] = ARROWS[event.key];
    event.preventDefault();
    if (stage.settings.magnifier) return stage.moveMagnifier([-dx, -dy]);
    stage.camera.pan(dx * PAN_PX, dy * PAN_PX, stage.first, stage.picture);
    stage.keep();
  }
});

document.addEventListener("click", (event) => {
  const viewer = document.querySelector("[data-viewer]");
  if (!viewer || viewer.dataset.viewer === "shown" || !event.target.closest("[data-submit]")) return;
  event.preventDefault();
  event.stopPropagation();
  announce(gettext("The image is not shown yet; look before you decide."), { visibly: true });
}, { capture: true });
