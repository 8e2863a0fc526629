// The page: which samples are shown, in which order, and one of them large beside its twins.

import { ask, find, say, send } from "./ask.js";
import { Grid } from "./grid.js";
import { drawLabels, listClasses } from "./labels.js";

const MOST_HEIGHT = 58; // Of an opened picture, in hundredths of the window.

let about, samples, grid;
let rows = [];
let place = -1;

const option = (text, value) => new Option(text, value);
const addressOf = (kind, dataset, name) => `/api/${kind}/${encodeURIComponent(dataset)}/${name}`;
const datasetOf = (row) => about.datasets[samples.dataset[row]];

function sortValue(row) {
  const key = find("sort").value;
  return key ? samples.figures[key][row] : samples.name[row];
}

function filter() {
  const chosen = new Set([...document.querySelectorAll("#datasets input:checked")].map((box) => Number(box.value)));
  const [split, kind, name] = ["split", "class", "name"].map((id) => find(id).value.trim());
  rows = samples.name.map((_, row) => row).filter((row) =>
    !samples.gone?.has(row) && chosen.has(samples.dataset[row]) && (!split || samples.split[row] === split)
    && (!kind || samples.classes[row].includes(kind)) && samples.name[row].includes(name)
    && !(find("unkept").checked && samples.kept[row]));
  const sign = find("descending").checked ? -1 : 1;
  const values = new Map(rows.map((row) => [row, sortValue(row)]));
  rows.sort((a, b) => {
    const [x, y] = [values.get(a), values.get(b)];
    if ((x === null) !== (y === null)) return x === null ? 1 : -1; // Those without the figure come last.
    return x < y ? -sign : x > y ? sign : a - b;
  });
  grid.show(rows);
  find("none").hidden = rows.length > 0;
  find("count").textContent = `${rows.length} of ${samples.name.length - (samples.gone?.size ?? 0)}`;
}

function makeTile(row, at) {
  const tile = document.createElement("button");
  tile.type = "button";
  tile.className = "tile";
  const picture = new Image();
  picture.alt = "";
  picture.src = addressOf("thumb", datasetOf(row).name, samples.name[row]);
  const words = document.createElement("span");
  const key = find("sort").value;
  const figure = key && samples.figures[key][row] !== null ? ` · ${samples.figures[key][row]}` : "";
  words.textContent = `${datasetOf(row).name} ${samples.name[row]} ${samples.split[row]}${figure}`;
  words.title = words.textContent;
  tile.append(picture, words);
  tile.onclick = () => open(at);
  return tile;
}

async function open(at) {
  place = at;
  const row = rows[at];
  const { name: dataset } = datasetOf(row);
  const name = samples.name[row];
  find("one-title").textContent = `${name} of ${dataset}, ${samples.split[row]}, ${at + 1} of ${rows.length}`;
  find("previous").disabled = at === 0;
  find("next").disabled = at === rows.length - 1;
  if (!find("one").open) find("one").showModal();
  try {
    const told = await (await ask(addressOf("sample", dataset, name))).json();
    const twins = told.twins.filter((other) => other !== dataset);
    const all = [[dataset, told], ...(await Promise.all(twins.map(async (other) =>
      [other, await (await ask(addressOf("sample", other, name))).json()])))];
    if (place !== at) return;
    find("looks").replaceChildren(...all.map(([of, its]) => makeLook(of, name, its)));
    find("figures").replaceChildren(...Object.entries(told.figures).map(makeFigure));
    find("kept").textContent = told.kept ? `Kept: ${told.kept}` : "";
    find("kept").hidden = !told.kept;
  } catch (error) {
    say(error.message, true);
    find("looks").textContent = error.message;
  }
}

function makeLook(dataset, name, told) {
  const figure = document.createElement("figure");
  const frame = document.createElement("div");
  frame.className = "picture";
  const [width, height] = told.size;
  frame.style.width = `min(100%, ${(MOST_HEIGHT * width) / height}dvh)`;
  const picture = new Image(...told.size);
  const kind = about.datasets.find((one) => one.name === dataset).kind;
  picture.alt = `${name} of ${dataset}, ${kind}`;
  picture.src = addressOf(find("said").checked ? "said" : "picture", dataset, name);
  picture.onerror = () => say(`${name} of ${dataset} cannot be shown: synth dataset verify says what is wrong`, true);
  frame.append(picture);
  if (find("labels").checked) {
    if (told.map.length && told.layers.includes("image")) {
      const map = Object.assign(new Image(), { className: "map", alt: "", src: addressOf("map", dataset, name) });
      frame.append(map);
    }
    frame.append(drawLabels(told));
  }
  const words = document.createElement("figcaption");
  words.textContent = `${dataset}: ${kind}${told.made.length ? ` (${told.made.join(", then ")})` : ""}`;
  figure.append(frame, words);
  if (find("labels").checked) figure.append(listClasses(told.map));
  return figure;
}

function makeFigure([key, value]) {
  const pair = document.createElement("div");
  for (const [tag, text] of [["dt", key], ["dd", typeof value === "number" ? Number(value.toPrecision(5)) : value]]) {
    const element = document.createElement(tag);
    element.textContent = String(text);
    pair.append(element);
  }
  return pair;
}

async function judge(event) {
  event.preventDefault();
  const row = rows[place];
  const { name: dataset } = datasetOf(row);
  const verdict = event.submitter?.value ?? "keep";
  try {
    const told = await (await send(addressOf(verdict, dataset, samples.name[row]), find("reason").value)).json();
    if (verdict === "keep") {
      samples.kept[row] = true;
      say(`${samples.name[row]} of ${dataset} is kept; that stands in ${told.file}.`);
    } else {
      (samples.gone ??= new Set()).add(row);
      say(`${samples.name[row]} is taken out of ${dataset}, which has ${told.left} samples left.`);
    }
    const stays = verdict === "keep" && !find("unkept").checked;
    filter();
    const next = Math.min(place + (stays ? 1 : 0), rows.length - 1);
    if (next < 0) find("one").close();
    else await open(next);
  } catch (error) {
    say(error.message, true);
    find("one-title").textContent = error.message;
  }
}

function connect() {
  find("filters").addEventListener("input", filter);
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  const go = (step) => rows[place + step] !== undefined && open(place + step);
  find("previous").onclick = () => go(-1);
  find("next").onclick = () => go(1);
  find("close").onclick = () => find("one").close();
  find("one").addEventListener("close", () => grid.focus(place));
  for (const id of ["labels", "said"]) find(id).addEventListener("change", () => open(place));
  find("verdict").addEventListener("submit", judge);
  const keys = {
    ArrowLeft: () => go(-1), ArrowRight: () => go(1),
    l: () => find("labels").click(), p: () => about.reads && find("said").click(),
  };
  find("one").addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!event.target.matches("#reason") && key in keys) keys[key]();
  });
}

async function begin() {
  about = await (await ask("/api/about")).json();
  samples = about.samples;
  find("simulated").hidden = !about.simulated;
  find("said-label").hidden = !about.reads;
  find("verdict").hidden = !about.writable;
  find("unkept-label").hidden = !about.writable && !samples.kept.includes(true);
  about.datasets.forEach(({ name, kind, simulated }, i) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: i, checked: true });
    label.append(box, ` ${name} (${kind}${simulated ? ", simulated" : ""})`);
    find("datasets").append(label);
  });
  listAllClasses();
  find("sort").append(option("name", ""), ...Object.keys(samples.figures).map((key) => option(key, key)));
  grid = new Grid({ scroller: find("scroller"), element: find("grid"), make: makeTile, width: 200, height: 150 });
  connect();
  filter();
  say("");
  if (about.maps) await readMapClasses();
}

function listAllClasses() {
  const chosen = find("class").value;
  const classes = [...new Set(samples.classes.flat())].sort();
  find("class").replaceChildren(option("all", ""), ...classes.map((name) => option(name, name)));
  find("class").value = chosen;
}

// Which classes a label map has takes a look at every map: it comes after the page is there.
async function readMapClasses() {
  say("Which classes the label maps have is being read …");
  const found = await (await ask("/api/classes")).json();
  const places = new Map(samples.name.map((name, row) => [`${datasetOf(row).name}/${name}`, row]));
  for (const { dataset, name, classes } of found) {
    const row = places.get(`${dataset}/${name}`);
    if (row !== undefined) samples.classes[row] = [...new Set([...samples.classes[row], ...classes])];
  }
  listAllClasses();
  say("");
}

begin().catch((error) => say(error.message, true));
