// Say something to screen readers at once and, if asked, to everybody as a toast.
export function announce(text, { visibly = false } = {}) {
  if (!visibly) {
    document.getElementById("announcer").textContent = text;
    return;
  }
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = text;
  document.getElementById("toasts").replaceChildren(toast);
}
