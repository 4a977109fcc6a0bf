// The tables: steps, operators, failures, what runs now, what was spent.

import { byId, el, fill, table, variantLink } from "./dom.js";
import { mostHelpful } from "./cards.js";

export function showTables(run) {
  steps(run);
  operators(run);
  failures(run);
  busy(run);
  spent(run);
  more(run);
}

function steps(run) {
  const most = mostHelpful(run);
  const rows = run.steps.map((step) => [
    variantLink(step.id, step.id === run.champion?.id ? "★" : ""), step.score,
    el("span", { class: step.value > 0 ? "good" : "", text: step.gain || "" }), step.operator, step.model,
    [el("span", { text: step.hypothesis }), step === most ? el("span", { class: "badge good", text: "helped most" }) : null,
      step.credit ? el("div", { class: "dim", text: `owed to ${step.credit}` }) : null].filter(Boolean),
  ]);
  const title = el("h2", { text: "How the champion came about" });
  if (!rows.length) fill(byId("steps"), title, el("p", { text: "The seed is the champion." }));
  else {
    fill(byId("steps"), title, table("The champion's steps from the seed",
      [["variant"], [run.score, "number"], ["gain over its parent", "number"], ["operator"], ["model"], ["hypothesis"]], rows));
  }
}

function operators(run) {
  const rows = run.operators.map((one) => [one.operator, one.model || "–", one.tried, one.refused, one.failed, one.improved,
    one.share, one.rate === null ? "–" : one.rate.toPrecision(2)]);
  const calls = run.calls.map((one) => [one.model, one.outcome, one.calls, one.prompt, one.reply, one.seconds, one.dollars]);
  fill(byId("operators"), el("h2", { text: "Operators and models" }),
    table("Operators", [["operator"], ["model"], ["tried", "number"], ["refused", "number"], ["failed", "number"],
      ["improved", "number"], ["share", "number"], ["expected gain per burst", "number"]], rows),
    calls.length ? el("h3", { text: "LLM calls" }) : null,
    calls.length ? table("LLM calls", [["model"], ["outcome"], ["calls", "number"], ["prompt", "number"], ["reply", "number"],
      ["s/call", "number"], ["dollars", "number"]], calls) : null);
}

function failures(run) {
  const rows = run.failures.map((one) => [one.kind, one.bursts, one.variants, one.said,
    one.examples.flatMap((name) => [variantLink(name), " "])]);
  const refused = run.refusals.map((one) => [one.kind, one.proposals, one.said.join("; ")]);
  fill(byId("failures"), el("h2", { text: "Failures by kind" }),
    rows.length ? table("Failed bursts", [["kind"], ["bursts", "number"], ["variants", "number"], ["the last said"], ["such as"]], rows)
      : el("p", { text: "No burst failed." }),
    refused.length ? el("h3", { text: "Proposals refused before a burst" }) : null,
    refused.length ? table("Refusals", [["kind"], ["proposals", "number"], ["reasons, most often first"]], refused) : null);
}

function busy(run) {
  const title = run.running ? "Running now" : "Under way when it ended";
  const jobs = run.now.map((job) => el("li", { class: job.state === "burst" ? "" : "dim" },
    job.variant ? [variantLink(job.variant), " "] : null, job.what, { burst: " (runs)", waits: " (waits)", asks: " (a model is asked)" }[job.state]));
  fill(byId("now"), el("h2", { text: title }),
    jobs.length ? el("ul", {}, jobs) : el("p", { text: "Nothing." }));
}

function spent(run) {
  const { cost } = run;
  const facts = [
    ["bursts", Object.entries(cost.purposes).map(([name, n]) => `${n} ${name}`).join(", ") || "none"],
    ["afterwards", Object.entries(cost.afterwards).map(([name, n]) => `${n} ${name}`).join(", ")],
    ["per hour", cost.per_hour ? `${cost.per_hour} bursts` : ""],
    ["variants", Object.entries(cost.variants).filter(([name]) => name !== "total").map(([name, n]) => `${n} ${name}`).join(", ")],
    ["stopped early", cost.stopped],
    ["dollars", cost.dollars],
    ["task", run.task],
  ].filter(([, said]) => said);
  fill(byId("spent"), el("h2", { text: "What was spent on what" }),
    el("dl", {}, facts.flatMap(([name, said]) => [el("dt", { text: name }), el("dd", { text: said })])));
}

function more(run) {
  const inside = [];
  if (run.ablation) {
    inside.push(el("h2", { text: "The champion's change, taken apart" }),
      table("Ablation", [["change"], ["left out", "number"], ["alone", "number"], ["verdict"]],
        run.ablation.rows.map((row) => [el("code", { text: row.change }), row.left_out, row.alone,
          el("span", { class: row.helps ? "good" : "dim", text: row.verdict })])),
      el("p", { text: `all together ${run.ablation.whole}` }), el("p", { class: "dim lines", text: run.ablation.said }));
  }
  if (run.lineages.length) {
    inside.push(el("h2", { text: "Islands that are alive" }),
      table("Islands", [["island", "number"], ["best"], [run.score, "number"], ["children", "number"], ["since a gain", "number"]],
        run.lineages.map((one) => [one.island, variantLink(one.best), one.score?.text || "", one.children, one.barren])));
  }
  for (const front of run.fronts) {
    inside.push(el("h2", { text: `${run.score} against ${front.name}` }),
      table(`Front of ${front.name}`, [["variant"], [run.score, "number"], [front.name, "number"]],
        front.points.map((one) => [variantLink(one.variant), one.score.toFixed(run.decimals), one.value.toPrecision(6)])));
  }
  if (run.lessons.length) {
    inside.push(el("h2", { text: "Lessons" }), el("ul", {}, run.lessons.map((line) => el("li", { text: line }))));
  }
  fill(byId("more"), ...inside);
}
