import { isAccepted } from "./outcome.js";

// Unsent input for an item stays in this tab until its decision is recorded, also after a lost claim, a
// reload or a crash. The answer itself is not kept and has to be given again.
const KEPT = ["note", "parts", "methods", "obstacle", "regions", "message"];
const nameOf = (id) => `draft-${id}`;

function keep(event) {
  const form = event.target.closest("form[data-draft]");
  if (!form) return;
  const said = [...new FormData(form)].filter(([name, value]) => KEPT.includes(name) && value);
  if (said.length) sessionStorage.setItem(nameOf(form.dataset.draft), JSON.stringify(said));
  else sessionStorage.removeItem(nameOf(form.dataset.draft));
}
for (const sign of ["input", "change"]) document.addEventListener(sign, keep);

function restore(root) {
  const form = root.querySelector?.("form[data-draft]");
  const said = form && JSON.parse(sessionStorage.getItem(nameOf(form.dataset.draft)) ?? "null");
  for (const [name, value] of said ?? []) {
    for (const field of form.elements) {
      if (field.name !== name) continue;
      if (field.matches("[type=checkbox], [type=radio]")) field.checked ||= field.value === value;
      else field.value ||= value;
    }
  }
}

document.addEventListener("htmx:load", (event) => restore(event.detail.elt));
restore(document);

document.addEventListener("htmx:afterRequest", (event) => {
  const item = /\/items\/(\d+)\/decision\/$/.exec(event.detail.pathInfo?.requestPath ?? "");
  if (item && isAccepted(event.detail)) sessionStorage.removeItem(nameOf(item[1]));
});
