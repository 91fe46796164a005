// Announces a text to screen readers and, on request, shows it as a toast.
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
