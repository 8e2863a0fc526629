// A grid of which only what is in sight is in the page, however many there are.

const GAP = 8;

export class Grid {
  // scroller, element: of the page. make(row): the tile of a row. width, height: of a tile, in CSS pixels.
  constructor({ scroller, element, make, width, height }) {
    Object.assign(this, { scroller, element, make, width, height });
    this.rows = [];
    this.tiles = new Map();
    scroller.addEventListener("scroll", () => this.refresh(), { passive: true });
    new ResizeObserver(() => this.refresh()).observe(scroller);
  }

  show(rows) {
    this.rows = rows;
    this.tiles.forEach((tile) => tile.remove());
    this.tiles.clear();
    this.scroller.scrollTop = 0;
    this.refresh();
  }

  refresh() {
    const room = this.element.clientWidth;
    const columns = Math.max(1, Math.floor((room + GAP) / (this.width + GAP)));
    const wide = (room - GAP * (columns - 1)) / columns;
    const step = this.height + GAP;
    this.columns = columns;
    this.element.style.height = `${Math.ceil(this.rows.length / columns) * step}px`;
    const top = this.scroller.scrollTop - step;
    const bottom = this.scroller.scrollTop + this.scroller.clientHeight + step;
    const first = Math.max(0, Math.floor(top / step)) * columns;
    const last = Math.min(this.rows.length, Math.ceil(bottom / step) * columns);
    for (const [place, tile] of this.tiles) {
      if (place < first || place >= last) {
        tile.remove();
        this.tiles.delete(place);
      }
    }
    for (let place = first; place < last; place++) {
      const tile = this.tiles.get(place) ?? this.make(this.rows[place], place);
      Object.assign(tile.style, {
        left: `${(place % columns) * (wide + GAP)}px`,
        top: `${Math.floor(place / columns) * step}px`,
        width: `${wide}px`,
        height: `${this.height}px`,
      });
      if (!this.tiles.has(place)) {
        this.tiles.set(place, tile);
        this.element.append(tile);
      }
    }
  }

  // Bring a place into sight and give it the focus.
  focus(place) {
    const step = this.height + GAP;
    const top = Math.floor(place / this.columns) * step;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + step > scrollTop + clientHeight) this.scroller.scrollTop = top + step - clientHeight;
    this.refresh();
    this.tiles.get(place)?.focus({ preventScroll: true });
  }
}
