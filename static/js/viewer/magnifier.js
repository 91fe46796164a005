// A magnifier at the cursor, at the same place of every pane: the pixels of the picture that was sent, as squares. It goes
// with the pointer, and with the arrow keys while the picture has the focus.
const SIDE_PX = 190;
const SHARE = 0.6; // of the shorter side of the pane, where that is small
const FACTORS = [0, 4, 8]; // screen pixels per pixel of the picture; 0 is off
const STEPS = 8; // key presses from one border of the magnifier to the other

export const nextFactor = (factor) => FACTORS[(FACTORS.indexOf(factor) + 1) % FACTORS.length];

const sideIn = (pane) => Math.min(SIDE_PX, SHARE * Math.min(pane.width, pane.height));

// Screen pixels per unit of the pane's own coordinates: a picture that was reduced has fewer pixels than units. Always
// more than the pane shows already.
function zoomIn(pane, picture, factor, shown) {
  return Math.max((factor * (pane.base?.naturalWidth ?? picture.width)) / picture.width, 2 * shown);
}

// On the canvas of the photograph, so that gain and tone apply to it as well.
export function drawMagnified(pane, context, { camera, picture, cursor, factor, shown, at }) {
  const side = sideIn(pane);
  const zoom = zoomIn(pane, picture, factor, shown);
  context.save();
  context.setTransform(pane.dpr, 0, 0, pane.dpr, 0, 0);
  context.beginPath();
  context.rect(at.x - side / 2, at.y - side / 2, side, side);
  context.clip();
  context.fillStyle = "#777";
  context.fill();
  context.setTransform(new DOMMatrix()
    .scale(pane.dpr)
    .translate(at.x, at.y)
    .scale(camera.mirrored ? -zoom : zoom, zoom)
    .rotate(90 * camera.turn)
    .translate(-cursor.x, -cursor.y));
  context.imageSmoothingEnabled = false;
  pane.paint(context, picture);
  pane.paintOverlay(context, picture);
  context.restore();
}

export function drawFrame(pane, context, at, factor) {
  const side = sideIn(pane);
  for (const [width, colour] of [[4, "rgb(0 0 0 / 0.55)"], [2, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.strokeRect(at.x - side / 2, at.y - side / 2, side, side);
  }
  context.font = "600 12px system-ui, sans-serif";
  context.fillStyle = "rgb(0 0 0 / 0.66)";
  context.fillRect(at.x - side / 2 + 1, at.y + side / 2 - 19, 28, 18);
  context.fillStyle = "#fff";
  context.fillText(`${factor}×`, at.x - side / 2 + 6, at.y + side / 2 - 6);
}

// Where an arrow key takes it, in the photograph's coordinates; from the middle of the view where it was nowhere.
export function moved(stage, [dx, dy]) {
  const { camera, first, picture } = stage;
  const matrix = camera.matrix(first, picture);
  const from = matrix.transformPoint(stage.cursor ?? stage.lastCursor ?? { x: camera.x * picture.width, y: camera.y * picture.height });
  const shown = camera.fit(first, picture) * camera.scale;
  const step = (sideIn(first) * shown) / zoomIn(first, picture, stage.settings.magnifier, shown) / STEPS;
  const to = { x: from.x + dx * step, y: from.y + dy * step };
  const inside = { x: Math.min(Math.max(to.x, 0), first.width), y: Math.min(Math.max(to.y, 0), first.height) };
  const at = matrix.inverse().transformPoint(inside);
  return { x: Math.min(Math.max(at.x, 0), picture.width), y: Math.min(Math.max(at.y, 0), picture.height) };
}
