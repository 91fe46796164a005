// Classic and blocking on purpose: the page must not flash in the other theme. No choice stored: the system's.
const chosenTheme = localStorage.getItem("theme");
if (chosenTheme) document.documentElement.dataset.theme = chosenTheme;
