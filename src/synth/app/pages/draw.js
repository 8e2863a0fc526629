// The page: tools, classes, the map, and the photograph that a painter makes of it.

import { find, say } from "./ask.js";
import { Easel } from "./easel.js";
import { LabelMap } from "./label_map.js";
import * as server from "./server.js";

const state = { tool: "pen", id: 0, seed: 0, isKept: true };

// One of a group of buttons, by click, or by arrows as radio buttons have it.
function makeRadio(group, choose) {
  const buttons = () => [...group.querySelectorAll("[role=radio]")];
  const pick = (button) => {
    for (const other of buttons()) {
      other.setAttribute("aria-checked", String(other === button));
      other.tabIndex = other === button ? 0 : -1;
    }
    choose(button);
  };
  group.addEventListener("click", (event) => {
    const button = event.target.closest("[role=radio]");
    if (button) pick(button);
  });
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = buttons();
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    pick(next);
  });
  return (wanted) => pick(buttons().find(wanted));
}

// The tenth has 0, as on a keyboard.
const keyOf = (id) => (id + 1) % 10;

function addClasses(classes) {
  classes.forEach(({ name, colour }, id) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", title: id < 10 ? `${name} (${keyOf(id)})` : name });
    button.setAttribute("role", "radio");
    button.dataset.id = id;
    const patch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const rectangle = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ width: "100%", height: "100%", fill: `rgb(${colour})` })) {
      rectangle.setAttribute(key, value);
    }
    patch.setAttribute("aria-hidden", "true");
    patch.append(rectangle);
    const word = document.createElement("span");
    word.textContent = name;
    button.append(patch, word);
    find("classes").append(button);
  });
}

// The picture follows the map: one is asked for at a time, and the newest map wins.
class Picture {
  constructor(map) {
    this.map = map;
    this.isAsking = false;
    this.isStale = false;
  }

  async follow() {
    this.isStale = true;
    if (this.isAsking) return;
    this.isAsking = true;
    while (this.isStale) {
      this.isStale = false;
      try {
        await this.ask();
        if (this.hasFailed) say("");
        this.hasFailed = false;
      } catch (error) {
        this.hasFailed = true;
        say(error.message, true);
      }
    }
    this.isAsking = false;
  }

  async ask() {
    const image = find("painted");
    if (this.map.isEmpty()) {
      image.hidden = true;
      find("nothing").hidden = false;
      return;
    }
    const began = performance.now();
    const address = URL.createObjectURL(await server.paint(this.map, state.seed));
    URL.revokeObjectURL(image.src);
    image.src = address;
    await image.decode();
    image.alt = "What the painter makes of the map";
    image.hidden = false;
    find("nothing").hidden = true;
    find("took").textContent = `painted in ${Math.round(performance.now() - began)} ms`;
  }
}

function connect(about, easel, picture, pickTool, pickClass) {
  const size = find("size");
  const showSize = () => (find("size-said").textContent = `${size.value} px`);
  size.addEventListener("input", showSize);
  find("undo").onclick = () => easel.undo();
  find("redo").onclick = () => easel.redo();
  find("clear").onclick = () =>
    easel.step((map) => map.rectangle(0, 0, map.width - 1, map.height - 1, about.void), "");
  const pairs = Object.fromEntries(about.classes.map(({ mirrored }, id) => [id, mirrored]));
  find("mirror").onclick = () => easel.step((map) => map.mirror(pairs));
  const seed = find("seed");
  const readSeed = () => {
    state.seed = Math.min(2 ** 31 - 1, Math.max(0, Math.trunc(Number(seed.value)) || 0));
    seed.value = state.seed;
    state.isKept = easel.map.isEmpty();
    say("");
    picture.follow();
  };
  seed.addEventListener("change", readSeed);
  find("another").onclick = () => {
    seed.value = state.seed + 1;
    readSeed();
  };
  find("keep").onclick = async () => {
    if (easel.map.isEmpty()) return say("There is nothing to keep yet: draw something first.", true);
    find("keep").disabled = true;
    try {
      const kept = await server.keep(easel.map, state.seed, easel.base);
      state.isKept = true;
      say(`Kept as ${kept.name} in ${kept.out}, which has ${kept.kept}.`);
    } catch (error) {
      say(error.message, true);
    } finally {
      find("keep").disabled = false;
    }
  };
  const keys = {
    p: () => pickTool("pen"), b: () => pickTool("bucket"), l: () => pickTool("line"), e: () => pickTool("eraser"),
    r: () => pickTool("rectangle"), m: () => find("mirror").click(), n: () => find("another").click(),
    k: () => find("keep").click(), c: () => find("clear").click(),
    "[": () => { size.stepDown(); showSize(); }, "]": () => { size.stepUp(); showSize(); },
  };
  about.classes.slice(0, 10).forEach((_, id) => (keys[keyOf(id)] = () => pickClass(id)));
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input:not([type=range]), select");
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y") && !isTyping) {
      event.preventDefault();
      if (key === "y" || event.shiftKey) easel.redo();
      else easel.undo();
    } else if (!isTyping && !event.ctrlKey && !event.metaKey && !event.altKey && key in keys) keys[key]();
  });
}

function connectLoading(about, easel) {
  let begunWith = "";
  const dataset = find("dataset");
  const sample = find("sample");
  const take = async (read, base, what) => {
    try {
      const ids = await read();
      easel.step((map) => map.restore(ids), base);
      begunWith = base;
      state.isKept = true;
      say(`Begun with ${what}.`);
    } catch (error) {
      say(error.message, true);
    }
  };
  const names = () => about.maps[dataset.value] ?? [];
  const list = () => {
    find("samples").replaceChildren(...names().map((name) => new Option(name, name)));
    sample.value = names()[0] ?? "";
  };
  for (const name of Object.keys(about.maps)) dataset.add(new Option(name, name));
  find("from-dataset").hidden = !dataset.length;
  dataset.onchange = list;
  list();
  const chosen = () => `${dataset.value}/${sample.value}`;
  const load = () =>
    take(() => server.readMap(dataset.value, sample.value), chosen(), `${dataset.value} ${sample.value}`);
  find("load-sample").onclick = load;
  find("load-next").onclick = () => {
    const step = begunWith === chosen() ? 1 : 0; // The first one is next until it is there.
    sample.value = names()[(names().indexOf(sample.value) + step) % names().length] ?? names()[0];
    load();
  };
  find("file").onchange = (event) => {
    const [file] = event.target.files;
    if (file) take(() => server.readFile(file), "", file.name);
    event.target.value = "";
  };
}

async function begin() {
  const about = await server.readAbout();
  find("simulated").hidden = !about.simulated;
  addClasses(about.classes);
  const map = new LabelMap(...about.size, about.void);
  const picture = new Picture(map);
  const easel = new Easel({
    canvas: find("map"),
    overlay: find("overlay"),
    map,
    colours: about.classes.map(({ colour }) => colour),
    choice: () => ({
      tool: state.tool,
      id: state.tool === "eraser" ? about.void : state.id,
      size: Number(find("size").value),
    }),
    changed: () => {
      state.isKept = map.isEmpty();
      say("");
      showHistory();
      picture.follow();
    },
    said: say,
  });
  const showHistory = () => {
    find("undo").setAttribute("aria-disabled", String(!easel.history.canUndo));
    find("redo").setAttribute("aria-disabled", String(!easel.history.canRedo));
  };
  showHistory();
  addEventListener("beforeunload", (event) => {
    if (!state.isKept) event.preventDefault();
  });
  easel.names = about.classes.map(({ name }) => name);
  find("under").textContent = `The map, ${map.width}×${map.height}`;
  const pickTool = makeRadio(find("tools"), (button) => (state.tool = button.dataset.tool));
  const pickClass = makeRadio(find("classes"), (button) => (state.id = Number(button.dataset.id)));
  pickTool((button) => button.dataset.tool === "pen");
  pickClass((button) => button.dataset.id === "0");
  connect(
    about, easel, picture,
    (name) => pickTool((button) => button.dataset.tool === name),
    (id) => pickClass((button) => Number(button.dataset.id) === id),
  );
  connectLoading(about, easel);
  say(about.kept ? `${about.out} has ${about.kept === 1 ? "1 drawing" : `${about.kept} drawings`}.` : "");
}

begin().catch((error) => say(error.message, true));
