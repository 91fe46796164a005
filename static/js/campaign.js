// The page of a campaign: which pictures were seen, how many are chosen, and the controls for both.
const form = document.querySelector("[data-campaign]");

const members = () => [...form.querySelectorAll("[data-member]")];
const isSeen = (member) => "looked" in member.dataset;
const box = (member) => member.querySelector("input[name=members]");

function show() {
  const all = members();
  const counts = { seen: all.filter(isSeen).length, chosen: all.filter((member) => box(member).checked).length };
  for (const [name, number] of Object.entries(counts)) form.querySelector(`[data-count=${name}]`).textContent = number;
  form.querySelector("[data-choose-seen]").disabled = counts.seen === 0;
  form.querySelector("[data-next-unseen]").disabled = counts.seen === all.length;
}

function nextUnseen() {
  const member = members().find((one) => !isSeen(one));
  member?.scrollIntoView({ block: "center" });
  if (member) box(member).focus({ preventScroll: true });
}

if (form) {
  form.addEventListener("look:recorded", ({ target }) => {
    target.closest("[data-member]").dataset.looked = "";
    show();
  });
  form.addEventListener("change", show);
  form.querySelector("[data-next-unseen]").addEventListener("click", nextUnseen);
  form.querySelector("[data-choose-seen]").addEventListener("click", () => {
    for (const member of members().filter(isSeen)) box(member).checked = true;
    show();
  });
  window.addEventListener("pageshow", show); // the browser restores choices after going back
  show();
}
