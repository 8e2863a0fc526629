// What the page that draws asks of its server.

import { ask, send } from "./ask.js";

function query(map, words) {
  return new URLSearchParams({ width: map.width, height: map.height, ...words });
}

// Low byte first, whatever this machine does.
function pack(ids) {
  const bytes = new DataView(new ArrayBuffer(2 * ids.length));
  ids.forEach((id, i) => bytes.setUint16(2 * i, id, true));
  return bytes.buffer;
}

async function unpack(answer) {
  const bytes = new DataView(await answer.arrayBuffer());
  return Uint16Array.from({ length: bytes.byteLength / 2 }, (_, i) => bytes.getUint16(2 * i, true));
}

export const readAbout = async () => (await ask("/api/about")).json();

export const readMap = async (dataset, name) =>
  unpack(await ask(`/api/maps/${encodeURIComponent(dataset)}/${encodeURIComponent(name)}`));

export const readFile = async (file) => unpack(await send("/api/read", file));

export const paint = async (map, seed) =>
  (await send(`/api/paint?${query(map, { seed })}`, pack(map.ids))).blob();

export const keep = async (map, seed, base) =>
  (await send(`/api/keep?${query(map, { seed, base })}`, pack(map.ids))).json();
