import { characterOf } from "./keys.js";

// The undo window of a decision. The server decides; this only counts down and cleans up.
const ends = new WeakMap();

function tick() {
  const form = document.querySelector("[data-undo]");
  if (!form) return;
  if (!ends.has(form)) ends.set(form, performance.now() + form.dataset.remainingS * 1000);
  const remaining = Math.ceil((ends.get(form) - performance.now()) / 1000);
  if (remaining <= 0 && !form.querySelector(":disabled")) form.remove();
  else form.querySelector("[data-undo-clock]").textContent = `${Math.max(0, remaining)} s`;
}
setInterval(tick, 250);
document.addEventListener("htmx:load", tick);

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || characterOf(event).toLowerCase() !== "z" || event.target.closest("textarea, input, select")) return;
  const button = document.querySelector("[data-undo] button");
  if (!button?.checkVisibility()) return;
  event.preventDefault();
  button.click();
});
