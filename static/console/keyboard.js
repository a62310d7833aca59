// "/" goes to the search field, Escape leaves it.
import { near } from "./dom.js";

export function startKeyboard() {
  document.addEventListener("keydown", (event) => {
    const field = document.querySelector("[data-search-focus]");
    if (!(field instanceof HTMLInputElement) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && document.activeElement === field) {
      field.blur();
      return;
    }
    if (event.key !== "/" || near(event, "input, textarea, select, [contenteditable]")) return;
    if (field.offsetParent === null) {
      location.assign("/search");
      return;
    }
    event.preventDefault();
    field.focus();
    field.select();
  });
}
