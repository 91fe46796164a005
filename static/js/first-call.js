// The first call of a blind item is sent once; where it was not accepted, again with the next press of any choice, so that a
// lost connection does not leave votes and evidence hidden. One that is made before the picture is there waits for it.
import { isAccepted } from "./outcome.js";
import { shownItem } from "./viewer.js";

const choicesOf = (event) => (event.target.id === "choices" ? event.target : null);

document.addEventListener("htmx:beforeRequest", (event) => {
  const choices = choicesOf(event);
  if (!choices) return;
  if (choices.dataset.call === "answered") event.preventDefault();
  else if (!shownItem()) {
    choices.dataset.call = "early";
    event.preventDefault();
  }
});

document.addEventListener("load", (event) => {
  const choices = event.target.closest?.("[data-viewer]") && document.querySelector("#choices[data-call=early]");
  if (choices) htmx.trigger(choices, "change");
}, { capture: true });

document.addEventListener("htmx:afterRequest", (event) => {
  const choices = choicesOf(event);
  if (choices) choices.dataset.call = isAccepted(event.detail) ? "answered" : "lost";
});

// A choice that is already selected fires no change event.
document.addEventListener("click", (event) => {
  const choices = event.target.closest("#choices[data-call=lost]");
  if (choices && event.target.matches("input")) htmx.trigger(choices, "change");
});
