// After a long stretch without a break, or when pace or known answers have changed, a line in the bar suggests one. It stays
// until the next decision. The stretch is known to this browser alone; the server knows the rest and is asked now and then.
import { announce } from "./announce.js";
import { isAccepted } from "./outcome.js";
import { gettext } from "./texts.js";

const MINUTE_MS = 60_000;
const STRETCH_MS = 45 * MINUTE_MS;
const BREAK_MS = 5 * MINUTE_MS; // without a decision for this time, a new stretch begins
const AGAIN_MS = { stretch: 20 * MINUTE_MS, pace: 20 * MINUTE_MS, known_answers: 12 * 60 * MINUTE_MS };
const ASKED_EVERY = 10; // decisions
const KEY = `stretch-${document.body.dataset.person ?? ""}`; // {began, last, count, told: {kind: when}} in milliseconds since 1970, shared by the tabs of this browser

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function suggest(kind, sentence) {
  const kept = read();
  const now = Date.now();
  if (now - (kept.told?.[kind] ?? 0) < AGAIN_MS[kind]) return false;
  localStorage.setItem(KEY, JSON.stringify({ ...kept, told: { ...kept.told, [kind]: now } }));
  announce(sentence, { visibly: true });
  document.querySelector("#toasts .toast")?.classList.add("lasting");
  return true;
}

async function ask(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  for (const [kind, sentence] of Object.entries(await answer.json())) if (suggest(kind, sentence)) return;
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!/\/items\/\d+\/decision\/$/.test(detail.pathInfo?.requestPath ?? "") || !isAccepted(detail)) return;
  const now = Date.now();
  const kept = read();
  const goesOn = now - kept.last < BREAK_MS && kept.last <= now;
  const told = typeof kept.told === "object" ? kept.told : {};
  const count = (kept.count ?? 0) + 1;
  const stretch = { began: goesOn ? kept.began : now, last: now, count, told: goesOn ? told : { ...told, stretch: 0 } };
  localStorage.setItem(KEY, JSON.stringify(stretch));
  const minutes = Math.round((now - stretch.began) / MINUTE_MS);
  const words = gettext("%(minutes)s minutes without a break. A few minutes away help more than a few more faces.", { minutes });
  if (now - stretch.began >= STRETCH_MS && suggest("stretch", words)) return;
  const address = document.querySelector("form[data-pause]")?.dataset.pause;
  if (address && count % ASKED_EVERY === 0) ask(address);
});
