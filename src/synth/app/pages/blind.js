// One picture after the other; what it was is told once it has been answered.

import { ask, find, say, send } from "./ask.js";

let ticket = null;

function showScore({ n, right, low, high }) {
  const share = (value) => `${Math.round(100 * value)} %`;
  find("count").textContent = n === 1 ? "1 answer" : `${n} answers`;
  find("score").textContent = n
    ? `${share(right)} of ${n} answers right (95 % interval ${share(low)} to ${share(high)}; 50 % is chance)`
    : "No answer yet.";
}

function enable(isSeen) {
  for (const word of ["real", "made"]) find(word).disabled = !isSeen;
}

async function next() {
  const { ticket: dealt } = await (await send("/api/next")).json();
  const picture = find("picture");
  picture.src = `/api/blind/${dealt}`;
  await picture.decode(); // Nothing is answered that was not seen.
  ticket = dealt;
  enable(true);
}

async function answer(word) {
  if (!ticket) return;
  const asked = ticket;
  ticket = null;
  enable(false);
  try {
    showScore(await (await send(`/api/answer/${asked}`, word)).json());
    await next();
  } catch (error) {
    say(error.message, true);
    await next();
  }
}

async function begin() {
  const about = await (await ask("/api/about")).json();
  say(`Answers are kept in ${about.log}.`);
  find("simulated").hidden = !about.simulated;
  showScore(about.score);
  for (const word of ["real", "made"]) find(word).onclick = () => answer(word);
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    const word = { r: "real", m: "made" }[event.key.toLowerCase()];
    if (word) answer(word);
  });
  await next();
}

begin().catch((error) => say(error.message, true));
