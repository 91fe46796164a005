// A classic, blocking script on purpose, so that the page does not flash in the other theme. Without a stored
// choice, the system's theme is used.
const chosenTheme = localStorage.getItem("theme");
document.documentElement.classList.add("scripts"); // style sheets prepare the room of what scripts build
if (chosenTheme) document.documentElement.dataset.theme = chosenTheme;

// The server writes times in the reader's zone (accounts/time_zones.py).
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const isSecure = location.protocol === "https:" ? "; secure" : "";
if (zone) document.cookie = `time_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax${isSecure}`;
