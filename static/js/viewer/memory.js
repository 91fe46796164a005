// Settings of the viewer are kept for the next item, as long as the window is open.
const KEY = "viewer";
const INITIAL = { panes: [], x: 0.5, y: 0.5, scale: 1, grid: false, quality: null, opacity: 0.6, tone: { brightness: 1, contrast: 1, gamma: 1 } };

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
