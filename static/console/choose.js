// Search boxes of fields that offer more rows than a list can hold (console/choices.py). Without
// this script the field takes an id or the exact name; with it, what is typed is searched for.
import { make, visible } from "./dom.js";

const PAUSE = 250; // ms after the last key
let boxes = 0;

function drawn({ title, options }) {
  const group = make("div", { role: "group", "aria-label": title || null });
  if (title) group.append(make("div", { class: "choose-title", "aria-hidden": "true" }, title));
  for (const { value, text } of options) {
    group.append(make("div", { class: "choose-option", role: "option", "aria-selected": "false", "data-value": value }, visible(text)));
  }
  return group;
}

/** Turn the text field `input` into a combobox (ARIA 1.2) over a hidden field of its name. */
export function startChoose(input) {
  const several = "chooseMore" in input.dataset;
  const box = `choose-${(boxes += 1)}`;
  const list = make("div", { id: box, role: "listbox", class: "choose-list", hidden: true, "aria-label": input.dataset.label || "" });
  const status = make("div", { role: "status", class: "choose-status" });
  const kept = make("input", { type: "hidden", name: input.name, value: input.value });
  const name = input.name;
  let shown = input.dataset.chosen || input.value;
  let active = -1;
  let asked = 0;
  let timer = 0;

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

  const options = () => [...list.querySelectorAll("[role=option]")];

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function mark(at) {
    const all = options();
    if (!all.length) return;
    active = (at + all.length) % all.length;
    all.forEach((option, index) => option.setAttribute("aria-selected", String(index === active)));
    input.setAttribute("aria-activedescendant", all[active].id);
    all[active].scrollIntoView({ block: "nearest" });
  }

  async function search(words) {
    const turn = (asked += 1);
    const query = new URLSearchParams({ choices: name, q: words });
    let found;
    try {
      const url = input.closest("[data-choose-url]")?.dataset.chooseUrl || location.pathname;
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

  function tick(value, text) {
    const set = input.closest(".field").querySelector("fieldset");
    let one = [...set.querySelectorAll("input[type=checkbox]")].find((box) => box.value === value);
    if (!one) {
      one = make("input", { type: "checkbox", name, value, class: "form-check-input" });
      set.append(make("label", { class: "form-check" }, one, " ", make("span", { class: "form-check-label" }, text)));
    }
    one.checked = true;
    one.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function choose(option) {
    const text = option.textContent.trim();
    if (several) {
      tick(option.dataset.value, text);
      input.value = "";
    } else {
      kept.value = option.dataset.value;
      input.value = shown = text;
    }
    status.textContent = text;
    close();
  }

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
    const option = event.target.closest("[role=option]");
    if (option) choose(option);
  });
  input.addEventListener("blur", () => {
    clearTimeout(timer);
    asked += 1;
    close();
  });
}
