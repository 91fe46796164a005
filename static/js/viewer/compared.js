// The pane with another submission's picture: as it is, in turn with the photograph (blink), or their difference. It blinks in
// this pane alone; the photograph's own pane always shows the item's face.
import { gettext } from "../texts.js";
import { Pane } from "./pane.js";

export const COMPARED = "compared";

export class ComparedPane extends Pane {
  constructor(title, photograph, redraw, close) {
    super({ name: COMPARED, title });
    this.title = title;
    this.photograph = photograph;
    this.redraw = redraw;
    this.mode = "other";
    this.addButton(gettext("Blink"), "4", "own", gettext("Show the photograph here in turn"));
    this.addButton(gettext("Difference"), "5", "difference", gettext("What differs between the two, brightened"));
    const closing = this.head.appendChild(document.createElement("button"));
    Object.assign(closing, { type: "button", textContent: gettext("Close") });
    closing.addEventListener("click", close);
  }

  addButton(text, key, mode, explanation) {
    const button = this.head.appendChild(document.createElement("button"));
    Object.assign(button, { type: "button", title: explanation });
    Object.assign(button.dataset, { key, mode });
    const cap = document.createElement("kbd");
    cap.textContent = key.toUpperCase();
    button.append(`${text} `, cap);
    button.setAttribute("aria-pressed", false);
    button.addEventListener("click", () => this.show(this.mode === mode ? "other" : mode));
  }

  show(mode) {
    this.mode = mode;
    this.element.dataset.mode = mode;
    for (const button of this.head.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", button.dataset.mode === mode);
    const { title } = this;
    const titles = { other: title, own: gettext("This photograph"), difference: gettext("Difference to %(title)s", { title }) };
    this.head.querySelector("span").textContent = titles[mode];
    this.redraw();
  }

  // The other picture has its own shape: the camera looks at the same fraction of it. A difference needs the same shape.
  sizeOf(picture) {
    if (this.mode !== "other" || !this.base) return picture;
    return { width: this.base.naturalWidth, height: this.base.naturalHeight };
  }

  paint(context, picture) {
    if (this.mode === "own") return context.drawImage(this.photograph.base, 0, 0, picture.width, picture.height);
    super.paint(context, picture);
    if (this.mode !== "difference") return;
    context.globalCompositeOperation = "difference";
    context.drawImage(this.photograph.base, 0, 0, picture.width, picture.height);
    context.globalCompositeOperation = "source-over";
  }
}
