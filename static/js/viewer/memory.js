// What a reviewer set stays set for the next item, and as long as the window is open; but each picture starts whole unless the
// person keeps the zoom (`camera`).
const KEY = "viewer";
const INITIAL = { camera: null, panes: [], grid: false, magnifier: 0, quality: null, gain: 1, opacity: 0.6, tone: { brightness: 1, contrast: 1, gamma: 1 } };

export function recall() {
  try {
    return { ...structuredClone(INITIAL), ...JSON.parse(sessionStorage.getItem(KEY)) };
  } catch {
    return structuredClone(INITIAL);
  }
}

export function remember(settings) {
  sessionStorage.setItem(KEY, JSON.stringify(settings));
}
