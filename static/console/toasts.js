// Messages: good news leaves by itself, errors wait for the reader. Failed htmx requests speak here.
import { near, part, toast } from "./dom.js";

const STAY = 6000; // milliseconds

export function startToasts() {
  const area = part(document, "#toasts", HTMLElement);
  /** @param {HTMLElement} node */
  const plan = (node) => {
    if (node.dataset.toast === "red" || node.dataset.toast === "yellow") return;
    let timer = setTimeout(() => node.remove(), STAY);
    node.addEventListener("mouseenter", () => clearTimeout(timer));
    node.addEventListener("mouseleave", () => {
      timer = setTimeout(() => node.remove(), STAY / 2);
    });
  };
  const isToast = (/** @type {Node} */ node) => node instanceof HTMLElement && "toast" in node.dataset;
  const planAll = (/** @type {Iterable<Node>} */ nodes) => {
    for (const node of nodes) if (isToast(node)) plan(/** @type {HTMLElement} */ (node));
  };
  planAll(area.children);
  new MutationObserver((changes) => {
    for (const change of changes) planAll(change.addedNodes);
  }).observe(area, { childList: true });
  area.addEventListener("click", (event) => {
    near(event, "[data-toast-close]")?.closest("[data-toast]")?.remove();
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.requestConfig?.triggeringEvent?.type === "live") return; // sse.js says so
    toast(`${event.detail.xhr.status} ${event.detail.xhr.statusText}`, "red");
  });
}
