// Several runs: which one is looked at, and how they compare.

import { byId, el, fill, select, table } from "./dom.js";
import { mostHelpful } from "./cards.js";

export function showPicker(names, number, changed) {
  if (names.length < 2) return;
  fill(byId("picker"), select("run", names.map((name, n) => [n, name]), number, (value) => changed(Number(value))));
}

export function showStatus(run, live) {
  const going = run.paused ? "paused" : "● running now";
  const said = run.running ? going : `not running: ${run.ended}`;
  const status = byId("status");
  status.className = run.running ? "good" : "dim";
  const text = live ? said : `${said} (frozen)`;
  if (status.textContent !== text) status.textContent = text;
  byId("run-name").textContent = run.name;
  document.title = `${run.name} – evolve`;
}

export function showSideBySide(runs, changed) {
  const place = byId("side-by-side");
  const known = runs.map((run, n) => [run, n]).filter(([run]) => run);
  place.hidden = known.length < 2;
  if (place.hidden) return;
  const fact = (name, said) => [el("b", { text: name }), ...known.map(([run]) => said(run))];
  const rows = [
    fact("score", (run) => run.score),
    fact("champion", (run) => (run.champion ? `★ ${run.champion.id} ${run.champion.score?.text || ""}` : "none yet")),
    fact("its idea", (run) => run.champion?.hypothesis || ""),
    fact("seed", (run) => run.champion?.seed.score?.text || ""),
    fact("gain", (run) => run.champion?.gain || "none yet"),
    fact("is it real?", (run) => run.real.text),
    fact("helped most", (run) => { const most = mostHelpful(run); return most ? `${most.id} ${most.gain}: ${most.hypothesis}` : "none yet"; }),
    fact("bursts", (run) => `${run.cost.evaluations}, ${run.cost.time}`),
    fact("dollars", (run) => run.cost.dollars),
    fact("variants", (run) => `${run.cost.variants.total}, ${run.cost.variants.failed || 0} failed`),
    fact("now", (run) => (run.running ? "running" : run.ended)),
  ];
  const built = table("Runs side by side", [[""], ...known.map(([run]) => [run.name])], rows);
  built.querySelectorAll("th").forEach((head, n) => {
    if (n) head.replaceChildren(el("button", { type: "button", class: "link", text: known[n - 1][0].name, on: { click: () => changed(known[n - 1][1]) } }));
  });
  fill(place, el("h2", { id: "side-by-side-title", text: "Side by side" }), built);
}
