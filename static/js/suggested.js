// What a check found is chosen beforehand as the reason why a face cannot be assessed, unless the reviewer chose one.
// Of a blind item it becomes known with the first call, when the form stands there already.
function suggest(root) {
  const known = root.id === "known" ? root : root.querySelector?.("#known");
  const reason = known?.dataset.suggests;
  const reasons = [...document.querySelectorAll("#decision input[name=obstacle]")];
  if (!reason || reasons.some((choice) => choice.checked)) return;
  const choice = reasons.find((one) => one.value === reason);
  if (choice) choice.checked = true;
}

document.addEventListener("htmx:load", (event) => suggest(event.detail.elt));
suggest(document);
