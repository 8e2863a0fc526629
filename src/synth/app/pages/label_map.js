// A label map: one id a pixel, changed by whole pixels. Nothing here mixes two ids.
// touched: the area that changed since somebody last took it, [left, top, right, bottom], or null.

export class LabelMap {
  constructor(width, height, none) {
    this.width = width;
    this.height = height;
    this.none = none;
    this.ids = new Uint16Array(width * height).fill(none);
    this.touchAll();
  }

  touch(left, top, right, bottom) {
    const within = (value, side) => Math.min(side - 1, Math.max(0, value));
    const area = [within(left, this.width), within(top, this.height), within(right, this.width), within(bottom, this.height)];
    const [l, t, r, b] = this.touched ?? area;
    this.touched = [Math.min(l, area[0]), Math.min(t, area[1]), Math.max(r, area[2]), Math.max(b, area[3])];
  }

  touchAll() {
    this.touch(0, 0, this.width - 1, this.height - 1);
  }

  takeTouched() {
    const area = this.touched;
    this.touched = null;
    return area;
  }

  isEmpty() {
    return this.ids.every((id) => id === this.none);
  }

  copy() {
    return this.ids.slice();
  }

  restore(ids) {
    this.ids.set(ids);
    this.touchAll();
  }

  // Of an area alone.
  restoreArea(ids, [left, top, right, bottom]) {
    for (let v = top; v <= bottom; v++) {
      const [first, last] = [v * this.width + left, v * this.width + right + 1];
      this.ids.set(ids.subarray(first, last), first);
    }
    this.touch(left, top, right, bottom);
  }

  // Pixels whose centres lie within half a brush of a pixel's.
  dab(x, y, size, id) {
    const reach = (size - 1) / 2;
    const limit = (reach + 0.25) ** 2;
    const whole = Math.ceil(reach);
    for (let v = Math.max(0, y - whole); v <= Math.min(this.height - 1, y + whole); v++) {
      for (let u = Math.max(0, x - whole); u <= Math.min(this.width - 1, x + whole); u++) {
        if ((u - x) ** 2 + (v - y) ** 2 <= limit) this.ids[v * this.width + u] = id;
      }
    }
  }

  // Bresenham's line of dabs.
  stroke(x0, y0, x1, y1, size, id) {
    const half = Math.ceil(size / 2);
    this.touch(Math.min(x0, x1) - half, Math.min(y0, y1) - half, Math.max(x0, x1) + half, Math.max(y0, y1) + half);
    const dx = Math.abs(x1 - x0);
    const dy = -Math.abs(y1 - y0);
    const sx = x0 < x1 ? 1 : -1;
    const sy = y0 < y1 ? 1 : -1;
    let error = dx + dy;
    for (;;) {
      this.dab(x0, y0, size, id);
      if (x0 === x1 && y0 === y1) return;
      const twice = 2 * error;
      if (twice >= dy) {
        error += dy;
        x0 += sx;
      }
      if (twice <= dx) {
        error += dx;
        y0 += sy;
      }
    }
  }

  rectangle(x0, y0, x1, y1, id) {
    const [left, right] = [Math.max(0, Math.min(x0, x1)), Math.min(this.width - 1, Math.max(x0, x1))];
    const [top, bottom] = [Math.max(0, Math.min(y0, y1)), Math.min(this.height - 1, Math.max(y0, y1))];
    for (let v = top; v <= bottom; v++) this.ids.fill(id, v * this.width + left, v * this.width + right + 1);
    this.touch(left, top, right, bottom);
  }

  // All pixels of one id that hang together with this one, by their sides.
  bucket(x, y, id) {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const before = this.ids[y * this.width + x];
    if (before === id) return;
    this.touchAll();
    const todo = [y * this.width + x];
    while (todo.length) {
      const at = todo.pop();
      if (this.ids[at] !== before) continue;
      const row = at - (at % this.width);
      let left = at;
      let right = at;
      while (left > row && this.ids[left - 1] === before) left--;
      while (right < row + this.width - 1 && this.ids[right + 1] === before) right++;
      this.ids.fill(id, left, right + 1);
      for (const next of [left - this.width, left + this.width]) {
        if (next < 0 || next >= this.ids.length) continue;
        for (let p = next; p <= next + right - left; p++) {
          if (this.ids[p] === before && (p === next || this.ids[p - 1] !== before)) todo.push(p);
        }
      }
    }
  }

  // Left becomes right; pairs[id] is the id in a mirror.
  mirror(pairs) {
    for (let v = 0; v < this.height; v++) {
      this.ids.subarray(v * this.width, (v + 1) * this.width).reverse();
    }
    for (let i = 0; i < this.ids.length; i++) this.ids[i] = pairs[this.ids[i]] ?? this.ids[i];
    this.touchAll();
  }
}

const MOST_BYTES = 64 * 2 ** 20;

// What was there before each change, {ids, base}, as far back as memory allows.
export class History {
  constructor() {
    this.before = [];
    this.after = [];
  }

  note(was) {
    this.before.push(was);
    this.after = [];
    while (this.before.length * was.ids.byteLength > MOST_BYTES) this.before.shift();
  }

  get canUndo() {
    return this.before.length > 0;
  }

  get canRedo() {
    return this.after.length > 0;
  }

  undo(now) {
    if (!this.before.length) return null;
    this.after.push(now);
    return this.before.pop();
  }

  redo(now) {
    if (!this.after.length) return null;
    this.before.push(now);
    return this.after.pop();
  }
}
