// The best so far with its error, against what had been spent; of one run, or of several in one picture.

import { byId, choose, el, fill, select } from "./dom.js";
import { colours } from "./theme.js";
import { MANY, axis, draw, listen, plain } from "./charts.js";

const UNITS = { evaluations: "bursts", seconds: "burst seconds", dollars: "dollars for LLM calls" };
const look = { by: "evaluations" };

export function showCourseControls(again) {
  fill(byId("course-controls"), select("against", Object.entries(UNITS), look.by, (value) => {
    look.by = value;
    again();
  }));
}

export async function showCourse(run, others) {
  const place = byId("course");
  const now = colours();
  const several = others.filter((one) => one.score === run.score);
  const traces = [dots(run, now)];
  const all = several.length > 1 ? several : [run];
  all.forEach((one, n) => traces.push(...steps(one, all.length > 1 ? now.palette[n % now.palette.length] : now.star, now)));
  await draw(place, traces, {
    xaxis: axis(UNITS[look.by], { rangemode: "tozero" }), yaxis: axis(run.score, { range: rangeOf(run, all) }),
    showlegend: all.length > 1, legend: { orientation: "h", y: 1.12 }, dragmode: "pan", hovermode: "closest",
    uirevision: `${run.name} ${look.by}`,
  });
  listen(place, "plotly_click", (event) => {
    const name = event.points[0].customdata;
    if (name) choose(name);
  });
  if (look.by === "dollars" && !run.course.now.dollars[0]) {
    byId("course-controls").append(el("span", { class: "dim", text: " nothing was paid for, as far as prices are known" }));
  }
}

function dots(run, now) {
  const x = run.course.variants[look.by];
  const kept = run.graph.id.map((_, n) => n).filter((n) => x[n] !== null && run.graph.score[n] !== null);
  return { type: MANY, mode: "markers", name: "variants", showlegend: false, x: kept.map((n) => x[n]),
    y: kept.map((n) => run.graph.score[n]), customdata: kept.map((n) => run.graph.id[n]),
    hovertemplate: "%{customdata}: %{y}<extra></extra>", marker: { color: now.dim, size: 5, opacity: 0.55 } };
}

function steps(run, colour, now) {
  const known = run.course.champions.filter((one) => one.mean !== null);
  if (!known.length) return [];
  const end = run.course.now[look.by][0];
  const x = [];
  const [mean, low, high] = [[], [], []];
  known.forEach((one, n) => {
    const to = n + 1 < known.length ? known[n + 1][look.by] : end;
    x.push(one[look.by], to);
    const error = one.error ?? 0;
    mean.push(one.mean, one.mean);
    low.push(one.mean - error, one.mean - error);
    high.push(one.mean + error, one.mean + error);
  });
  const band = { type: "scatter", mode: "lines", x: [...x, ...[...x].reverse()], y: [...high, ...low.reverse()], fill: "toself",
    hoverinfo: "skip", showlegend: false, line: { width: 0 }, fillcolor: faded(colour) };
  const line = { type: "scatter", mode: "lines", x, y: mean, name: plain(run.name), hoverinfo: "skip", line: { color: colour, width: 2.5 } };
  const marks = { type: "scatter", mode: "markers+text", x: known.map((one) => one[look.by]), y: known.map((one) => one.mean),
    customdata: known.map((one) => one.id), text: known.map((one) => one.id), textposition: "top right", textfont: { color: now.text },
    hovertemplate: "%{customdata}: %{y}<extra></extra>", showlegend: false, cliponaxis: false,
    marker: { color: colour, size: 10, symbol: "star", line: { color: now.text, width: 1 } } };
  return [band, line, marks];
}

// From the best to somewhat beyond the seed: what is far off must not squeeze the steps.
function rangeOf(run, all) {
  const known = all.flatMap((one) => one.course.champions).filter((one) => one.mean !== null);
  if (!known.length) return undefined;
  const ends = known.flatMap((one) => [one.mean - (one.error ?? 0), one.mean + (one.error ?? 0)]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const scores = run.graph.score.filter((score) => score !== null);
  const room = 0.3 * (high - low) || Math.abs(high) * 0.02 || 1;
  const far = (score) => score < low - room || score > high + room;
  return scores.some(far) ? [low - room, high + room] : [Math.min(low, ...scores) - room / 4, Math.max(high, ...scores) + room / 4];
}

function faded(colour) {
  const parts = colour.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
  return `rgba(${parts.join(",")},0.22)`;
}
