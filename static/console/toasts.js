// Messages: good news leaves by itself, errors wait for the reader. Failed htmx requests speak here.
import { toast } from "./dom.js";

const STAY = 6000; // milliseconds

export function startToasts() {
  const area = document.getElementById("toasts");
  const plan = (node) => {
    if (node.dataset.toast === "red" || node.dataset.toast === "yellow") return;
    let timer = setTimeout(() => node.remove(), STAY);
    node.addEventListener("mouseenter", () => clearTimeout(timer));
    node.addEventListener("mouseleave", () => {
      timer = setTimeout(() => node.remove(), STAY / 2);
    });
  };
  area.querySelectorAll("[data-toast]").forEach(plan);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.dataset?.toast) plan(node);
    }
  }).observe(area, { childList: true });
  area.addEventListener("click", (event) => {
    event.target.closest("[data-toast-close]")?.closest("[data-toast]").remove();
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.requestConfig?.triggeringEvent?.type === "live") return; // sse.js says so
    toast(`${event.detail.xhr.status} ${event.detail.xhr.statusText}`, "red");
  });
}
