// The list of the queue: choosing several rows. While something is chosen, the list is not refreshed, so that no row
// moves under the hand.
const list = () => document.querySelector("[data-choosing]");
const boxes = () => [...(list()?.querySelectorAll("input[name=item]") ?? [])];
const isBusy = () => boxes().some((box) => box.checked) || Boolean(list()?.querySelector("select:focus, option:focus"));

document.addEventListener("change", ({ target }) => {
  if (!target.closest("[data-choosing]")) return;
  if (target.matches("[data-choose-all]")) for (const box of boxes()) box.checked = target.checked;
  const number = boxes().filter((box) => box.checked).length;
  const all = list().querySelector("[data-choose-all]");
  if (all) Object.assign(all, { checked: number > 0 && number === boxes().length, indeterminate: number > 0 && number < boxes().length });
  list().querySelector("[data-chosen]").textContent = number;
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id === "queue" && isBusy()) event.preventDefault();
});
