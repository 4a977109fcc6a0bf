// Light or dark: the machine's own until somebody says otherwise.

import { byId } from "./dom.js";

const PALETTE = {
  light: ["#0067a5", "#b34700", "#00745a", "#a3327a", "#7a6200", "#3d4fb8", "#8c2f2f", "#4d6b1f", "#5c5c66", "#006d86"],
  dark: ["#6cb8f0", "#f5a15c", "#4fd1a8", "#ea8ac8", "#e3c94f", "#a3adff", "#ff9a9a", "#b3d873", "#b9b9c6", "#5fd0e6"],
};
const RAMP = {
  light: [[222, 170, 70], [214, 104, 60], [164, 44, 92], [66, 18, 96]],
  dark: [[72, 40, 100], [181, 60, 110], [247, 140, 80], [252, 240, 160]],
};

export function isDark() {
  const said = document.documentElement.dataset.theme;
  return said ? said === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: named("text"), dim: named("dim"), line: named("line"), faint: named("faint"), accent: named("accent"),
    star: named("star"), good: named("good"), bad: named("bad"), panel: named("panel"),
    palette: isDark() ? PALETTE.dark : PALETTE.light,
  };
}

// A colour for a share from 0 (worst) to 1 (best).
export function ramp(share) {
  const stops = isDark() ? RAMP.dark : RAMP.light;
  const at = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const mixed = stops[low].map((value, n) => Math.round(value + (at - low) * (stops[low + 1][n] - value)));
  return `rgb(${mixed.join(",")})`;
}

export function followTheme(changed) {
  const button = byId("theme");
  const show = () => {
    button.textContent = isDark() ? "Light theme" : "Dark theme";
    changed();
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  button.textContent = isDark() ? "Light theme" : "Dark theme";
}
