// After a long stretch without a break, a line in the bar suggests one. It stays until the next decision; nothing about it
// leaves this browser.
import { announce } from "./announce.js";
import { isAccepted } from "./outcome.js";

const MINUTE_MS = 60_000;
const STRETCH_MS = 45 * MINUTE_MS;
const BREAK_MS = 5 * MINUTE_MS; // without a decision for this time, a new stretch begins
const AGAIN_MS = 20 * MINUTE_MS;
const KEY = "stretch"; // {began, last, told} in milliseconds since 1970, shared by the tabs of this browser

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!/\/items\/\d+\/decision\/$/.test(detail.pathInfo?.requestPath ?? "") || !isAccepted(detail)) return;
  const now = Date.now();
  const kept = read();
  const goesOn = now - kept.last < BREAK_MS && kept.last <= now;
  const stretch = goesOn ? { ...kept, last: now } : { began: now, last: now, told: 0 };
  const minutes = Math.round((now - stretch.began) / MINUTE_MS);
  if (now - stretch.began >= STRETCH_MS && now - stretch.told >= AGAIN_MS) {
    stretch.told = now;
    announce(`${minutes} minutes without a break. A few minutes away help more than a few more faces.`, { visibly: true });
    document.querySelector("#toasts .toast")?.classList.add("lasting");
  }
  localStorage.setItem(KEY, JSON.stringify(stretch));
});
