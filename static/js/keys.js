// One key per control, named by its data-key attribute, which is also printed on it. A key only does what a click does.
const TYPING = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])";
const PRESSABLE = "button, a[href], summary";

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.target.closest(TYPING)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  // Enter on a focused button presses that button.
  if (event.key === "Enter" && event.target.closest(PRESSABLE)) return;
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const control = document.querySelector(`[data-key="${CSS.escape(name)}"]`);
  if (!control || control.matches(":disabled")) return;
  event.preventDefault();
  if (control.matches("textarea")) control.focus();
  else control.click();
});
