// Behaviour is bound to the document and to data attributes, so that swapped-in content needs no set-up of its own.
import "./keys.js";
import "./claim.js";
import "./suggested.js"; // before drafts: what was chosen on this page counts more
import "./drafts.js"; // before the viewer, which takes drawn boxes from the form
import "./viewer.js";
import "./ahead.js";
import "./first-call.js";
import "./queue.js";
import "./undo.js";
import "./pause.js";
import "./guidance.js";
import "./menus.js";
import "./case.js";
import "./seen.js";
import "./campaign.js";
import "./session-ended.js";
import "./passkeys.js";
import { announce } from "./announce.js";
import { gettext } from "./texts.js";

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
});

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

// An alert leads to its details on the same page, opened if they are folded; the address stays the item's.
document.addEventListener("click", (event) => {
  const place = document.getElementById(event.target.closest("[data-leads-to]")?.dataset.leadsTo ?? "");
  if (!place) return;
  event.preventDefault();
  place.scrollIntoView({ block: "start" });
  place.focus({ preventScroll: true });
});

// The message about a missing choice disappears once there is a choice.
document.addEventListener("change", (event) => {
  if (event.target.name === "label") document.getElementById("problem")?.replaceChildren();
});

// A new page in #main starts at its heading, for the keyboard and for screen readers.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "main") document.querySelector("#main h1")?.focus({ preventScroll: true });
});

// A refusal comes from the server; a lost answer may belong to a change that was made, so the message does
// not deny it.
document.addEventListener("htmx:responseError", (event) => {
  const { status, responseText } = event.detail.xhr;
  const page = new DOMParser().parseFromString([400, 403].includes(status) ? responseText : "", "text/html");
  const reason = page.querySelector("[data-reason]")?.textContent.trim();
  announce(reason || (status === 403 ? gettext("This is not allowed.") : gettext("Something failed (%(status)s). Load the page again to see where things stand.", { status })), { visibly: true });
});
document.addEventListener("htmx:sendError", () => announce(gettext("No connection. Try again in a moment."), { visibly: true }));
