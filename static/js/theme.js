// A classic, blocking script on purpose, so that the page does not flash in the other theme. Without a stored
// choice, the system's theme is used.
const chosenTheme = localStorage.getItem("theme");
document.documentElement.classList.add("scripts"); // style sheets prepare the room of what scripts build
if (chosenTheme) document.documentElement.dataset.theme = chosenTheme;

// The server writes times in the reader's zone (accounts/time_zones.py). Over TLS the name has the prefix that keeps
// other hosts of the domain from setting it (kyc_review/settings/http.py).
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const [prefix, isSecure] = location.protocol === "https:" ? ["__Host-", "; secure"] : ["", ""];
const zoneCookie = `${prefix}time_zone=${encodeURIComponent(zone)}`;
if (zone) document.cookie = `${zoneCookie}; path=/; max-age=31536000; samesite=lax${isSecure}`;
