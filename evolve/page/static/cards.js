// The answers first: who leads, whether that is real, what helped, what it cost.

import { byId, el, fill, variantLink } from "./dom.js";

const LEVELS = { proved: ["proved", "good"], refuted: ["not confirmed", "bad"], likely: ["likely", "fair"],
  open: ["open", "fair"] };

export function showCards(run) {
  fill(byId("cards"), champion(run), real(run), helped(run), cost(run), works(run), fails(run));
}

function card(question, ...inside) {
  return el("article", { class: "card" }, el("h2", { text: question }), ...inside);
}

function champion(run) {
  const best = run.champion;
  if (!best) return card("Who leads?", el("p", { text: "The seed is being measured." }));
  const seed = best.seed.score ? `seed ${best.seed.score.text}` : "";
  return card("Who leads?",
    el("p", { class: "big" }, variantLink(best.id, "★"), " ", el("span", { text: best.score?.text || "" })),
    el("p", { class: "dim", text: `${run.score}, ${run.direction === "minimize" ? "lower" : "higher"} is better; `
      + `from ${best.score?.n ?? 0} bursts` }),
    el("p", { class: "dim", text: seed }),
    el("p", { class: "idea", text: best.hypothesis }),
    best.contender ? el("p", { class: "dim" }, "against it now: ", variantLink(best.contender.id), " ",
      best.contender.score?.text || "") : null,
    best.leader ? el("p", { class: "dim" }, variantLink(best.leader.id), ` ${best.leader.text}`) : null);
}

function real(run) {
  const [word, kind] = LEVELS[run.real.level];
  const trust = run.trust ? el("p", { class: "warn", text: `Scores are ${run.trust}: the engine does not measure them itself.` }) : null;
  return card("Is the gain real?",
    el("p", { class: "big" }, el("span", { class: run.champion?.helps ? "good" : "", text: run.champion?.gain || "no gain yet" }),
      " ", el("span", { class: `badge ${kind}`, text: word })),
    el("p", { class: "dim", text: `${run.score} over the seed` }), el("p", { text: run.real.text }), trust);
}

export function mostHelpful(run) {
  const known = run.steps.filter((step) => step.value !== null && step.value > 0);
  return known.reduce((best, step) => (!best || step.value > best.value ? step : best), null);
}

function helped(run) {
  const most = mostHelpful(run);
  const parts = (run.ablation?.rows || []).filter((row) => row.needed);
  if (!most) return card("Which idea helped most?", el("p", { text: "None has so far." }));
  return card("Which idea helped most?",
    el("p", { class: "big" }, variantLink(most.id), " ", el("span", { class: "good", text: most.gain })),
    el("p", { class: "dim", text: `${run.score} over its parent` }),
    el("p", { class: "idea", text: most.hypothesis }),
    parts.length ? el("p", { class: "dim", text: "Of the whole change, taken apart and measured, these help:" }) : null,
    parts.length ? el("ul", {}, parts.map((row) => el("li", {}, el("code", { text: row.change }), ` ${row.left_out}`))) : null);
}

function cost(run) {
  const { cost: spent } = run;
  const calls = spent.calls ? `${spent.dollars} for ${spent.calls} LLM calls` : "no LLM call";
  return card("What did it cost?",
    el("p", { class: "big", text: `${spent.evaluations} bursts · ${spent.time}` }),
    el("p", { text: calls }),
    ...spent.budgets.map((budget) => el("div", { class: "budget" },
      el("span", { class: "dim", text: `${budget.name} ${budget.used} of ${budget.limit}` }),
      el("progress", { max: "1", value: budget.fraction, "aria-label": `${budget.name} used` }))),
    run.cost.target === null || run.cost.target === undefined ? null
      : el("p", { class: "dim", text: `target: ${run.score} ${spent.target}` }));
}

function works(run) {
  const better = run.operators.filter((one) => one.improved); // the order is that of what the search expects of each
  const best = better.find((one) => one.rate !== null)
    || better.reduce((top, one) => (!top || one.improved / one.tried > top.improved / top.tried ? one : top), null);
  if (!best) return card("Which operator works best?", el("p", { text: "None has improved on a parent yet." }));
  const expected = best.rate === null ? "" : `; the search expects ${best.rate.toPrecision(2)} gain per burst of it`;
  return card("Which operator works best?",
    el("p", { class: "big", text: best.operator }),
    el("p", { text: `${best.model || "without a model"}: ${best.improved} of ${best.tried} proposals improved on `
      + `their parents${expected}` }));
}

function fails(run) {
  const { variants } = run.cost;
  const refused = run.refusals.reduce((sum, one) => sum + one.proposals, 0);
  return card("What failed?",
    el("p", { class: "big", text: `${variants.failed || 0} of ${variants.total} variants` }),
    el("p", { text: run.failures.map((one) => `${one.kind} ${one.bursts}`).join(", ") || "no burst failed" }),
    el("p", { class: "dim", text: refused
      ? `${refused} proposals refused: ${run.refusals.map((one) => `${one.kind} ${one.proposals}`).join(", ")}`
      : "no proposal was refused" }));
}
