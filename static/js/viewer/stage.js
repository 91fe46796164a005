// The stage of one item: the photograph's pane and the linked ones, drawn through one camera, with one
// cursor.
import { announce } from "../announce.js";
import { gettext } from "../texts.js";
import { Camera } from "./camera.js";
import { isThere, take } from "./fetched.js";
import { Pane } from "./pane.js";
import { moved, nextFactor } from "./magnifier.js";
import { recall, remember } from "./memory.js";
import { bindPointers } from "./pointers.js";

import { ComparedPane, COMPARED } from "./compared.js";

const BOXES_MAX = 20; // as the form takes

export class Stage {
  constructor(figure, image) {
    this.figure = figure;
    this.image = image;
    this.root = figure.querySelector("[data-stage]");
    this.settings = recall();
    this.camera = this.nextCamera();
    this.measure(Math.max(image.getAttribute("width"), image.getAttribute("height")));
    this.panes = [new Pane({ name: "photo", title: gettext("Photograph") })];
    this.panes[0].base = image;
    this.boxes = JSON.parse(document.querySelector("[data-boxes]")?.value || "[]"); // drawn before a reload
    this.cursor = this.draft = this.hovered = null;
    this.root.append(this.panes[0].element);
    this.applyTone();
    this.refresh();
    new ResizeObserver(() => this.arrange()).observe(this.root);
    bindPointers(this);
    this.arrange();
  }

  get first() { return this.panes[0]; }

  // posted: the longer side as posted, which the derivative may be a reduction of; turned as the camera's note says.
  measure(posted) {
    const { naturalWidth, naturalHeight } = this.image;
    this.shrunk = posted / Math.max(naturalWidth, naturalHeight);
    this.picture = { width: naturalWidth * this.shrunk, height: naturalHeight * this.shrunk };
  }

  // Each picture starts whole, unless this person chose to keep the zoom and the place.
  nextCamera() {
    return Object.assign(new Camera(), "keepsZoom" in document.body.dataset ? this.settings.camera : null);
  }

  // Show the next item's face, whole, while the server still records this one's decision. `restore` takes it back.
  preview({ path, image, posted, isVeiled, pictures }) {
    const { panes, boxes, picture, shrunk, camera } = this;
    const number = this.figure.querySelector("[data-number]").textContent;
    this.before = { image: this.image, panes, boxes, picture, shrunk, camera, number, shown: panes.map(({ base, overlay }) => ({ base, overlay })) };
    this.image = image;
    this.camera = this.nextCamera();
    this.figure.querySelector("[data-number]").textContent = /\/items\/(\d+)\//.exec(path)[1];
    this.measure(posted);
    this.figure.dataset.close = "";
    this.boxes = [];
    for (const pane of panes) {
      const picture = isThere(pictures[pane.name]) ? pictures[pane.name] : null;
      pane.base = picture && pane.isOverlay ? image : picture;
      pane.overlay = pane.isOverlay ? picture : null;
    }
    this.first.base = image;
    for (const pane of panes.slice(1)) if (isVeiled || pane.name === COMPARED) this.close(pane);
    this.arrange();
  }

  restore() {
    if (!this.before) return;
    const { shown, number, ...rest } = this.before;
    this.before = null;
    this.figure.querySelector("[data-number]").textContent = number;
    Object.assign(this, rest);
    this.panes.forEach((pane, index) => Object.assign(pane, shown[index]));
    this.root.append(...this.panes.map(({ element }) => element));
    this.refresh();
  }

  // The toolbar names the views that exist; it changes once the evidence is computed.
  refresh() {
    // While an answer is awaited the next face is seen, and the buttons on the page belong to the one before.
    if (this.before) return;
    this.figure.dataset.close = this.figure.querySelector("#viewer-panes")?.dataset.close ?? "";
    for (const button of this.figure.querySelectorAll("[data-pane]")) {
      const isOn = this.settings.panes.includes(button.dataset.pane);
      button.setAttribute("aria-pressed", isOn);
      const pane = this.panes.find(({ name }) => name === button.dataset.pane);
      if (pane && pane.source !== button.dataset.source) this.close(pane);
      if (isOn && !this.panes.some(({ name }) => name === button.dataset.pane)) this.open(button);
    }
    this.reflect();
    this.arrange();
  }

  toggle(button) {
    const { pane: name } = button.dataset;
    const isOn = this.settings.panes.includes(name);
    this.settings.panes = isOn ? this.settings.panes.filter((other) => other !== name) : [...this.settings.panes, name];
    if (isOn) this.close(this.panes.find((pane) => pane.name === name));
    this.refresh();
    this.keep();
  }

  open(button) {
    const { pane: name, title, explanation, worth, source, objection, qualities } = button.dataset;
    const pane = new Pane({ name, title, explanation, worth });
    pane.source = source;
    pane.isOverlay = "overlay" in button.dataset;
    if (pane.isOverlay && !objection) pane.base = this.panes[0].base;
    if (source && qualities) {
      this.addQualities(pane, qualities.split(" "));
      this.addGain(pane);
    }
    if (source && pane.isOverlay) this.addOpacity(pane);
    if (objection) this.object(pane, objection, source);
    else if (source) this.load(pane, pane.wanted ?? source);
    this.panes.push(pane);
    this.root.append(pane.element);
  }

  close(pane) {
    this.panes = this.panes.filter((other) => other !== pane);
    pane.element.remove();
  }

  // Another submission's picture next to the photograph, until the next item or another choice.
  compare(source, title) {
    for (const pane of this.panes.filter(({ name }) => name === COMPARED)) this.close(pane);
    const pane = new ComparedPane(title, this.first, () => this.draw(), () => { this.close(pane); this.arrange(); this.root.focus(); });
    this.panes.push(pane);
    this.root.append(pane.element);
    this.load(pane, source);
    this.arrange();
  }

  load(pane, source) {
    pane.wanted = source;
    const picture = take(source) ?? new Image();
    const show = () => {
      if (pane.wanted !== source) return;
      // While the next face is shown, it waits with the rest of this item.
      const place = this.before?.shown[this.before.panes.indexOf(pane)] ?? pane;
      place[pane.isOverlay ? "overlay" : "base"] = picture;
      this.draw();
    };
    if (isThere(picture)) return show();
    picture.onload = show;
    picture.onerror = () => this.object(pane, gettext("This view could not be loaded."), "");
    picture.src ||= source;
  }

  object(pane, reason, source) {
    const text = document.createElement("p");
    text.textContent = pane.source && source ? gettext("Not applicable: %(reason)s", { reason }) : reason;
    pane.message.replaceChildren(text);
    pane.message.hidden = false;
    if (!source) return;
    const anyway = document.createElement("button");
    Object.assign(anyway, { type: "button", className: "button", textContent: gettext("Show it anyway") });
    anyway.addEventListener("click", () => { pane.message.hidden = true; this.load(pane, pane.wanted ?? source); });
    pane.message.append(anyway);
  }

  addQualities(pane, qualities) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", gettext("Quality of the comparison"));
    for (const quality of qualities) select.add(new Option(gettext("quality %(quality)s", { quality }), quality));
    const at = (quality) => pane.source.replace(/ela-\d+/, `ela-${quality}`);
    select.value = qualities.includes(this.settings.quality) ? this.settings.quality : pane.source.match(/ela-(\d+)/)[1];
    pane.wanted = at(select.value);
    select.addEventListener("change", () => {
      this.settings.quality = select.value;
      this.keep();
      pane.wanted = at(select.value);
      if (pane.message.hidden) this.load(pane, pane.wanted);
    });
    pane.head.append(select);
  }

  // Small differences are almost black: this makes them brighter, of this pane alone.
  addGain(pane) {
    const range = document.createElement("input");
    Object.assign(range, { type: "range", min: 1, max: 16, step: 1, value: this.settings.gain, title: gettext("Gain") });
    range.setAttribute("aria-label", gettext("Gain of %(view)s", { view: pane.head.querySelector("span").textContent }));
    const apply = () => pane.element.style.setProperty("--gain", range.value);
    range.addEventListener("input", () => {
      this.settings.gain = Number(range.value);
      apply();
      this.keep();
    });
    pane.element.dataset.gain = "";
    apply();
    pane.head.append(range);
  }

  addOpacity(pane) {
    const range = document.createElement("input");
    Object.assign(range, { type: "range", min: 0, max: 1, step: 0.05, value: this.settings.opacity });
    range.setAttribute("aria-label", gettext("Opacity of %(view)s", { view: pane.head.querySelector("span").textContent }));
    pane.opacity = this.settings.opacity;
    range.addEventListener("input", () => {
      pane.opacity = this.settings.opacity = Number(range.value);
      this.keep();
    });
    pane.head.append(range);
  }

  // Boxes that a reviewer draws; the form's field takes them as JSON, in fractions of the picture.
  addBox(box) {
    if (this.before) return; // the form on the page is not of the face that is seen
    if (this.boxes.length >= BOXES_MAX) return announce(gettext("Up to %(number)s regions can be marked.", { number: BOXES_MAX }), { visibly: true });
    this.boxes.push(box);
    this.tellBoxes();
  }

  removeBox() {
    if (this.before) return;
    this.boxes.pop();
    this.tellBoxes();
  }

  tellBoxes() {
    const field = document.querySelector("[data-boxes]"); // the decision's form takes them, where it asks for regions
    if (field) field.value = JSON.stringify(this.boxes);
    field?.dispatchEvent(new Event("change", { bubbles: true }));
    this.draw();
  }

  toggleMarking() {
    const isOn = this.figure.toggleAttribute("data-marking");
    document.querySelector("[data-tool=mark]")?.setAttribute("aria-pressed", isOn);
  }

  // Off, four times, eight times, off.
  toggleMagnifier() {
    this.settings.magnifier = nextFactor(this.settings.magnifier);
    if (!this.settings.magnifier) return;
    this.root.focus(); // so that the arrow keys move it
    this.moveMagnifier([0, 0]);
  }

  moveMagnifier(direction) {
    this.cursor = this.lastCursor = moved(this, direction);
    this.hovered = null;
    this.draw();
  }

  applyTone() {
    const { brightness, contrast, gamma } = this.settings.tone;
    for (const channel of this.figure.querySelectorAll("#viewer-gamma [exponent]")) channel.setAttribute("exponent", 1 / gamma);
    const changed = brightness !== 1 || contrast !== 1 || gamma !== 1;
    const tone = `brightness(${brightness}) contrast(${contrast}) url(#viewer-gamma)`;
    this.root.style.setProperty("--tone", changed ? tone : "none");
    this.root.style.setProperty("--tone-after-gain", changed ? tone : " ");
    this.figure.toggleAttribute("data-toned", changed);
    for (const input of this.figure.querySelectorAll("[data-tone]")) input.value = this.settings.tone[input.dataset.tone];
  }

  arrange() {
    this.root.dataset.count = this.panes.length;
    for (const pane of this.panes) pane.measure();
    this.draw();
  }

  reflect() {
    this.figure.querySelector("[data-tool=mirror]")?.setAttribute("aria-pressed", this.camera.mirrored);
    this.figure.querySelector("[data-tool=grid]")?.setAttribute("aria-pressed", this.settings.grid);
    this.figure.querySelector("[data-tool=magnifier]")?.setAttribute("aria-pressed", Boolean(this.settings.magnifier));
  }

  keep() {
    const { x, y, scale } = this.camera;
    this.settings.camera = { x, y, scale };
    remember(this.settings);
    this.reflect();
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      this.sharpen();
      for (const pane of this.panes) {
        pane.draw(this.camera, this.picture, { grid: this.settings.grid, cursor: this.cursor, boxes: this.boxes, draft: this.draft, isHovered: pane === this.hovered, magnifier: this.settings.magnifier });
      }
      this.caption();
      this.figure.dataset.face = new URL(this.image.src).pathname;
    });
  }

  // The derivative is a reduction of a large picture: when zoomed in, its full size is fetched once.
  sharpen() {
    if (this.before) return; // the address of the full size is of the face before
    const source = this.figure.dataset.close;
    const zoom = this.camera.fit(this.first, this.picture) * this.camera.scale;
    if (!source || this.closeAsked || (zoom * this.shrunk < 1.1 && !this.settings.magnifier)) return;
    this.closeAsked = true;
    const [image, picture] = [this.image, new Image()];
    picture.onload = () => {
      for (const place of [...this.panes, ...(this.before?.shown ?? [])]) if (place.base === image) place.base = picture;
      this.draw();
    };
    picture.src = source;
  }

  caption() {
    const zoom = this.camera.fit(this.first, this.picture) * this.camera.scale;
    this.figure.querySelector("[data-scale]").textContent = `${gettext("shown at %(share)s %", { share: Math.round(zoom * 100) })} · `;
    const at = this.cursor;
    const isInside = at && at.x >= 0 && at.y >= 0 && at.x < this.picture.width && at.y < this.picture.height;
    this.figure.querySelector("[data-place]").textContent = isInside ? `${Math.floor(at.x)}, ${Math.floor(at.y)} · ` : "";
  }
}
