// The claim's countdown, and its renewal while the page is in use.
import { announce } from "./announce.js";
import { isSessionEnded } from "./session-ended.js";
import { gettext } from "./texts.js";

const RENEW_EVERY_MS = 30_000;
const ATTENDED_FOR_MS = 5 * 60_000; // after the last sign of a hand, the claim runs down
const URGENT_S = 60;

// Counted by the time since the page was opened: a computer whose clock is set back or forth changes no lease.
const now = () => performance.now();
let lastHand = now();
for (const sign of ["pointermove", "pointerdown", "keydown", "wheel"]) {
  document.addEventListener(sign, () => { lastHand = now(); }, { passive: true });
}

// Element -> when its claim ends and when it was last renewed, in milliseconds since the page was opened.
const clocks = new WeakMap();

function clockOf(claim) {
  if (!clocks.has(claim)) clocks.set(claim, { endsAt: now() + claim.dataset.remainingS * 1000, askedAt: now() });
  return clocks.get(claim);
}

function isAttended() {
  return document.visibilityState === "visible" && document.hasFocus() && now() - lastHand < ATTENDED_FOR_MS;
}

function show(claim, remainingS) {
  claim.querySelector("[data-clock]").textContent = `${Math.floor(remainingS / 60)}:${String(remainingS % 60).padStart(2, "0")}`;
  claim.querySelector(".level").setAttribute("stroke-dasharray", `${(100 * remainingS) / claim.dataset.leaseS} 100`);
  const urgent = remainingS <= URGENT_S;
  if (urgent && !("urgent" in claim.dataset)) announce(gettext("Your claim ends in one minute."));
  claim.toggleAttribute("data-urgent", urgent);
}

function tick() {
  const claim = document.getElementById("claim");
  if (!claim || document.querySelector("[data-claim-lost]") || isSessionEnded()) return;
  const clock = clockOf(claim);
  const remainingMs = clock.endsAt - now();
  show(claim, Math.max(0, Math.ceil(remainingMs / 1000)));
  const sinceAsked = now() - clock.askedAt;
  const renewEveryMs = remainingMs < URGENT_S * 1000 ? 5000 : RENEW_EVERY_MS;
  // Once it is over by this clock (and a second more), the server says so and answers with what to do next.
  const over = remainingMs < -1000 && sinceAsked > 5000;
  if (over || (remainingMs > 0 && isAttended() && sinceAsked >= renewEveryMs)) {
    ask(claim);
  }
}

function ask(claim) {
  clockOf(claim).askedAt = now();
  htmx.trigger(claim, "claim:renew");
}

document.addEventListener("claim:renewed", (event) => {
  const claim = document.getElementById("claim");
  if (!claim) return;
  Object.assign(clockOf(claim), { endsAt: now() + event.detail.remaining_s * 1000, askedAt: now() });
  tick();
});
setInterval(tick, 1000);
// This clock may stand still while the computer sleeps, so the server is asked when the page is looked at again.
document.addEventListener("visibilitychange", () => {
  const claim = document.getElementById("claim");
  const isOver = document.querySelector("[data-claim-lost]") || isSessionEnded();
  if (claim && document.visibilityState === "visible" && !isOver) ask(claim);
});
window.addEventListener("focus", tick);
document.addEventListener("htmx:load", tick);
