// Where the data come from: the server that follows the runs, or the page itself, when it is frozen.

import { byId } from "./dom.js";

export async function source() {
  const kept = byId("frozen");
  return kept ? frozen(JSON.parse(kept.textContent)) : live();
}

function frozen(kept) {
  return {
    live: false,
    names: kept.runs.map((one) => one.overview.name),
    run: async (number) => kept.runs[number].overview,
    variant: async (number, name) => {
      const found = kept.runs[number].variants[name] || kept.runs[number].variants[`v${name}`];
      if (found) return found;
      const known = kept.runs[number].overview.graph.id.includes(name);
      throw new Error(known ? `This file holds no more of ${name}: it was too large. The page that is served does.` : `No variant ${name} in this run.`);
    },
    control: async () => null,
    follow: () => {},
  };
}

async function live() {
  const names = (await answer("/api/runs")).map((one) => one.name);
  let stream = null;
  return {
    live: true,
    names,
    run: (number) => answer(`/api/run/${number}`),
    variant: (number, name) => answer(`/api/run/${number}/variant/${encodeURIComponent(name)}`),
    control: async () => {
      const { token } = await answer("/api/control");
      return token && ((number, order) => send(`/api/run/${number}/control`, token, order));
    },
    follow: (number, changed, lost) => {
      stream?.close();
      stream = new EventSource(`/api/run/${number}/events`);
      stream.onmessage = (event) => changed(Number(event.data));
      stream.onerror = () => lost();
    },
  };
}

async function send(path, token, order) {
  const headers = { "Content-Type": "application/json", "X-Evolve-Control": token };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(order) });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()).told;
}

async function answer(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}
