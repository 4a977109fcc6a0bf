// The lines of the lineage, on a canvas beneath the chart: plotly would take a second for ten thousand of them.

import { el } from "./dom.js";

// Draw lines between places of the graph, and again whenever the chart is moved.
export function drawEdges(chart, parents, at, colours) {
  const stage = chart.parentElement;
  const canvas = stage.querySelector("canvas.edges") || stage.insertBefore(el("canvas", { class: "edges", "aria-hidden": "true" }), chart);
  const now = (moved = {}) => paint(canvas, chart, parents, at, colours, moved);
  for (const event of ["plotly_relayouting", "plotly_afterplot"]) {
    chart.removeAllListeners(event);
    chart.on(event, now);
  }
  now();
}

function paint(canvas, chart, parents, at, colours, moved) {
  const { l, t, w, h } = chart._fullLayout._size;
  const across = scale(moved, chart._fullLayout, "xaxis", l, w);
  const up = scale(moved, chart._fullLayout, "yaxis", t + h, -h);
  const fine = window.devicePixelRatio || 1;
  const { width, height } = chart.getBoundingClientRect();
  canvas.width = Math.round(width * fine);
  canvas.height = Math.round(height * fine);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(fine, fine);
  pen.beginPath();
  pen.rect(l, t, w, h);
  pen.clip();
  pen.strokeStyle = colours.line;
  pen.globalAlpha = parents.length > 2000 ? 0.35 : 0.8;
  pen.beginPath();
  parents.forEach((above, n) => above.forEach((parent) => {
    const [from, to] = [across(parent), across(n)];
    if (to < l || from > l + w) return;
    pen.moveTo(from, up(at[parent]));
    pen.lineTo(to, up(at[n]));
  }));
  pen.stroke();
}

// From a value on an axis to pixels; while somebody drags, the axis is where the event says.
function scale(moved, layout, axis, start, length) {
  const low = moved[`${axis}.range[0]`] ?? moved[`${axis}.range`]?.[0] ?? layout[axis].range[0];
  const high = moved[`${axis}.range[1]`] ?? moved[`${axis}.range`]?.[1] ?? layout[axis].range[1];
  return (value) => start + (length * (value - low)) / (high - low || 1);
}
