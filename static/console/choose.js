// Search boxes of fields that offer more rows than a list can hold (console/choices.py). Without
// this script the field takes an id or the exact name; with it, what is typed is searched for.
import { make, near, part, visible } from "./dom.js";

const PAUSE = 250; // ms after the last key
let boxes = 0;

/** @typedef {{ title: string, options: { value: string, text: string }[] }} Group */

/** @param {Group} group */
function drawn({ title, options }) {
  const group = make("div", { role: "group", "aria-label": title || null });
  if (title) group.append(make("div", { class: "choose-title", "aria-hidden": "true" }, title));
  for (const { value, text } of options) {
    const attributes = { class: "choose-option", role: "option", "aria-selected": "false", "data-value": value };
    group.append(make("div", attributes, visible(text)));
  }
  return group;
}

/**
 * Turn the text field `input` into a combobox (ARIA 1.2) over a hidden field of its name. With
 * data-choose-more it adds boxes to a fieldset instead, one for each choice.
 * @param {HTMLInputElement} input
 */
export function startChoose(input) {
  const several = "chooseMore" in input.dataset;
  const box = `choose-${(boxes += 1)}`;
  const label = input.dataset.label || "";
  const list = make("div", { id: box, role: "listbox", class: "choose-list", hidden: true, "aria-label": label });
  const status = make("div", { role: "status", class: "choose-status" });
  const kept = make("input", { type: "hidden", name: input.name, value: input.value });
  const name = input.name;
  let shown = input.dataset.chosen || input.value;
  let active = -1;
  let asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", box);
  if (!several) {
    input.removeAttribute("name");
    input.value = shown;
    input.before(kept);
  }
  const frame = make("div", { class: "choose" });
  input.before(frame);
  frame.append(input, list, status);

  /** @returns {HTMLElement[]} */
  const options = () => [...list.querySelectorAll("div")].filter((one) => one.getAttribute("role") === "option");

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  /** @param {number} at its place in the list; negative counts from the end */
  function mark(at) {
    const all = options();
    if (!all.length) return;
    active = (at + all.length) % all.length;
    all.forEach((option, index) => option.setAttribute("aria-selected", String(index === active)));
    input.setAttribute("aria-activedescendant", all[active].id);
    all[active].scrollIntoView({ block: "nearest" });
  }

  /** @param {string} words */
  async function search(words) {
    const turn = (asked += 1);
    const query = new URLSearchParams({ choices: name, q: words });
    /** @type {{ groups: Group[], status: string }} */
    let found;
    try {
      const url = input.closest("[data-choose-url]")?.getAttribute("data-choose-url") || location.pathname;
      const answer = await fetch(`${url}?${query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      found = await answer.json();
    } catch {
      if (turn === asked) close();
      return;
    }
    if (turn !== asked) return; // a later search is under way
    list.replaceChildren(...found.groups.map(drawn));
    options().forEach((option, index) => {
      option.id = `${box}-${index}`;
    });
    status.textContent = found.status;
    list.hidden = options().length === 0;
    active = -1;
    input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-expanded", String(!list.hidden));
  }

  /**
   * @param {string} value
   * @param {string} text
   */
  function tick(value, text) {
    const set = part(input.closest(".field") ?? document, "fieldset", HTMLFieldSetElement);
    let one = [...set.querySelectorAll("input")].find((other) => other.type === "checkbox" && other.value === value);
    if (!one) {
      one = make("input", { type: "checkbox", name, value, class: "form-check-input" });
      const words = make("span", { class: "form-check-label" }, text);
      set.append(make("label", { class: "form-check" }, one, " ", words));
    }
    one.checked = true;
    one.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** @param {HTMLElement} option */
  function choose(option) {
    const value = option.dataset.value ?? "";
    const text = (option.textContent ?? "").trim();
    if (several) {
      tick(value, text);
      input.value = "";
    } else {
      kept.value = value;
      input.value = shown = text;
    }
    status.textContent = text;
    close();
  }

  /** @param {string} words */
  const ask = (words) => {
    clearTimeout(timer);
    timer = setTimeout(() => search(words), PAUSE);
  };
  input.addEventListener("input", () => {
    kept.value = input.value; // an id or the exact name needs no search
    shown = "";
    ask(input.value);
  });
  input.addEventListener("click", () => {
    if (list.hidden) search(shown && !several ? "" : input.value);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (list.hidden) search(shown && !several ? "" : input.value).then(() => mark(step > 0 ? 0 : -1));
      else mark(active < 0 && step < 0 ? -1 : active + step);
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      if (active >= 0) choose(options()[active]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays
  list.addEventListener("click", (event) => {
    const option = near(event, "[role=option]");
    if (option) choose(option);
  });
  input.addEventListener("blur", () => {
    clearTimeout(timer);
    asked += 1;
    close();
  });
}
