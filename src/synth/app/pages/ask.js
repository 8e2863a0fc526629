// Asks the server that this page is of. Each answer is one value, or an Error with the server's sentence.

export async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Error("The server does not answer: look at the terminal in which synth runs.");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error ?? `The server answers ${answer.status}.`);
}

export const send = (address, body) => ask(address, { method: "POST", body });

export const find = (id) => document.getElementById(id);

export function say(text, isWrong = false) {
  find("status").textContent = text;
  find("status").classList.toggle("wrong", isWrong);
}
