// The lineage: a dot for each variant, a line to each parent.

import { byId, choose, el, fill, select } from "./dom.js";
import { colours, ramp } from "./theme.js";
import { MANY, axis, draw, listen, ready } from "./charts.js";
import { drawEdges } from "./edges.js";
import { matching } from "./variants.js";

const look = { colour: "score", arranged: "score" };
const SYMBOLS = { scored: "circle", failed: "x", stopped: "triangle-down", waiting: "square" };
const SHADES = 48;
let shown = null; // what is drawn, for those who point at it
let chosen = null;

export function showGraphControls(again) {
  const set = (name) => (value) => {
    look[name] = value;
    again();
  };
  fill(byId("graph-controls"),
    select("colour", [["score", "score"], ["operator", "operator"], ["model", "model"], ["island", "island"], ["state", "state"]],
      look.colour, set("colour")),
    select("height", [["score", "score"], ["lane", "branches, side by side"], ["generation", "generation"]], look.arranged,
      set("arranged")),
    el("span", { class: "dim", text: "drag to move, wheel to zoom, click a variant" }));
}

export async function showGraph(run, name) {
  await ready(); // somebody may choose a variant before that
  const { graph } = run;
  const now = colours();
  const place = byId("graph");
  const heights = heightsOf(run);
  const keep = matching(graph);
  const dots = coloured(run, now, keep);
  shown = { run, heights };
  const line = graph.line;
  const star = line.length ? [line[line.length - 1]] : [];
  const traces = [
    { type: MANY, mode: "markers", x: graph.id.map((_, n) => n), y: heights.at, hoverinfo: "none",
      marker: { color: dots.colours, size: sizes(graph, keep), symbol: graph.state.map((n) => SYMBOLS[graph.words.state[n]]),
        line: { width: 0 } } },
    { type: MANY, mode: "lines", x: line, y: line.map((n) => heights.at[n]), hoverinfo: "skip", line: { color: now.star, width: 3 } },
    { type: MANY, mode: "markers", x: star, y: star.map((n) => heights.at[n]), hoverinfo: "skip",
      marker: { color: now.star, size: 20, symbol: "star", line: { color: now.text, width: 1 } } },
    ring(graph, heights.at, now),
  ];
  await draw(place, traces, {
    xaxis: axis("order of birth", { zeroline: false }),
    yaxis: axis(heights.title, { ...heights.axis, zeroline: false }),
    dragmode: "pan", hovermode: "closest", hoverdistance: 12, uirevision: `${name} ${look.arranged}`,
  });
  const many = graph.id.length > 300; // then lines to who has no score would hide the others
  const parents = heights.rail && many ? graph.parents.map((above, n) => (graph.score[n] === null ? [] : above)) : graph.parents;
  drawEdges(place, parents, heights.at, now);
  listen(place, "plotly_click", (event) => choose(shown.run.graph.id[event.points[0].x]));
  listen(place, "plotly_hover", (event) => point(event));
  listen(place, "plotly_unhover", () => { byId("tip").hidden = true; });
  legend(run, dots.legend, now, heights);
}

export function mark(name) {
  chosen = name;
  if (!shown || !byId("graph").data) return;
  const { x, y } = ring(shown.run.graph, shown.heights.at, colours());
  Plotly.restyle(byId("graph"), { x: [x], y: [y] }, [3]);
}

function ring(graph, at, now) {
  const n = graph.id.indexOf(chosen);
  const there = n >= 0 && at[n] !== null;
  return { type: MANY, mode: "markers", x: there ? [n] : [], y: there ? [at[n]] : [], hoverinfo: "skip",
    marker: { color: "rgba(0,0,0,0)", size: 22, symbol: "circle", line: { color: now.accent, width: 3 } } };
}

// How high each variant stands. Who has no score stands on a rail below all others.
function heightsOf(run) {
  const { graph } = run;
  if (look.arranged !== "score") {
    const title = look.arranged === "lane" ? "branches; the champion's descent is straight" : "generation";
    const hidden = look.arranged === "lane" ? { showticklabels: false, showgrid: false } : {};
    return { at: graph[look.arranged], title, axis: hidden, rail: false };
  }
  const scores = graph.score.filter((score) => score !== null).sort((a, b) => a - b);
  if (!scores.length) return { at: graph.id.map(() => 0), title: run.score, axis: {}, rail: false };
  const less = run.direction === "minimize";
  const [low, high] = [scores[0], scores[scores.length - 1]];
  const typical = [0.02, 0.98].map((share) => scores[Math.round(share * (scores.length - 1))]);
  const span = Math.max(typical[1] - typical[0], 1e-12);
  const clip = high - low > 4 * span; // a few that are far off must not squeeze all others
  const [from, to] = clip ? [less ? low : typical[0] - span, less ? typical[1] + span : high] : [low, high];
  const room = 0.08 * (to - from || 1);
  const rail = less ? to + room : from - room;
  const at = graph.score.map((score) => (score === null ? rail : clip ? Math.max(from, Math.min(to, score)) : score));
  const range = less ? [rail + room, from - room] : [rail - room, to + room];
  const clipped = clip ? graph.score.filter((score) => score !== null && (score < from || score > to)).length : 0;
  return { at, title: `${run.score}: up is better`, axis: { range }, rail: graph.score.includes(null), clipped };
}

function sizes(graph, keep) {
  const usual = graph.id.length > 2000 ? 5 : graph.id.length > 300 ? 7 : 10;
  const onLine = new Set(graph.line);
  return graph.id.map((_, n) => (!keep[n] ? usual * 0.5 : onLine.has(n) ? usual + 3 : usual));
}

function coloured(run, now, keep) {
  const { graph } = run;
  const found = look.colour === "score" ? byScore(run, now) : byWord(graph, now);
  return { colours: found.colours.map((colour, n) => (keep[n] ? colour : now.faint)), legend: found.legend };
}

function byScore(run, now) {
  const { graph } = run;
  const scores = graph.score.filter((score) => score !== null).sort((a, b) => a - b);
  const [low, high] = [0.05, 0.95].map((share) => scores[Math.round(share * (scores.length - 1))] ?? 0);
  const less = run.direction === "minimize";
  const shade = (score) => {
    const share = high > low ? (score - low) / (high - low) : 0.5;
    return ramp(Math.round((less ? 1 - share : share) * SHADES) / SHADES);
  };
  const steps = [0, 0.25, 0.5, 0.75, 1].map((share) => [ramp(share),
    share === 0 ? (less ? high : low).toFixed(run.decimals) : share === 1 ? (less ? low : high).toFixed(run.decimals) : ""]);
  return { colours: graph.score.map((score) => (score === null ? now.dim : shade(score))),
    legend: [...steps, [now.dim, "no score"]] };
}

function byWord(graph, now) {
  const words = graph.words[look.colour] || [...new Set(graph.island)].sort((a, b) => a - b).map(String);
  const place = graph.words[look.colour] ? graph[look.colour] : graph.island.map((one) => words.indexOf(String(one)));
  const colour = (n) => now.palette[n % now.palette.length];
  return { colours: place.map(colour), legend: words.map((word, n) => [colour(n), word || "no model"]) };
}

function legend(run, found, now, heights) {
  const shapes = run.graph.words.state.map((state) =>
    ({ scored: "● scored", failed: "✕ failed", stopped: "▼ stopped", waiting: "■ waiting" })[state] || state);
  fill(byId("legend"),
    found.map(([colour, word]) => el("span", {}, swatch(colour), word)),
    el("span", {}, swatch(now.star), "★ champion and its descent"),
    shapes.map((shape) => el("span", { text: shape })),
    heights.rail ? el("span", { text: "lowest row: no score" }) : null,
    heights.clipped ? el("span", { text: `${heights.clipped} far off are drawn at the edge` }) : null);
}

function swatch(colour) {
  const made = el("i", { class: "swatch" });
  made.style.background = colour;
  return made;
}

function point(event) {
  const { run } = shown;
  const n = event.points[0].x;
  const { graph } = run;
  const score = graph.score[n] === null ? graph.words.failure[graph.failure[n]] || graph.words.state[graph.state[n]]
    : `${run.score} ${graph.score[n].toFixed(run.decimals)}${graph.error[n] === null ? "" : ` ± ${graph.error[n].toFixed(run.decimals)}`}`;
  const tip = byId("tip");
  fill(tip, el("b", { text: graph.id[n] }), ` ${score}`,
    el("div", { text: `${graph.words.operator[graph.operator[n]]}, island ${graph.island[n]}` }), el("div", { text: graph.hypothesis[n] }));
  tip.hidden = false;
  const { clientX, clientY } = event.event;
  tip.style.left = `${Math.min(clientX + 14, innerWidth - 340)}px`;
  tip.style.top = `${clientY + 14}px`;
}
