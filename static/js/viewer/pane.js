// One pane: a picture (and perhaps a transparent one on top) drawn through the shared camera, and marks above them.
import { drawFrame, drawMagnified } from "./magnifier.js";

const SOFT_BELOW = 3; // up to here enlarging is smoothed; beyond, each pixel of the picture is a square
const GRID_FROM = 8;

export class Pane {
  constructor({ name, title, explanation, worth }) {
    this.name = name;
    this.base = this.overlay = null;
    this.opacity = 0.6;
    this.element = document.createElement("div");
    this.element.className = "pane";
    this.element.dataset.name = name;
    this.photo = this.element.appendChild(document.createElement("canvas"));
    this.photo.className = "photo";
    this.marks = this.element.appendChild(document.createElement("canvas"));
    this.marks.className = "marks";
    for (const canvas of [this.photo, this.marks]) canvas.setAttribute("aria-hidden", "true");
    this.head = this.element.appendChild(document.createElement("div"));
    this.head.className = "pane-head";
    const heading = this.head.appendChild(document.createElement("span"));
    heading.textContent = title;
    if (explanation) heading.title = explanation;
    if (worth) {
      const line = this.head.appendChild(document.createElement("p"));
      line.className = "pane-worth";
      line.textContent = worth;
      line.title = worth;
    }
    this.message = this.element.appendChild(document.createElement("div"));
    this.message.className = "pane-message";
    this.message.hidden = true;
  }

  measure() {
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    const dpr = window.devicePixelRatio || 1;
    for (const canvas of [this.photo, this.marks]) {
      const [width, height] = [Math.round(this.width * dpr), Math.round(this.height * dpr)];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    }
    this.dpr = dpr;
  }

  // The size of this pane's own coordinates, where that of the photograph is `picture`.
  sizeOf(picture) {
    return picture;
  }

  paint(context, picture) {
    if (this.base) context.drawImage(this.base, 0, 0, picture.width, picture.height);
  }

  paintOverlay(context, picture) {
    if (!this.overlay) return;
    context.globalAlpha = this.opacity;
    context.drawImage(this.overlay, 0, 0, picture.width, picture.height);
    context.globalAlpha = 1;
  }

  // photograph: the size of the coordinates, in pixels as posted, of the photograph and the cursor.
  draw(camera, photograph, { grid, cursor: at, boxes, draft, isHovered, magnifier }) {
    if (!this.width || !this.height) return;
    const picture = this.sizeOf(photograph);
    const cursor = at && { x: (at.x * picture.width) / photograph.width, y: (at.y * picture.height) / photograph.height };
    const matrix = camera.matrix(this, picture);
    const zoom = camera.fit(this, picture) * camera.scale;
    const context = this.photo.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.photo.width, this.photo.height);
    context.setTransform(new DOMMatrix().scale(this.dpr).multiply(matrix));
    context.imageSmoothingEnabled = zoom < SOFT_BELOW;
    context.imageSmoothingQuality = "high";
    this.paint(context, picture);
    context.imageSmoothingEnabled = true;
    this.paintOverlay(context, picture);
    const place = cursor && magnifier && matrix.transformPoint(cursor);
    if (place) drawMagnified(this, context, { camera, picture, cursor, factor: magnifier, shown: zoom, at: place });
    this.drawMarks(matrix, picture, zoom, { grid, cursor, boxes, draft, isHovered: isHovered || Boolean(place) });
    if (place) drawFrame(this, this.marks.getContext("2d"), place, magnifier);
  }

  drawMarks(matrix, picture, zoom, { grid, cursor, boxes, draft, isHovered }) {
    const context = this.marks.getContext("2d");
    context.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (grid && zoom >= GRID_FROM) this.drawGrid(context, matrix, picture);
    for (const box of draft ? [...boxes, draft] : boxes) outline(context, matrix, picture, box);
    if (cursor && !isHovered) {
      const at = matrix.transformPoint(cursor);
      context.beginPath();
      context.moveTo(at.x, 0);
      context.lineTo(at.x, this.height);
      context.moveTo(0, at.y);
      context.lineTo(this.width, at.y);
      stroke(context, 1);
    }
  }

  drawGrid(context, matrix, picture) {
    const inverse = matrix.inverse();
    const corners = [[0, 0], [this.width, 0], [0, this.height], [this.width, this.height]].map(([x, y]) => inverse.transformPoint({ x, y }));
    const [left, right] = range(corners.map((corner) => corner.x), picture.width);
    const [top, bottom] = range(corners.map((corner) => corner.y), picture.height);
    context.beginPath();
    for (let x = left; x <= right; x++) line(context, matrix, x, top, x, bottom);
    for (let y = top; y <= bottom; y++) line(context, matrix, left, y, right, y);
    context.lineWidth = 1;
    context.strokeStyle = "rgb(127 127 127 / 0.55)";
    context.stroke();
  }
}

const range = (values, limit) => [Math.max(0, Math.floor(Math.min(...values))), Math.min(limit, Math.ceil(Math.max(...values)))];

function line(context, matrix, x1, y1, x2, y2) {
  const [from, to] = [matrix.transformPoint({ x: x1, y: y1 }), matrix.transformPoint({ x: x2, y: y2 })];
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
}

// Light in dark, so that it shows on any picture.
function stroke(context, width) {
  for (const [extra, colour] of [[2, "rgb(0 0 0 / 0.55)"], [0, "#fff"]]) {
    context.lineWidth = width + extra;
    context.strokeStyle = colour;
    context.stroke();
  }
}

function outline(context, matrix, picture, { x, y, width, height }) {
  const [left, top, right, bottom] = [x * picture.width, y * picture.height, (x + width) * picture.width, (y + height) * picture.height];
  const corners = [[left, top], [right, top], [right, bottom], [left, bottom]].map(([px, py]) => matrix.transformPoint({ x: px, y: py }));
  context.beginPath();
  corners.forEach((corner, index) => (index ? context.lineTo(corner.x, corner.y) : context.moveTo(corner.x, corner.y)));
  context.closePath();
  stroke(context, 2);
}
