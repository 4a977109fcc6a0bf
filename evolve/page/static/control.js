// Orders to a running search, where the server allows them.

import { byId, el, fill } from "./dom.js";

let give = null; // sends an order; null where the page may only look

export function allow(sender, say) {
  give = sender && (async (order) => {
    try {
      say(`${await sender(order)}.`);
    } catch (error) {
      say(error.message);
    }
  });
}

export function showControl(run) {
  const place = byId("control");
  place.hidden = !give;
  if (!give) return;
  if (!place.firstChild) fill(place, el("span", { id: "orders" }), directions());
  const orders = byId("orders");
  const wanted = buttons(run);
  const said = (all) => [...all].map((one) => one.textContent).join();
  if (said(orders.children) === said(wanted)) return;
  const held = orders.contains(document.activeElement);
  fill(orders, wanted);
  if (held) orders.firstChild?.focus();
}

function buttons(run) {
  const button = (said, order) => el("button", { type: "button", text: said, on: { click: () => give(order) } });
  const going = run.paused ? button("Continue", { kind: "continue" }) : button("Pause", { kind: "pause" });
  return [...(run.running ? [going, button("Stop", { kind: "stop" })] : []),
    ...run.held.map((name) => button(`Approve ${name}`, { kind: "approve", variant: name }))];
}

function directions() {
  const words = el("input", { size: "40", maxlength: "2000", autocomplete: "off" });
  const tell = (event) => {
    event.preventDefault();
    if (words.value.trim()) give({ kind: "steer", text: words.value.trim() });
    words.value = "";
  };
  return el("form", { on: { submit: tell } }, el("label", {}, "Tell models, with the next 20 children ", words), " ",
    el("button", { text: "Tell" }));
}

export function showPanelControl(one) {
  if (!give || !one.parents.length) return;
  const button = (kind, said) => el("button", { type: "button", text: said, on: { click: () => give({ kind, variant: one.id }) } });
  byId("panel-title").after(el("div", { class: "controls", id: "panel-control" },
    one.state === "scored" ? button("favour", `Favour ${one.id}`) : null, button("ban", `Ban ${one.id}`)));
}
