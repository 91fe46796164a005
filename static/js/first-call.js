// The first call of a blind item is sent once; where no answer came, again with the next press of any choice, so that a
// lost connection does not leave votes and evidence hidden.
const of = (event) => (event.target.id === "choices" ? event.target : null);

document.addEventListener("htmx:beforeRequest", (event) => {
  if (of(event)?.dataset.call === "answered") event.preventDefault();
});

document.addEventListener("htmx:afterRequest", (event) => {
  const choices = of(event);
  if (choices) choices.dataset.call = event.detail.successful ? "answered" : "lost";
});

// The choice that is made already gives no change of its own.
document.addEventListener("click", (event) => {
  const choices = event.target.closest("#choices[data-call=lost]");
  if (choices && event.target.matches("input")) htmx.trigger(choices, "change");
});
