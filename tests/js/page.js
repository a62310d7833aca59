// A page for one test: a window of happy-dom, whose names are the global ones.
import { mock } from "node:test";

import { Window } from "happy-dom";

const NAMES = /^([A-Z]\w*)?(Element|Node|Fragment|NodeFilter|Event)$/;
const MORE = ["FormData", "Blob", "File", "MutationObserver", "Text", "document", "location", "navigator"];
// What a node's own targets take, and nothing else.
export const { Event: NodeEvent, EventTarget: NodeTarget } = globalThis;
let scripts = 0;
let last = null;

/** Give a global name another value, for this test file. */
export function put(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** A page with this body. Time stands still: `mock.timers.tick(milliseconds)` lets it pass. */
export async function page(html, { url = "http://console.test/here", lang = "en" } = {}) {
  if (last) await last.happyDOM.close();
  const window = new Window({ url });
  last = window;
  for (const name of [...Object.getOwnPropertyNames(window).filter((known) => NAMES.test(known)), ...MORE]) {
    put(name, window[name]);
  }
  put("window", window);
  for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
    put(name, window[name].bind(window));
  }
  put("requestAnimationFrame", (act) => act());
  URL.createObjectURL = (file) => `blob:${file.name}`;
  window.HTMLElement.prototype.scrollIntoView = () => {};
  window.document.documentElement.lang = lang;
  window.document.body.innerHTML = html;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  return window;
}

/** One of the console's scripts as a page finds it: with nothing left over from another page. */
export function script(name) {
  scripts += 1;
  return import(`../../static/console/${name}?${scripts}`);
}

/** Let everything go on that waits for no timer. */
export async function settled() {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => { setImmediate(resolve); });
}

/** The first match, which has to be there. */
export const one = (selector) => {
  const found = document.querySelector(selector);
  if (!found) throw new Error(`${selector} is not on the page`);
  return found;
};

/** The texts of all matches. */
export const texts = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent);

/** Type into a field. */
export function type(field, value) {
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Press a key; whether the page has taken it for itself. */
export function press(element, key, more = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  element.dispatchEvent(event);
  return event.defaultPrevented;
}

/** An answer of the server in JSON. */
export const json = (body, status = 200) => new Response(JSON.stringify(body), { status });

/** Answer every fetch with `answer(address, options)`; the list of what was asked. */
export function serve(answer) {
  const asked = [];
  put("fetch", (address, options) => {
    asked.push(new URL(address, location.href));
    return Promise.resolve(answer(asked.at(-1), options));
  });
  return asked;
}
