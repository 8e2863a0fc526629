// Labels of a sample as an SVG that lies over its picture. Edges run from 0 to W; pixel centres are at integers.

const SVG = "http://www.w3.org/2000/svg";

function add(parent, name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

// Classes of a label map by name and colour.
export function listClasses(classes) {
  const list = document.createElement("ul");
  list.className = "legend";
  for (const { name, colour } of classes) {
    const item = document.createElement("li");
    const svg = add(item, "svg", { "aria-hidden": "true" });
    add(svg, "rect", { width: "100%", height: "100%", fill: `rgb(${colour})` });
    item.append(` ${name}`);
    list.append(item);
  }
  return list;
}

export function drawLabels({ size: [width, height], parts }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("aria-hidden", "true");
  for (const part of parts) {
    for (const [name, edges] of [["square", part.square], ["box", part.box]]) {
      if (!edges) continue;
      const [x0, y0, x1, y1] = edges;
      add(svg, "rect", { class: name, x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
    }
    for (const outline of part.outlines) {
      const points = outline.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" ");
      add(svg, "polygon", { class: "outline", points });
    }
    if (part.normal) {
      const [[x1, y1], [x2, y2]] = part.normal;
      add(svg, "line", { class: "normal", x1, y1, x2, y2 });
    }
    const scale = Math.max(width, height) / 640;
    const word = add(svg, "text", {
      x: part.box[0], y: Math.max(part.box[1] - 4 * scale, 14 * scale), "font-size": 14 * scale, "stroke-width": 3 * scale,
    });
    word.textContent = part.class;
  }
  return svg;
}
