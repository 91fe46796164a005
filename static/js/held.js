// The next face shows before the server has answered (ahead.js), but its form comes with the answer. What is pressed
// meanwhile is meant for the face that is seen, so the form's keys wait for it. Not beyond its Enter, for the face after
// it was not seen yet; not beyond its note's, for what follows is text; and of a face that is looked at blind not the
// Enter either, for its votes were not seen.
let held = null; // the keys, in order, or null while none are to wait
let isBlind = false;

export function begin(isVeiled) {
  held = [];
  isBlind = isVeiled;
}

// Keep a key of the form that is gone. False where it is nobody's.
export function hold(name) {
  if (!held || !document.querySelector(`#decision [data-key="${CSS.escape(name)}"]`)) return false;
  const last = held.at(-1);
  if (last !== "Enter" && last !== "n" && !(isBlind && name === "Enter")) held.push(name);
  return true;
}

// Those that waited; none wait any longer.
export function end() {
  const keys = held ?? [];
  held = null;
  return keys;
}
