// The guide to a first look folds away, and stays as the person left it. The choice is sent on a press of its heading: an
// element that arrives open tells so, too, as if somebody had opened it.
document.addEventListener("click", ({ target }) => {
  const guide = target.closest("summary")?.parentElement;
  if (!guide?.matches("[data-folds]")) return;
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  const body = new URLSearchParams(guide.open ? { folds: "on" } : {}); // it is about to change
  fetch(guide.dataset.folds, { method: "POST", headers, body, keepalive: true }).catch(() => null);
});
