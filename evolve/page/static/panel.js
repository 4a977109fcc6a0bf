// One variant: its idea, what it changed, what came of it, what a model was asked and wrote.

import { byId, el, fill, table, variantLink } from "./dom.js";
import { colours } from "./theme.js";
import { axis, draw, plain } from "./charts.js";

const ENDS = 5; // of a long descent, those that are named
let open = new Set(); // parts that somebody has opened stay open with the next variant

export function showNothing(said) {
  fill(byId("panel"), el("p", { class: "dim", text: said }));
}

export function showPanel(one) {
  const panel = byId("panel");
  const curve = one.measurements.some((m) => m.curve.length > 1) ? el("div", { class: "chart small", role: "img", "aria-label": "Learning curves" }) : null;
  const trials = one.trials.number.length ? el("div", { class: "chart", role: "img", "aria-label": "Optuna's trials; the table below holds the same" }) : null;
  fill(panel,
    el("h3", { id: "panel-title", tabindex: "-1" }, one.champion ? "★ " : "", one.id, " ", el("span", { class: `badge ${one.state === "failed" ? "bad" : ""}`, text: one.state })),
    el("p", { class: "idea", text: one.hypothesis }),
    facts(one),
    ...one.failures.map(failure),
    one.missing ? el("p", { class: "bad", text: one.missing }) : part("diff", one.parents.length ? `Change to ${one.parents[0].id}` : "Change since it was proposed", diff(one.diff), true),
    curve ? part("curve", "Learning curve: loss, as the variant reports it", curve, true) : null,
    part("bursts", `Measurements (${one.measurements.length})`, bursts(one), true),
    trials ? part("trials", `Optuna's trials (${one.trials.number.length})`, [trials, tried(one)], true) : null,
    exchanges(one),
    one.missing ? null : part("source", "Source", el("pre", { tabindex: "0", text: one.source }), false));
  panel.scrollTop = 0;
  if (curve) showCurves(curve, one);
  if (trials) showTrials(trials, one);
}

function part(name, title, inside, usually) {
  const made = el("details", { open: open.has(`+${name}`) || (usually && !open.has(`-${name}`)) },
    el("summary", { text: title }), ...[inside].flat());
  made.addEventListener("toggle", () => {
    open.delete(`${made.open ? "-" : "+"}${name}`);
    open.add(`${made.open ? "+" : "-"}${name}`);
  });
  return made;
}

function facts(one) {
  const rows = [[one.score, `${one.result}${one.n ? `  (n=${one.n})` : ""}`],
    ...Object.entries(one.also),
    ...one.parents.map((parent) => ["parent", [variantLink(parent.id), ` ${parent.result} `,
      parent.gain === null ? "" : el("span", { class: parent.helps ? "good" : "dim", text: `gain ${parent.gain}` })]]),
    ["made by", [one.operator, one.model].filter(Boolean).join(", ")],
    ["island", `${one.island}, generation ${one.generation}`],
    ["descent", descent(one.descent)],
    ["children", one.children.length ? one.children.slice(0, 30).flatMap((name) => [variantLink(name), " "])
      .concat(one.children.length > 30 ? [`and ${one.children.length - 30} more`] : []) : "none"],
    ["owed to", one.credit], ["its numbers", one.numbers],
    ["tuned", Object.entries(one.tuned).map(([name, value]) => `${name}=${value}`).join(", ")]];
  return el("dl", {}, rows.filter(([, said]) => said && said.length !== 0).flatMap(([name, said]) =>
    [el("dt", { text: name }), el("dd", {}, said)]));
}

function descent(names) {
  const skipped = names.length > 2 * ENDS ? names.length - 2 * ENDS : 0;
  const link = (name, n) => [n ? " → " : "", variantLink(name)];
  if (!skipped) return names.flatMap(link);
  return [...names.slice(0, ENDS).flatMap(link), ` → ${skipped} more`, ...names.slice(-ENDS).flatMap((name) => link(name, 1))];
}

function failure(found) {
  return el("div", { class: "failure" }, el("p", {}, el("b", { text: `Why it failed: ${found.kind}. ` }), found.message),
    found.traceback ? el("pre", { tabindex: "0", text: found.traceback }) : null);
}

function diff(text) {
  if (!text) return el("p", { class: "dim", text: "Nothing: the text is the same." });
  const kind = (line) => (/^(\+\+\+|---)/.test(line) ? "dim" : { "+": "added", "-": "removed", "@": "dim" }[line[0]] || "");
  return el("pre", { class: "diff", tabindex: "0" }, text.split("\n").map((line) => el("span", { class: kind(line), text: `${line}\n` })));
}

function bursts(one) {
  const rows = one.measurements.map((m) => [m.purpose, el("span", { class: m.state === "failed" ? "bad" : "", text: m.result }), m.seed,
    m.share === 1 ? `${m.seconds}` : `${m.seconds} (${Math.round(m.share * 100)} %)`, m.tokens, `${m.device} ${m.sandbox}`]);
  if (!rows.length) return el("p", { text: "None has ended yet." });
  return table("Measurements", [["purpose"], [one.score, "number"], ["seed", "number"], ["seconds", "number"], ["tokens", "number"], ["where"]], rows);
}

function tried(one) {
  const names = Object.keys(one.trials.values);
  const rows = one.trials.number.map((number, n) => [`${one.trials.purpose[n]} ${number}`,
    one.trials.score[n] === null ? one.trials.state[n] : one.trials.score[n].toPrecision(6),
    ...names.map((name) => short(one.trials.values[name][n]))]);
  return table("Optuna's trials", [["trial"], [one.score, "number"], ...names.map((name) => [name, "number"])], rows);
}

function short(value) {
  return typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(4) : String(value);
}

function exchanges(one) {
  if (!one.model) return null;
  if (!one.exchanges.length) return part("exchange", "Prompt and reply", el("p", { class: "dim", text: "This run does not say which exchange it came of." }), false);
  return one.exchanges.map((found) => part("exchange", `Prompt and reply: ${found.name}`, found.missing ? el("p", { text: found.missing }) : [
    el("p", { class: "dim", text: `${found.model}: ${found.outcome}, ${found.seconds} s, ${found.dollars}` }),
    ...found.messages.flatMap((message) => [el("h4", { text: message.role }), el("pre", { tabindex: "0", text: message.text })]),
    el("h4", { text: "reply" }), el("pre", { tabindex: "0", text: found.reply })], false));
}

function showCurves(place, one) {
  const now = colours();
  const drawn = one.measurements.filter((m) => m.curve.length > 1).slice(-12);
  const traces = drawn.map((m, n) => ({ type: "scatter", mode: "lines", x: m.curve.map(([progress]) => 100 * progress), y: m.curve.map(([, loss]) => loss),
    name: plain(`${m.purpose}, seed ${m.seed}`), line: { color: now.palette[n % now.palette.length], width: 1.5 },
    hovertemplate: "%{y:.4g} at %{x:.0f} %<extra></extra>" }));
  draw(place, traces, { xaxis: axis("% of the budget", { rangemode: "tozero" }), yaxis: axis("loss"), margin: { l: 46, r: 8, t: 6, b: 38 } }, { displayModeBar: false, scrollZoom: false });
}

function showTrials(place, one) {
  const now = colours();
  const scored = one.trials.score.map((_, n) => n).filter((n) => one.trials.score[n] !== null);
  const pick = (values) => scored.map((n) => values[n]);
  const moved = Object.entries(one.trials.values).filter(([, values]) => new Set(pick(values)).size > 1);
  if (scored.length < 2 || !moved.length) {
    place.remove();
    return;
  }
  const dimensions = moved.map(([name, values]) => dimension(name, pick(values)));
  dimensions.push(dimension(one.score, pick(one.trials.score)));
  draw(place, [{ type: "parcoords", dimensions, labelangle: -20, labelfont: { color: now.text, size: 11 }, tickfont: { color: now.dim, size: 10 },
    rangefont: { color: now.dim, size: 10 }, line: { color: pick(one.trials.score), colorscale: "Viridis", showscale: false } }],
  { paper_bgcolor: "rgba(0,0,0,0)", margin: { l: 50, r: 50, t: 70, b: 20 }, font: { color: now.text } }, { displayModeBar: false });
}

function dimension(name, values) {
  if (values.every((value) => typeof value === "number")) return { label: plain(name), values };
  const words = [...new Set(values.map(String))];
  return { label: plain(name), values: values.map((value) => words.indexOf(String(value))), tickvals: words.map((_, n) => n), ticktext: words.map((word) => word.slice(0, 24)) };
}
