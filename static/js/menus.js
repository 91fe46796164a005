// The small menus of the item's page. One closes with Escape, a click outside, and a choice. The focus moves into a list that
// was fetched, and back out of a menu that closes, so that the keyboard never loses its place.
const MENUS = "details:is(.aside-menu, .tones-menu, [data-fetches])";
const opened = () => document.querySelectorAll(`${MENUS}[open]`);
const holdsFocus = (menu) => menu.contains(document.activeElement) && !document.activeElement.matches("summary");

function close(menu) {
  if (holdsFocus(menu)) menu.querySelector("summary").focus();
  menu.removeAttribute("open");
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) opened().forEach(close);
}, { capture: true }); // before the key takes the focus out of a field

document.addEventListener("pointerdown", ({ target }) => {
  for (const menu of opened()) if (!menu.contains(target)) menu.removeAttribute("open");
});

// Its own key, or a click on its name, is about to close an open menu.
document.addEventListener("click", ({ target }) => {
  const menu = target.closest("summary")?.parentElement;
  if (menu?.matches(`${MENUS}[open]`) && holdsFocus(menu)) menu.querySelector("summary").focus();
}, { capture: true });

// Small pictures are fetched when their menu is opened: each look at them is recorded.
document.addEventListener("toggle", ({ target }) => {
  if (target.matches?.("[data-fetches]") && target.open) htmx.trigger(target.querySelector("[data-fetched-into]"), target.dataset.fetches);
}, { capture: true });

// A menu would cover an error message; a list that was fetched gets the focus.
document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  if (target?.id === "problem") document.querySelectorAll("details.aside-menu[open]").forEach(close);
  if (target?.matches("[data-fetches][open] > [data-fetched-into]")) target.querySelector("button, a[href]")?.focus();
});
