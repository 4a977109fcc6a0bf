// Elements. Text goes in as text only: what variants and models wrote is never read as HTML.

export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, heard] of Object.entries(value)) made.addEventListener(event, heard);
    else if (name === "text") made.textContent = value;
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function byId(name) {
  return document.getElementById(name);
}

export function fill(place, ...children) {
  place.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

// A button that chooses a variant; whoever listens hears "choose" with its id.
export function variantLink(name, mark = "") {
  const said = mark ? `${mark} ${name}` : name;
  return el("button", { type: "button", class: "link", text: said, on: { click: () => choose(name, true) } });
}

export function choose(name, focus = false) {
  document.dispatchEvent(new CustomEvent("choose", { detail: { name, focus } }));
}

export function select(label, options, chosen, changed) {
  const boxes = options.map(([value, said]) =>
    el("option", { value, text: said, selected: String(value) === String(chosen) }));
  return el("label", {}, `${label} `, el("select", { on: { change: (e) => changed(e.target.value) } }, boxes));
}

export function table(caption, columns, rows) {
  const head = columns.map(([name, kind]) => el("th", { scope: "col", class: kind || "", text: name }));
  const body = rows.map((row) => el("tr", {}, row.map((cell, n) => cellOf(cell, columns[n][1]))));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "hidden", text: caption }),
      el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
}

function cellOf(cell, kind) {
  const inside = cell instanceof Node || Array.isArray(cell) ? cell : String(cell ?? "");
  return el("td", { class: kind || "" }, inside);
}
