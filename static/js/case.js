// The case in a tab of the page of an item or a submission: fetched when it is opened, because reading it is recorded, and
// closed with the same key or Escape. The page stays as it is: claim, answer, note, zoom. A comment that is being written
// is kept while the tab is closed.
const tabOf = (opener) => document.getElementById(opener.getAttribute("aria-controls"));
const isWriting = (tab) => [...tab.querySelectorAll("textarea")].some((field) => field.value.trim() !== "");

// Where an answer is given, Enter must submit it and not open the tab again.
const placeAfter = (opener) => (document.getElementById("decision") && document.querySelector("#main h1")) || opener;

function toggle(opener, tab) {
  const opens = tab.hidden;
  tab.hidden = !opens;
  opener.setAttribute("aria-expanded", String(opens));
  if (opens && !isWriting(tab)) htmx.ajax("GET", opener.getAttribute("href"), { target: tab, swap: "innerHTML" });
  (opens ? tab : placeAfter(opener)).focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-case-opener]");
  const tab = opener && tabOf(opener);
  if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return; // its page, in another tab of the browser
  event.preventDefault();
  toggle(opener, tab);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const opener = document.querySelector("[data-case-opener][aria-expanded=true]");
  if (opener && !event.target.matches("textarea")) toggle(opener, tabOf(opener));
});
