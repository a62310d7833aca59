// Helpers that the other modules share.

/** Token for requests that change something. */
export const csrf = () => document.body.dataset.csrf || "";

/** Run `start(element)` once for every match, now and in everything htmx brings later. */
export function each(selector, start) {
  const seen = new WeakSet();
  const scan = (root) => {
    const found = root.matches?.(selector) ? [root] : [];
    for (const element of [...found, ...root.querySelectorAll(selector)]) {
      if (seen.has(element)) continue;
      seen.add(element);
      start(element);
    }
  };
  scan(document.body);
  document.body.addEventListener("htmx:load", (event) => scan(event.target));
}

/** Element with attributes and children; text is never parsed as HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// What acts on a reader and has no picture, as core/visible.py has it.
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]/g;

/** Text of others as it may be shown: hidden characters are written out. */
export const visible = (text) => String(text).replace(HIDDEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Parts of a sentence whose `names` in backticks are set as code, as console/ui/html.py does. */
export const ticked = (text) =>
  visible(text)
    .split(/`([^`\n]+)`/)
    .map((part, at) => (at % 2 ? make("code", {}, part) : part));

/** Icon of the sprite. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${document.querySelector('meta[name="asset-sprite"]').content}#${name}`);
  svg.append(use);
  return svg;
}

const TOAST_ICONS = { red: "alert-octagon", yellow: "alert-triangle", green: "circle-check", blue: "info-circle" };

/** Short message at the lower edge; red ones stay until they are closed. */
export function toast(text, tone = "blue") {
  const area = document.getElementById("toasts");
  const node = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  node.classList.add(`notice-${tone}`);
  node.dataset.toast = tone;
  node.querySelector("svg").replaceWith(icon(TOAST_ICONS[tone] || "info-circle"));
  node.querySelector(".notice-body").replaceChildren(...ticked(text));
  area.append(node);
  return node;
}

/** Bytes as console/ui/format.py writes them. */
export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)}\u00a0${units[unit]}`;
}

/** Sentence of an error answer of our API, or its status. */
export async function explain(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    return body.error_msg || body.message || `${response.status} ${response.statusText}`;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return `${response.status} ${response.statusText}`;
  }
}
