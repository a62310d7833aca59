// Colours JSON. Builds text nodes only, so a value can never become markup.
import { each, make } from "./dom.js";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
const LIMIT = 200_000; // characters; beyond that plain text is faster to read and to draw

/**
 * Show a JSON text with its parts coloured.
 * @param {Element} element
 * @param {string} text
 */
export function paint(element, text) {
  element.replaceChildren();
  if (text.length > LIMIT) {
    element.textContent = text;
    return;
  }
  let last = 0;
  for (const match of text.matchAll(TOKEN)) {
    element.append(text.slice(last, match.index));
    const [whole, string, colon, literal] = match;
    const kind = string ? (colon ? "k" : "s") : literal ? "l" : "n";
    element.append(make("span", { class: kind }, string || whole), colon || "");
    last = match.index + whole.length;
  }
  element.append(text.slice(last));
}

export function startJson() {
  each("pre[data-json]", HTMLElement, (element) => paint(element, element.textContent ?? ""));
}
