// Puts the page together, and keeps it up to date.

import { byId } from "./dom.js";
import { followTheme } from "./theme.js";
import { showCards } from "./cards.js";
import { showTables } from "./tables.js";
import { showFilters, showVariants } from "./variants.js";
import { mark, showGraph, showGraphControls } from "./graph.js";
import { showCourse, showCourseControls } from "./course.js";
import { showNothing, showPanel } from "./panel.js";
import { showPicker, showSideBySide, showStatus } from "./runs.js";
import { allow, showControl, showPanelControl } from "./control.js";
import { source } from "./source.js";

const state = { from: null, number: 0, runs: [], name: null, detail: null };
const FIRST = "Click a variant, or type its name into “Go to”: its idea, its change, its curve, its measurements.";

async function begin() {
  state.from = await source();
  const [number, name] = asked();
  const sender = await state.from.control();
  allow(sender && ((order) => sender(state.number, order)), say);
  followTheme(redraw);
  document.addEventListener("choose", (event) => open(event.detail.name, event.detail.focus));
  addEventListener("hashchange", () => look(...asked()));
  byId("goto").addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = byId("goto-name").value.trim();
    if (typed) open(/^\d+$/.test(typed) ? `v${typed}` : typed, true);
  });
  await look(number, name);
  for (let other = 0; other < state.from.names.length; other += 1) {
    if (other !== state.number) state.runs[other] = await state.from.run(other);
  }
  if (state.runs.length > 1) redraw();
}

function asked() {
  const given = new URLSearchParams(location.hash.slice(1));
  return [Math.min(Number(given.get("run") || 0), state.from.names.length - 1), given.get("variant")];
}

async function look(number, name) {
  const moved = number !== state.number || !state.runs[number];
  state.number = number;
  if (moved) {
    state.name = state.detail = null;
    mark(null);
    showPicker(state.from.names, number, (to) => { location.hash = `run=${to}`; });
    state.runs[number] = await state.from.run(number);
    showNothing(FIRST);
    redraw();
    state.from.follow(number, changed, () => say("The connection is lost; it is tried again by itself."));
  }
  if (name && name !== state.name) await open(name, false);
}

async function changed(version) {
  say("");
  if (state.runs[state.number].version === version) return;
  const number = state.number;
  const run = await state.from.run(number);
  if (number !== state.number) return;
  state.runs[number] = run;
  redraw();
  if (state.name) await open(state.name, false, true);
}

async function open(name, focus, again = false) {
  try {
    const detail = await state.from.variant(state.number, name);
    if (again && JSON.stringify(detail) === JSON.stringify(state.detail)) return;
    state.name = detail.id;
    state.detail = detail;
    say("");
    showPanel(detail);
    showPanelControl(detail);
    mark(detail.id);
    history.replaceState(null, "", `#run=${state.number}&variant=${encodeURIComponent(detail.id)}`);
    if (focus) {
      byId("panel").scrollIntoView({ block: "nearest" });
      byId("panel-title").focus({ preventScroll: true });
    }
  } catch (error) {
    say(error.message);
  }
}

function redraw() {
  const run = state.runs[state.number];
  const other = (to) => { location.hash = `run=${to}`; };
  showStatus(run, state.from.live);
  showCards(run);
  performance.mark("answers");
  showSideBySide(state.runs, other);
  showGraphControls(redrawGraph);
  showFilters(run, refilter);
  showCourseControls(redrawCourse);
  redrawGraph().then(redrawCourse);
  showVariants(run, refilter);
  showTables(run);
  showControl(run);
  if (state.detail) {
    showPanel(state.detail);
    showPanelControl(state.detail);
  }
}

function refilter() {
  showVariants(state.runs[state.number], refilter);
  redrawGraph();
}

async function redrawGraph() {
  const run = state.runs[state.number];
  try {
    await showGraph(run, `${state.number}`);
  } catch (error) {
    say(error.message);
  }
  performance.mark("graph");
  document.body.dataset.drawn = run.version; // for whoever waits for it
}

function redrawCourse() {
  showCourse(state.runs[state.number], state.runs.filter(Boolean)).catch((error) => say(error.message));
}

function say(text) {
  byId("message").textContent = text;
  byId("message").hidden = !text;
}

begin().catch((error) => say(error.message));
