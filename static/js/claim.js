// The claim's countdown, and its renewal while the page is in use.
import { announce } from "./announce.js";

const RENEW_EVERY_MS = 30_000;
const ATTENDED_FOR_MS = 5 * 60_000; // after the last sign of a hand, the claim runs down
const URGENT_S = 60;

let lastHand = Date.now();
for (const sign of ["pointermove", "pointerdown", "keydown", "wheel"]) {
  document.addEventListener(sign, () => { lastHand = Date.now(); }, { passive: true });
}

// Element -> when its claim ends and when it was last renewed, in this browser's clock.
const clocks = new WeakMap();

function clockOf(claim) {
  if (!clocks.has(claim)) clocks.set(claim, { endsAt: Date.now() + claim.dataset.remainingS * 1000, askedAt: Date.now() });
  return clocks.get(claim);
}

function isAttended() {
  return document.visibilityState === "visible" && document.hasFocus() && Date.now() - lastHand < ATTENDED_FOR_MS;
}

function show(claim, remainingS) {
  claim.querySelector("[data-clock]").textContent = `${Math.floor(remainingS / 60)}:${String(remainingS % 60).padStart(2, "0")}`;
  claim.querySelector(".level").setAttribute("stroke-dasharray", `${(100 * remainingS) / claim.dataset.leaseS} 100`);
  const urgent = remainingS <= URGENT_S;
  if (urgent && !("urgent" in claim.dataset)) announce("Your claim ends in one minute.");
  claim.toggleAttribute("data-urgent", urgent);
}

function tick() {
  const claim = document.getElementById("claim");
  if (!claim || document.querySelector("[data-claim-lost]")) return;
  const clock = clockOf(claim);
  const remainingMs = clock.endsAt - Date.now();
  show(claim, Math.max(0, Math.ceil(remainingMs / 1000)));
  const sinceAsked = Date.now() - clock.askedAt;
  // When it has ended by this clock (plus one second), the server confirms it and answers with the next step.
  const over = remainingMs < -1000 && sinceAsked > 5000;
  if (over || (remainingMs > 0 && isAttended() && sinceAsked >= RENEW_EVERY_MS)) {
    clock.askedAt = Date.now();
    htmx.trigger(claim, "claim:renew");
  }
}

document.addEventListener("claim:renewed", (event) => {
  clockOf(event.target).endsAt = Date.now() + event.detail.remaining_s * 1000;
  tick();
});
setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
window.addEventListener("focus", tick);
document.addEventListener("htmx:load", tick);
