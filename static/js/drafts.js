import { isAccepted, isInterrupted } from "./outcome.js";

// What a person typed about an item stays in this tab until the decision is recorded: a lost claim, a reload or a crash
// loses nothing. The answer itself is not kept; it has to be given again, but for one that a sign-in interrupted. Another
// person who signs in here neither sees it nor decides with it, and logging out forgets it.
const KEPT = ["unsure", "note", "parts", "methods", "obstacle", "regions", "message", "text", "reason"];
const PUT_ASIDE = "label-put-aside"; // the answer of an item that was skipped or the like: for its undo alone
const OWN = `draft-${document.body.dataset.person ?? ""}-`;
const nameOf = (id) => `${OWN}${id}`;

function keep(form, names = KEPT, label = "label") {
  const given = [...new FormData(form)].filter(([name, value]) => names.includes(name) && value);
  const said = given.map(([name, value]) => [name === "label" ? label : name, value]);
  if (said.length) sessionStorage.setItem(nameOf(form.dataset.draft), JSON.stringify(said));
  else sessionStorage.removeItem(nameOf(form.dataset.draft));
}
for (const sign of ["input", "change"]) {
  document.addEventListener(sign, (event) => {
    const form = event.target.closest("form[data-draft]");
    if (form) keep(form);
  });
}

function clear(field) {
  if (field.matches("[type=checkbox], [type=radio]")) field.checked = false;
  else field.value = "";
}

function restore(root) {
  for (const form of root.querySelectorAll?.("form[data-draft]") ?? []) fill(form);
}

function fill(form) {
  const said = JSON.parse(sessionStorage.getItem(nameOf(form.dataset.draft)) ?? "null");
  // What came back by an undo stands in the form; changes that were made to it since count more.
  if (said && "restored" in form.dataset) for (const field of form.elements) if (KEPT.includes(field.name)) clear(field);
  for (const [name, value] of said ?? []) {
    if (name === PUT_ASIDE && !("restored" in form.dataset)) continue;
    for (const field of form.elements) {
      if (field.name !== (name === PUT_ASIDE ? "label" : name)) continue;
      if (field.matches("[type=checkbox], [type=radio]")) field.checked ||= field.value === value;
      else field.value ||= value;
    }
  }
}

document.addEventListener("submit", ({ target }) => {
  if (!target.matches("form[action$='/logout/']")) return;
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(OWN)) sessionStorage.removeItem(name);
});

document.addEventListener("htmx:load", (event) => restore(event.detail.elt));
restore(document);

// Before the answer's redirect leaves the page: a disabled form tells nothing, so its fields are read as they stand.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  const form = document.querySelector("#decision[data-draft]");
  const isPutAside = isAccepted(detail) && /\/items\/\d+\/(claim\/release|snooze|escalation|handover)\/$/.test(detail.pathInfo?.requestPath ?? "");
  if (!form || !(isPutAside || isInterrupted(detail))) return;
  const disabled = form.querySelectorAll("fieldset:disabled");
  for (const fieldset of disabled) fieldset.disabled = false;
  keep(form, [...KEPT, "label"], isPutAside ? PUT_ASIDE : "label");
  for (const fieldset of disabled) fieldset.disabled = true;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const item = /\/items\/(\d+)\/decision\/$/.exec(event.detail.pathInfo?.requestPath ?? "");
  if (!isAccepted(event.detail)) return;
  if (item) sessionStorage.removeItem(nameOf(item[1]));
});

// Before the answer is shown, whose empty form would be filled with it.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  const sent = detail.requestConfig.elt;
  if (isAccepted(detail) && sent.matches(".case-form[data-draft]")) sessionStorage.removeItem(nameOf(sent.dataset.draft));
});
