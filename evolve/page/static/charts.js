// What every chart has in common.

import { el } from "./dom.js";
import { colours } from "./theme.js";

const CONFIG = { responsive: true, displaylogo: false, scrollZoom: true, displayModeBar: "hover",
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]] };

// Ten thousand dots want WebGL; where a browser has none, they are drawn all the same, slowly.
const WEBGL = document.createElement("canvas").getContext("webgl") !== null;
export const MANY = WEBGL ? "scattergl" : "scatter";

// plotly is large, and takes long to begin: what can be read without it is on the screen before.
let begun = null;

export function ready() {
  begun ||= window.Plotly ? Promise.resolve() : new Promise((done, failed) => {
    const wrong = () => failed(new Error("The charts cannot be drawn: plotly did not load."));
    const begin = () => document.head.append(el("script", { src: "/static/plotly.min.js", on: { load: done, error: wrong } }));
    requestAnimationFrame(() => setTimeout(begin));
  });
  return begun;
}

// plotly reads some HTML in titles and labels: these characters are spelled out.
export function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function axis(title, more = {}) {
  const now = colours();
  return { title: { text: plain(title), standoff: 8, font: { size: 12.5 } }, gridcolor: now.faint, zerolinecolor: now.faint,
    linecolor: now.line, tickfont: { color: now.dim }, automargin: true, ...more };
}

export async function draw(place, traces, layout, config = {}) {
  await ready();
  const now = colours();
  const whole = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 56, r: 14, t: 10, b: 42 },
    font: { family: "system-ui, sans-serif", size: 13, color: now.text }, showlegend: false,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: now.dim, activecolor: now.text }, ...layout,
  };
  return Plotly.react(place, traces, whole, { ...CONFIG, ...config });
}

// Listen to a chart once: plotly forgets nothing when it draws anew.
export function listen(place, event, heard) {
  place.removeAllListeners(event);
  place.on(event, heard);
}
