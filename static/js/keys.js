// One key per control, named by its data-key attribute, which is also printed on it. A key only does what a click does.
// A person may choose other keys, or none: <body data-keys='{"s": "x"}' data-keys-off>.
import { hold } from "./held.js";

const TYPING = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])";
const PRESSABLE = "button, a[href], summary";

const chosen = JSON.parse(document.body.dataset.keys || "{}"); // printed key -> the person's key
const printed = Object.fromEntries(Object.entries(chosen).map(([key, own]) => [own, key]));
const isOff = "keysOff" in document.body.dataset;

const isShown = (control) => (control.checkVisibility?.() ?? true) && !control.matches(":disabled");

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.isComposing) return;
  // Enter in the note begins a line; with Ctrl, or Command, it submits from there.
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("#decision textarea")) {
    if (press("Enter")) event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.target.closest(TYPING)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  // Enter on a focused button presses that button.
  if (isOff || (event.key === "Enter" && event.target.closest(PRESSABLE))) return;
  const name = nameOf(event);
  if (name && (press(name) || hold(name))) event.preventDefault();
});

// Keyboards without a Latin letter (Greek, Cyrillic, Arabic ...) or without a plain digit (French) have it at its place
// on the US layout: the physical key counts where the layout has no such character, and a person's own key before that.
// A Latin layout has its letters somewhere, so there a letter's place says nothing.
const isLatin = (key) => /^[\x20-\x7e]$/.test(key);
export function characterOf({ key, code = "", shiftKey }) {
  if (key.length !== 1 || key.toLowerCase() in printed || isUsed(key)) return key;
  const [, letter] = /^Key([A-Z])$/.exec(code) ?? [];
  if (letter && !isLatin(key) && /[\p{L}\p{M}]/u.test(key)) return shiftKey ? letter : letter.toLowerCase();
  const [, digit] = /^Digit([0-9])$/.exec(code) ?? [];
  return digit && !shiftKey && !/[0-9]/.test(key) ? digit : key;
}

const isUsed = (key) => [key, key.toLowerCase()].some((name) => document.querySelector(`[data-key="${CSS.escape(name)}"]`));

// A capital letter names a key pressed with Shift; where no control has it, Shift changes nothing.
function nameOf(event) {
  const { shiftKey } = event;
  const key = characterOf(event);
  const small = key.length === 1 ? key.toLowerCase() : key;
  const capital = shiftKey && small !== key ? key : null;
  const isKnown = capital && (capital in printed || document.querySelector(`[data-key="${CSS.escape(capital)}"]`));
  const pressed = isKnown ? capital : small;
  return printed[pressed] ?? (pressed in chosen ? null : pressed);
}

// Triggers the control with the key `name`; returns false if no visible control has it.
export function press(name) {
  const control = [...document.querySelectorAll(`[data-key="${CSS.escape(name)}"]`)].find(isShown);
  if (!control) return false;
  if (control.matches("textarea")) control.focus();
  else control.click();
  control.closest(".chip")?.scrollIntoView({ block: "nearest", inline: "nearest" }); // their list may be longer than its line
  return true;
}

const isCapital = (key) => key.length === 1 && key !== key.toLowerCase();
const spelled = (key) => (isCapital(key) ? `⇧${key}` : key.length === 1 ? key.toUpperCase() : key);

// Buttons and the list of keys show the current keys.
function print(root) {
  if (!isOff && !Object.keys(chosen).length) return;
  for (const cap of root.querySelectorAll?.("[data-for-key]") ?? []) {
    const own = chosen[cap.dataset.forKey];
    if (own) cap.textContent = spelled(own);
  }
  for (const note of root.querySelectorAll?.("[data-off-note]") ?? []) note.hidden = !isOff;
  for (const control of root.querySelectorAll?.("[data-key]") ?? []) {
    const cap = (control.closest("label") ?? control).querySelector("kbd") ?? control.labels?.[0]?.querySelector("kbd");
    if (!cap) continue;
    cap.hidden = isOff;
    const own = chosen[control.dataset.key];
    if (own) cap.textContent = spelled(own);
  }
}
document.addEventListener("htmx:load", (event) => print(event.detail.elt));
print(document);
