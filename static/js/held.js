// The next face shows before the server has answered (ahead.js), but its form comes with the answer. Keys
// pressed meanwhile are meant for the visible face, so they wait for its form. No key waits after Enter,
// because the following face was not seen yet, or after the note's key, because text follows. For a blind
// face Enter does not wait either, because its votes were not seen.
let held = null; // the keys, in order, or null while none are to wait
let isBlind = false;

export function begin(isBlinded) {
  held = [];
  isBlind = isBlinded;
}

// Keeps a key of the missing form. Returns false if no control has this key.
export function hold(name) {
  if (!held || !document.querySelector(`#decision [data-key="${CSS.escape(name)}"]`)) return false;
  const last = held.at(-1);
  if (last !== "Enter" && last !== "n" && !(isBlind && name === "Enter")) held.push(name);
  return true;
}

// Returns the waiting keys and clears them.
export function end() {
  const keys = held ?? [];
  held = null;
  return keys;
}
