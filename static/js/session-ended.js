// The page asks for evidence and renews its claim by itself. When the session has ended meanwhile, such a request must
// not lead away from what a person is entering: a sentence with a link takes its place.
import { isSignedOut } from "./outcome.js";

const ATTENDED_FORM = "#decision";
const BY_ITSELF = new Set(["claim:renew"]);

export const isSessionEnded = () => Boolean(document.querySelector("[data-session-ended]"));

// A request that no click, key or form caused: of a poll htmx knows no event.
const isByItself = ({ triggeringEvent: event }) => !event || BY_ITSELF.has(event.type);

// A poll is no act of a person, so it does not keep the session alive (accounts/sessions/activity.py).
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!detail.triggeringEvent) detail.headers["X-Polling"] = "1";
});

document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (!isSignedOut({ xhr }) || !isByItself(requestConfig) || !document.querySelector(ATTENDED_FORM)) return;
  event.preventDefault();
  const notice = document.getElementById("session-ended").content.cloneNode(true);
  notice.querySelector("a").href = xhr.getResponseHeader("HX-Redirect");
  document.getElementById("problem").replaceChildren(notice);
});
