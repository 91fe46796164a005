// Tabs (WAI-ARIA authoring practices, "Tabs"): without this script all panels are shown one below the other.
// The chosen tab is kept for the session; a list's page in the address (?runs=2) chooses its tab.

function chosen(panels, kept) {
  const asked = panels.find((panel) => new URLSearchParams(location.search).has(panel.dataset.tab));
  const before = panels.find((panel) => panel.dataset.tab === sessionStorage.getItem(kept));
  return asked ?? before ?? panels.find((panel) => "tabFirst" in panel.dataset) ?? panels[0];
}

function build(place) {
  const panels = [...place.querySelectorAll(":scope > [data-tab]")].filter((panel) => panel.firstElementChild);
  const kept = `tab:${location.pathname}`;
  const list = place.querySelector(":scope > .tab-list");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", place.dataset.tabs);
  const buttons = panels.map((panel, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = panel.dataset.tabTitle;
    button.id = `tab-${number}`;
    panel.id = `tab-panel-${number}`;
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    button.addEventListener("click", () => show(panel));
    list.append(button);
    return button;
  });
  function show(panel) {
    panels.forEach((other, number) => {
      const here = other === panel;
      other.hidden = !here;
      buttons[number].setAttribute("aria-selected", String(here));
      buttons[number].tabIndex = here ? 0 : -1;
    });
    sessionStorage.setItem(kept, panel.dataset.tab);
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    event.preventDefault();
    buttons[next].focus();
    show(panels[next]);
  });
  place.dataset.ready = "";
  show(chosen(panels, kept));
}

document.querySelectorAll("[data-tabs]").forEach(build);
