// A classic, blocking script on purpose, so that the page does not flash in the other theme. Without a stored
// choice, the system's theme is used.
const chosenTheme = localStorage.getItem("theme");
if (chosenTheme) document.documentElement.dataset.theme = chosenTheme;
