// The canvas: shows a label map in its classes' colours, and turns pointer and keys into changes of it.

import { History } from "./label_map.js";

const MOST_IDS = 2 ** 16;

// What four bytes of a picture are for each id: a class's colour, or nothing to be seen.
function makePalette(colours) {
  const palette = new Uint32Array(MOST_IDS);
  colours.forEach((colour, id) => {
    [palette[id]] = new Uint32Array(Uint8Array.of(...colour, 255).buffer);
  });
  return palette;
}

export class Easel {
  // canvas, overlay: elements. map: a LabelMap. colours: RGB of each id. choice(): {tool, id, size}.
  // changed(): after each change; said(text): what a screen reader is told.
  constructor({ canvas, overlay, map, colours, choice, changed, said }) {
    Object.assign(this, { canvas, overlay, map, choice, changed, said });
    this.history = new History();
    this.base = ""; // The dataset and sample that the map was begun with; it goes with it through undo.
    this.cursor = [map.width >> 1, map.height >> 1];
    this.anchor = null;
    this.from = null;
    canvas.width = map.width;
    canvas.height = map.height;
    this.context = canvas.getContext("2d");
    this.pixels = this.context.createImageData(map.width, map.height);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.palette = makePalette(colours);
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.release(event));
    canvas.addEventListener("pointerleave", () => this.mark(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.mark(this.cursor));
    canvas.addEventListener("blur", () => this.mark(null));
    this.show();
  }

  // Only what changed since the last time.
  show() {
    const area = this.map.takeTouched();
    if (!area) return;
    const [left, top, right, bottom] = area;
    const { ids, width } = this.map;
    for (let v = top; v <= bottom; v++) {
      for (let i = v * width + left; i <= v * width + right; i++) this.words[i] = this.palette[ids[i]];
    }
    this.context.putImageData(this.pixels, 0, 0, left, top, right - left + 1, bottom - top + 1);
  }

  // Do something to the map as one step that can be undone.
  step(change, base = this.base) {
    const before = this.snapshot();
    change(this.map);
    this.base = base;
    this.finish(before);
  }

  snapshot() {
    return { ids: this.map.copy(), base: this.base };
  }

  finish(before) {
    if (before.base === this.base && before.ids.every((id, i) => id === this.map.ids[i])) return;
    this.history.note(before);
    this.show();
    this.changed();
  }

  undo() {
    if (!this.from) this.swap(this.history.undo(this.snapshot()));
  }

  redo() {
    if (!this.from) this.swap(this.history.redo(this.snapshot()));
  }

  swap(was) {
    if (!was) return;
    this.map.restore(was.ids);
    this.base = was.base;
    this.show();
    this.changed();
  }

  pixelAt(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      Math.floor(((event.clientX - box.left) / box.width) * this.map.width),
      Math.floor(((event.clientY - box.top) / box.height) * this.map.height),
    ];
  }

  press(event) {
    if (event.button !== 0 || this.from) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.before = this.snapshot();
    this.pointer = event.pointerId;
    this.from = this.pixelAt(event);
    this.shaped = null; // The area of the line or rectangle that is being drawn.
    this.last = this.from;
    this.draw(this.from, this.from);
  }

  move(event) {
    if (this.from && event.pointerId !== this.pointer) return; // A second finger, or a palm.
    const here = this.pixelAt(event);
    this.mark(here);
    if (!this.from) return;
    this.draw(this.last, here);
    this.last = here;
  }

  release(event) {
    if (!this.from || event.pointerId !== this.pointer) return;
    this.from = null;
    this.finish(this.before);
  }

  // From where a stroke stands to where it goes; lines and rectangles begin where it began.
  draw(last, here) {
    const { tool, id, size } = this.choice();
    if (tool === "bucket") {
      if (last === here) this.map.bucket(...here, id);
    } else if (tool === "pen" || tool === "eraser") {
      this.map.stroke(...last, ...here, size, id);
    } else {
      if (this.shaped) this.map.restoreArea(this.before.ids, this.shaped);
      const others = this.map.takeTouched();
      this.shape(tool, this.from, here, size, id);
      this.shaped = this.map.touched;
      if (others) this.map.touch(...others);
    }
    this.show();
  }

  shape(tool, from, to, size, id) {
    if (tool === "line") this.map.stroke(...from, ...to, size, id);
    else this.map.rectangle(...from, ...to, id);
  }

  key(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in arrows) {
      event.preventDefault();
      const step = event.shiftKey ? 1 : Math.max(1, Math.round(this.map.width / 32));
      const sides = [this.map.width, this.map.height];
      this.cursor = this.cursor.map((at, i) => Math.min(sides[i] - 1, Math.max(0, at + step * arrows[event.key][i])));
      this.mark(this.cursor);
      this.said(`column ${this.cursor[0]}, row ${this.cursor[1]}: ${this.nameAt(...this.cursor)}`);
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      this.drawAtCursor();
    } else if (event.key === "Escape") {
      this.anchor = null;
      this.mark(this.cursor);
    }
  }

  drawAtCursor() {
    const { tool, id, size } = this.choice();
    const here = this.cursor;
    if (tool === "bucket") this.step((map) => map.bucket(...here, id));
    else if (tool === "pen" || tool === "eraser") this.step((map) => map.stroke(...here, ...here, size, id));
    else if (!this.anchor) {
      this.anchor = here;
      this.said(`The ${tool} begins here: go to its end and press Space.`);
    } else {
      const from = this.anchor;
      this.anchor = null;
      this.step(() => this.shape(tool, from, here, size, id));
    }
    this.mark(here);
  }

  nameAt(x, y) {
    return this.names?.[this.map.ids[y * this.map.width + x]] ?? "no class";
  }

  // Where the brush is, in the screen's own pixels; null for nowhere.
  mark(at) {
    const box = this.canvas.getBoundingClientRect();
    const scale = (box.width * devicePixelRatio) / this.map.width;
    this.overlay.width = Math.round(box.width * devicePixelRatio);
    this.overlay.height = Math.round(box.height * devicePixelRatio);
    if (!at) return;
    const { tool, size } = this.choice();
    const isBrush = tool === "pen" || tool === "eraser" || tool === "line";
    const radius = Math.max(isBrush ? (size / 2) * scale : 0, 6 * devicePixelRatio);
    const [x, y] = at.map((side) => (side + 0.5) * scale);
    const context = this.overlay.getContext("2d");
    for (const [colour, width] of [["#000", 3], ["#fff", 1.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * devicePixelRatio;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      if (this.anchor) {
        context.moveTo(...this.anchor.map((side) => (side + 0.5) * scale));
        context.lineTo(x, y);
      }
      context.stroke();
    }
  }
}
