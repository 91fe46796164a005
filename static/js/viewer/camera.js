// One camera for all panes: where it looks (in fractions of the picture, so that it survives to a picture of another
// size), how near (1 = the whole picture just fits), and how the picture is turned.
const NEAREST_PX = 48; // a picture's pixel never becomes larger than this on the screen
const FARTHEST = 0.5;

export class Camera {
  constructor() {
    Object.assign(this, { x: 0.5, y: 0.5, scale: 1, turn: 0, mirrored: false });
  }

  // CSS pixels per pixel of the picture when it just fits.
  fit(pane, picture) {
    const [width, height] = this.turn % 2 ? [picture.height, picture.width] : [picture.width, picture.height];
    return Math.min(pane.width / width, pane.height / height);
  }

  // From the picture's pixels to the pane's CSS pixels.
  matrix(pane, picture) {
    const zoom = this.fit(pane, picture) * this.scale;
    return new DOMMatrix()
      .translate(pane.width / 2, pane.height / 2)
      .scale(this.mirrored ? -zoom : zoom, zoom)
      .rotate(90 * this.turn)
      .translate(-this.x * picture.width, -this.y * picture.height);
  }

  zoomTo(scale, pane, picture, anchor = { x: pane.width / 2, y: pane.height / 2 }) {
    const before = this.matrix(pane, picture).inverse().transformPoint(anchor);
    const fit = this.fit(pane, picture);
    this.scale = Math.min(Math.max(scale, Math.min(FARTHEST, 1 / fit)), Math.max(1, NEAREST_PX / fit));
    const after = this.matrix(pane, picture).inverse().transformPoint(anchor);
    this.lookAt(this.x + (before.x - after.x) / picture.width, this.y + (before.y - after.y) / picture.height);
  }

  // Move by CSS pixels of the pane.
  pan(dx, dy, pane, picture) {
    const inverse = this.matrix(pane, picture).inverse();
    const [from, to] = [inverse.transformPoint({ x: 0, y: 0 }), inverse.transformPoint({ x: dx, y: dy })];
    this.lookAt(this.x - (to.x - from.x) / picture.width, this.y - (to.y - from.y) / picture.height);
  }

  lookAt(x, y) {
    this.x = Math.min(Math.max(x, 0), 1);
    this.y = Math.min(Math.max(y, 0), 1);
  }

  // Fill the pane with a box given in fractions.
  frame([x, y, width, height], pane, picture) {
    this.lookAt(x + width / 2, y + height / 2);
    const [w, h] = this.turn % 2 ? [height * picture.height, width * picture.width] : [width * picture.width, height * picture.height];
    this.zoomTo(Math.min(pane.width / w, pane.height / h) / this.fit(pane, picture), pane, picture);
  }

  reset() {
    Object.assign(this, { x: 0.5, y: 0.5, scale: 1 });
  }
}
