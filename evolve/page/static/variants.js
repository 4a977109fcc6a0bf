// The table of variants: the same as the graph, for the keyboard. And the filters, which both obey.

import { byId, el, fill, select, table, variantLink } from "./dom.js";

const SHOWN = 100;
const view = { state: "", operator: "", island: "", text: "", sort: "born", down: false, shown: SHOWN };

export function matching(graph) {
  const text = view.text.toLowerCase();
  return graph.id.map((name, n) =>
    (!view.state || graph.words.state[graph.state[n]] === view.state)
    && (!view.operator || graph.words.operator[graph.operator[n]] === view.operator)
    && (view.island === "" || String(graph.island[n]) === view.island)
    && (!text || name === text || graph.hypothesis[n].toLowerCase().includes(text)
      || (graph.failure[n] >= 0 && graph.words.failure[graph.failure[n]].includes(text))));
}

export function showFilters(run, changed) {
  const { graph } = run;
  const known = JSON.stringify([graph.words.state, graph.words.operator, Math.max(-1, ...new Set(graph.island))]);
  if (byId("filters").dataset.known === known) return; // what somebody types in stays
  byId("filters").dataset.known = known;
  const set = (name) => (value) => {
    view[name] = value;
    view.shown = SHOWN;
    changed();
  };
  const all = (words) => [["", "all"], ...words.map((word) => [word, word])];
  const islands = [...new Set(graph.island)].sort((a, b) => a - b).map(String);
  fill(byId("filters"),
    select("state", all(graph.words.state), view.state, set("state")),
    select("operator", all(graph.words.operator), view.operator, set("operator")),
    select("island", all(islands), view.island, set("island")),
    el("label", {}, "text ", el("input", { id: "filter-text", type: "search", value: view.text, placeholder: "in the hypothesis",
      on: { input: (e) => set("text")(e.target.value) } })),
    el("output", { id: "found" }));
}

export function showVariants(run, again) {
  const { graph } = run;
  const keep = matching(graph);
  const places = graph.id.map((_, n) => n).filter((n) => keep[n]);
  byId("found").textContent = `${places.length} of ${graph.id.length} variants`;
  places.sort(order(graph));
  const rows = places.slice(0, view.shown).map((n) => row(run, n));
  const built = table("Variants", COLUMNS.map(([name, kind]) => [name === "score" ? run.score : name, kind]), rows);
  built.querySelectorAll("th").forEach((head, n) => sortable(head, COLUMNS[n][2], () => showVariants(run, again), again));
  const left = places.length - rows.length;
  const focused = document.activeElement?.dataset?.sort;
  fill(byId("variants"), el("h2", { text: "Variants" }), built,
    left > 0 ? el("button", { type: "button", text: `Show ${Math.min(left, 5 * SHOWN)} more of ${left}`,
      on: { click: () => { view.shown += 5 * SHOWN; showVariants(run, again); } } }) : null);
  if (focused) byId("variants").querySelector(`[data-sort="${focused}"]`)?.focus();
}

const COLUMNS = [["variant", "", "born"], ["score", "number", "score"], ["gain", "number", "gain"], ["state", "", "state"],
  ["operator", "", "operator"], ["island", "number", "island"], ["bursts", "number", "n"], ["trials", "number", "trials"],
  ["hypothesis", "", "hypothesis"]];

function row(run, n) {
  const { graph } = run;
  const score = graph.score[n];
  const error = graph.error[n];
  const gain = graph.gain[n];
  const said = score === null ? "" : score.toFixed(run.decimals) + (error === null ? "" : ` ± ${error.toFixed(run.decimals)}`);
  const state = graph.failure[n] >= 0 ? graph.words.failure[graph.failure[n]] : graph.words.state[graph.state[n]];
  return [variantLink(graph.id[n], graph.id[n] === run.champion?.id ? "★" : ""), said,
    gain === null ? "" : el("span", { class: gain > 0 ? "good" : "dim", text: (gain >= 0 ? "+" : "") + gain.toFixed(run.decimals) }),
    el("span", { class: graph.failure[n] >= 0 ? "bad" : "", text: state }), graph.words.operator[graph.operator[n]],
    graph.island[n], graph.n[n] || "", graph.trials[n] || "", graph.hypothesis[n]];
}

function order(graph) {
  const sign = view.down ? -1 : 1;
  if (view.sort === "born") return (a, b) => sign * (a - b);
  const words = graph.words[view.sort];
  const value = (n) => (words ? words[graph[view.sort][n]] : graph[view.sort][n]);
  return (a, b) => {
    const [one, other] = [value(a), value(b)];
    if (one === other) return a - b;
    if (one === null) return 1; // what has none comes last
    if (other === null) return -1;
    return one < other ? -sign : sign;
  };
}

function sortable(head, name, again) {
  const now = view.sort === name;
  const label = head.textContent;
  head.setAttribute("aria-sort", now ? (view.down ? "descending" : "ascending") : "none");
  head.replaceChildren(el("button", { type: "button", class: "sort", "data-sort": name,
    text: label + (now ? (view.down ? " ↓" : " ↑") : ""),
    on: { click: () => { view.down = now && !view.down; view.sort = name; again(); } } }));
}
