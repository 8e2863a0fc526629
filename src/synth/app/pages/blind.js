// One picture after the other; what it was is told once it has been answered.

import { ask, find, say, send } from "./ask.js";

let ticket = null;

function showScore({ n, right, low, high }) {
  const share = (value) => `${Math.round(100 * value)} %`;
  find("score").textContent = n
    ? `${share(right)} of ${n} answers right (95 % interval ${share(low)} to ${share(high)}; 50 % is chance)`
    : "No answer yet.";
}

async function next() {
  ({ ticket } = await (await send("/api/next")).json());
  find("picture").src = `/api/blind/${ticket}`;
}

async function answer(word) {
  if (!ticket) return;
  const asked = ticket;
  ticket = null;
  try {
    const told = await (await send(`/api/answer/${asked}`, word)).json();
    const is = told.is_real ? "real" : "made";
    say(`${is === word ? "Right" : "Wrong"}: it was ${is}, ${told.name} of ${told.dataset}.`);
    showScore(told);
    await next();
  } catch (error) {
    say(error.message, true);
  }
}

async function begin() {
  const about = await (await ask("/api/about")).json();
  say(`Answers are kept in ${about.log}.`);
  showScore(about.score);
  for (const word of ["real", "made"]) find(word).onclick = () => answer(word);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "r") answer("real");
    if (event.key === "m") answer("made");
  });
  await next();
}

begin().catch((error) => say(error.message, true));
