// Helpers that the other modules share.

/** Token for requests that change something. */
export const csrf = () => document.body.dataset.csrf || "";

/**
 * The one element of `kind` below `root` that a template promises.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 * @throws {TypeError} where the template does not keep its promise
 */
export function part(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new TypeError(`${selector} is missing on the page`);
  return found;
}

/**
 * The element an event is about: the nearest match at or above its target.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function near(event, selector) {
  const found = event.target instanceof Element ? event.target.closest(selector) : null;
  return found instanceof HTMLElement ? found : null;
}

/**
 * Run `start(element)` once for every match, now and in everything htmx brings later.
 * @template {HTMLElement} T
 * @param {string} selector
 * @param {new () => T} kind
 * @param {(element: T) => void} start
 */
export function each(selector, kind, start) {
  const seen = new WeakSet();
  /** @param {Element} root */
  const scan = (root) => {
    const found = root.matches(selector) ? [root] : [];
    for (const element of [...found, ...root.querySelectorAll(selector)]) {
      if (!(element instanceof kind) || seen.has(element)) continue;
      seen.add(element);
      start(element);
    }
  };
  scan(document.body);
  document.body.addEventListener("htmx:load", (event) => scan(event.detail.elt));
}

/**
 * Element with attributes and children; text is never parsed as HTML. An attribute that is `true`
 * is there without a value; one that is `false`, null or undefined is left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean | null | undefined>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// What acts on a reader and has no picture, as core/visible.py has it. With "u", \ud800-\udfff are
// halves of pairs that stand alone.
const HIDDEN = new RegExp(
  String.raw`[\u034f\u17b4\u17b5\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e` +
    String.raw`\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb` +
    String.raw`\ud800-\udfff\u{e0000}-\u{e007f}]`,
  "gu",
);

/** @param {string} one */
function written(one) {
  const code = one.codePointAt(0) ?? 0;
  if (code === 0x0d) return "\\r";
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/**
 * Text of others as it may be shown: hidden characters are written out.
 * @param {unknown} text
 */
export const visible = (text) => String(text).replace(HIDDEN, written);

/**
 * Parts of a sentence whose `names` in backticks are set as code, as console/ui/html.py does.
 * @param {unknown} text
 * @returns {(string | HTMLElement)[]}
 */
export const ticked = (text) =>
  visible(text)
    .split(/`([^`\n]+)`/)
    .map((words, at) => (at % 2 ? make("code", {}, words) : words));

/**
 * Icon of the sprite.
 * @param {string} name
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${part(document, 'meta[name="asset-sprite"]', HTMLMetaElement).content}#${name}`);
  svg.append(use);
  return svg;
}

/** @type {Record<string, string>} */
const TOAST_ICONS = { red: "alert-octagon", yellow: "alert-triangle", green: "circle-check", blue: "info-circle" };

/**
 * Short message at the lower edge; red and yellow ones stay until they are closed.
 * @param {unknown} text
 * @param {"blue" | "green" | "yellow" | "red"} tone
 */
export function toast(text, tone = "blue") {
  const model = part(part(document, "#toast-template", HTMLTemplateElement).content, "*", HTMLElement);
  const node = /** @type {HTMLElement} */ (model.cloneNode(true));
  node.classList.add(`notice-${tone}`);
  node.dataset.toast = tone;
  part(node, "svg", SVGElement).replaceWith(icon(TOAST_ICONS[tone]));
  part(node, ".notice-body", HTMLElement).replaceChildren(...ticked(text));
  part(document, "#toasts", HTMLElement).append(node);
}

/**
 * Bytes as console/ui/format.py writes them.
 * @param {number} count
 */
export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)}\u00a0${units[unit]}`;
}

/**
 * Sentence of an error answer of our API, or its status.
 * @param {string} text what was answered
 * @param {string} status number and word
 * @returns {string}
 */
export function explain(text, status) {
  try {
    const body = JSON.parse(text);
    return body?.error_msg || body?.message || status;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return status;
  }
}
