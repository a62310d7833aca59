// Live pages. A stream of server-sent events says "something changed"; every element with
// hx-trigger="live from:body" then fetches itself again. EventSource resumes by Last-Event-ID on
// its own; while it cannot connect, the page polls and says so.
import { lookAgain, poll, startRefresh } from "./refresh.js";

const POLL = 5000; // milliseconds between questions while there is no stream
const GIVE_UP = 3; // failed connections before the page says that it is stale
const EVENTS = ["message", "changed"];
const REST = 3000; // milliseconds after which a mouse that does not move minds nothing
let moved = -REST;

/** @param {boolean} stale */
function note(stale) {
  for (const element of document.querySelectorAll("[data-stale-note]")) element.toggleAttribute("hidden", !stale);
}

/** @param {string} url */
function connect(url) {
  let failures = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let polling;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const source = new EventSource(url);
  /** @param {MessageEvent} event */
  const heard = (event) => {
    // A burst of events is one refresh.
    if (waiting) return;
    waiting = setTimeout(() => {
      waiting = undefined;
      lookAgain({ id: event.lastEventId, data: event.data });
    }, 150);
  };
  for (const name of EVENTS) source.addEventListener(name, heard);
  source.addEventListener("gone", () => {
    // Deleted, or no longer ours to see: what is on the page is history, so leave it and say so.
    source.close();
    note(true);
  });
  source.addEventListener("open", () => {
    failures = 0;
    clearInterval(polling);
    polling = undefined;
    note(false);
  });
  source.addEventListener("error", () => {
    failures += 1;
    if (failures < GIVE_UP && source.readyState !== EventSource.CLOSED) return;
    note(true);
    polling ??= setInterval(poll, POLL);
    if (source.readyState === EventSource.CLOSED) {
      // The server refused (signed out, gone): EventSource will not come back by itself.
      setTimeout(() => {
        clearInterval(polling);
        connect(url);
      }, POLL * 6);
    }
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}

/**
 * Nothing moves under a moving mouse, in an open menu or under a keyboard user.
 * data-live-calm="menu" minds menus only: the head of a page may change under a resting mouse.
 * @param {HTMLElement} element
 */
function busy(element) {
  if (element.querySelector(".dropdown-menu.show, :focus-visible")) return true;
  if (element.dataset.liveCalm === "menu") {
    return document.querySelector("#tab-live .event-details[open]") !== null;
  }
  return element.matches(":hover") && performance.now() - moved < REST;
}

export function startLive() {
  let missed = false;
  startRefresh();
  addEventListener("pointermove", () => {
    moved = performance.now();
  }, { passive: true });
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (event.detail.requestConfig?.triggeringEvent?.type !== "live") return;
    if (!element.matches("[data-live-calm]") || !busy(element)) return;
    event.preventDefault();
    if (missed) return;
    missed = true;
    const later = () => {
      if (element.isConnected && busy(element)) {
        setTimeout(later, 1000);
        return;
      }
      missed = false;
      lookAgain();
    };
    setTimeout(later, 1000);
  });
  const url = document.body.dataset.liveUrl;
  if (url) {
    // Not before htmx listens: what the first message asks for would be lost.
    document.addEventListener("DOMContentLoaded", () => connect(url), { once: true });
    // A page that the browser has kept comes back without the stream that "pagehide" has closed.
    addEventListener("pageshow", (event) => event.persisted && connect(url));
  } else if (document.querySelector("[data-poll]")) {
    setInterval(poll, POLL);
  }
}
