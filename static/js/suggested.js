// Why a face cannot be assessed. What a check found is chosen beforehand, unless the reviewer chose a reason; of a blind item
// it becomes known with the first call, when the form stands there already. The applicant is told the reason, so it is always
// in view: its chip is scrolled to, the Submit button repeats it, and screen readers hear it.
import { announce } from "./announce.js";
import { gettext } from "./texts.js";

let told = ""; // the item and the reason that were announced last

const reasonText = (words) => gettext("Reason: %(words)s", { words });
// Nouns keep their capitals in other languages.
const inSentence = (words) => (document.documentElement.lang === "en" ? words.toLowerCase() : words);
const reasonsOf = (form) => [...form.querySelectorAll("input[name=obstacle]")];

function suggest(form) {
  const reason = document.getElementById("known")?.dataset.suggests;
  const reasons = reasonsOf(form);
  if (!reason || reasons.some((choice) => choice.checked)) return;
  const choice = reasons.find((one) => one.value === reason);
  if (choice) choice.checked = true;
}

function show(form) {
  const cannotTell = form.querySelector("input[name=label][value=not_assessable]")?.checked;
  const choice = cannotTell && reasonsOf(form).find((one) => one.checked);
  const words = choice ? choice.closest("label").querySelector("span").textContent.trim() : "";
  const repeated = form.querySelector("[data-chosen-reason]");
  if (repeated) repeated.textContent = words && reasonText(inSentence(words));
  const now = words && `${form.dataset.draft} ${words}`;
  if (now && now !== told) announce(reasonText(words));
  told = now;
  if (choice) scrollTo(choice.closest("label"));
}

// Inside the list of chips alone: the page and the panel stay where they are.
function scrollTo(chip) {
  const list = chip.parentElement;
  const [outer, inner] = [list, chip].map((element) => element.getBoundingClientRect());
  if (inner.top < outer.top || inner.bottom > outer.bottom) list.scrollTop += inner.top - outer.top - 4;
}

function refresh() {
  const form = document.getElementById("decision");
  if (!form) return;
  suggest(form);
  setTimeout(() => show(form)); // after drafts.js has restored what was chosen before
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("#decision");
  if (form && ["label", "obstacle"].includes(event.target.name)) show(form);
});
document.addEventListener("htmx:load", refresh);
refresh();
