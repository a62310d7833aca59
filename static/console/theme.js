// Light, dark, or as the system says. theme-init.js applies the same choice before the first paint.
import { near } from "./dom.js";

const KEY = "modelyard.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    return localStorage.getItem(KEY) || "auto";
  } catch {
    return "auto"; // storage is forbidden: the choice lasts for this page only
  }
}

let choice = stored();

function apply() {
  const dark = choice === "dark" || (choice === "auto" && system.matches);
  const theme = dark ? "dark" : "light";
  const changed = document.documentElement.dataset.bsTheme !== theme;
  document.documentElement.dataset.bsTheme = theme;
  for (const button of document.querySelectorAll("button[data-theme-choice]")) {
    button.setAttribute("aria-current", String(button.getAttribute("data-theme-choice") === choice));
  }
  if (changed) document.dispatchEvent(new CustomEvent("theme"));
}

export function startTheme() {
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    choice = event.newValue || "auto";
    apply();
  });
  document.addEventListener("click", (event) => {
    const button = near(event, "button[data-theme-choice]");
    if (!button) return;
    choice = button.dataset.themeChoice ?? "auto";
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // See stored().
    }
    apply();
  });
}
