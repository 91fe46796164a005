// Wheel, drag, pinch and the drawing of boxes. All panes have the same size, so a change applies to all of
// them.
const PER_WHEEL_PX = 0.0016;

export function bindPointers(stage) {
  const { root } = stage;
  const fingers = new Map();
  const place = (event) => {
    const pane = stage.panes.find(({ element }) => element.contains(event.target)) ?? stage.first;
    const frame = pane.element.getBoundingClientRect();
    return { pane, point: { x: event.clientX - frame.left, y: event.clientY - frame.top } };
  };
  const inPicture = ({ pane, point }) => {
    const size = pane.sizeOf(stage.picture);
    const at = stage.camera.matrix(pane, size).inverse().transformPoint(point);
    return { x: (at.x * stage.picture.width) / size.width, y: (at.y * stage.picture.height) / size.height };
  };

  root.addEventListener("wheel", (event) => {
    if (event.target.closest(".pane-head, .pane-message")) return;
    event.preventDefault();
    const { pane, point } = place(event);
    const delta = event.deltaMode ? event.deltaY * 30 : event.deltaY;
    stage.camera.zoomTo(stage.camera.scale * Math.exp(-delta * (event.ctrlKey ? 5 : 1) * PER_WHEEL_PX), pane, pane.sizeOf(stage.picture), point);
    stage.keep();
  }, { passive: false });

  root.addEventListener("pointerdown", (event) => {
    if (event.button || event.target.closest(".pane-head, .pane-message")) return;
    root.setPointerCapture(event.pointerId);
    const at = place(event);
    fingers.set(event.pointerId, { ...at, x: event.clientX, y: event.clientY });
    if (stage.figure.hasAttribute("data-marking")) stage.start = inPicture(at);
    root.toggleAttribute("data-dragging", !stage.start);
  });

  root.addEventListener("pointermove", (event) => {
    const held = fingers.get(event.pointerId);
    const at = held ? { pane: held.pane, point: pointIn(held.pane, event) } : place(event);
    stage.hovered = at.pane;
    stage.cursor = inPicture(at);
    if (held && stage.start) stage.draft = boxBetween(stage.start, stage.cursor, stage.picture);
    else if (held && fingers.size === 2) pinch(stage, fingers, held, event);
    else if (held) stage.camera.pan(event.clientX - held.x, event.clientY - held.y, held.pane, held.pane.sizeOf(stage.picture));
    if (held) Object.assign(held, { x: event.clientX, y: event.clientY });
    stage.cursor = inPicture(at); // the picture may have moved under the hand
    if (held && !stage.start) stage.keep();
    else stage.draw();
  });

  for (const end of ["pointerup", "pointercancel"]) {
    root.addEventListener(end, (event) => {
      fingers.delete(event.pointerId);
      root.removeAttribute("data-dragging");
      if (stage.draft && end === "pointerup") stage.addBox(stage.draft);
      stage.start = stage.draft = null;
      stage.draw();
    });
  }
  root.addEventListener("pointerleave", () => { stage.lastCursor = stage.cursor; stage.cursor = stage.hovered = null; stage.draw(); });
  root.addEventListener("dblclick", (event) => {
    const { pane, point } = place(event);
    const fit = stage.camera.fit(pane, stage.picture);
    if (stage.camera.scale === 1) stage.camera.zoomTo(Math.max(2, 2 / fit), pane, stage.picture, point);
    else stage.camera.reset();
    stage.keep();
  });
}

function pointIn(pane, event) {
  const frame = pane.element.getBoundingClientRect();
  return { x: event.clientX - frame.left, y: event.clientY - frame.top };
}

function pinch(stage, fingers, moved, event) {
  const other = [...fingers.values()].find((finger) => finger !== moved);
  const spread = (x, y) => Math.hypot(x - other.x, y - other.y);
  const before = spread(moved.x, moved.y);
  if (!before) return;
  const frame = moved.pane.element.getBoundingClientRect();
  const middle = { x: (event.clientX + other.x) / 2 - frame.left, y: (event.clientY + other.y) / 2 - frame.top };
  stage.camera.zoomTo((stage.camera.scale * spread(event.clientX, event.clientY)) / before, moved.pane, stage.picture, middle);
}

// A box in fractions of the picture, cut at its border; null while it is only a click.
function boxBetween(from, to, { width, height }) {
  const clip = (value, limit) => Math.min(Math.max(value / limit, 0), 1);
  const [x1, x2] = [clip(from.x, width), clip(to.x, width)].sort((a, b) => a - b);
  const [y1, y2] = [clip(from.y, height), clip(to.y, height)].sort((a, b) => a - b);
  return x2 - x1 < 0.01 || y2 - y1 < 0.01 ? null : { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
}
