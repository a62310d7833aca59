import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { NodeEvent, NodeTarget, one, page, put, script } from "./page.js";

let streams = [];

class Stream extends NodeTarget {
  static CLOSED = 2;
  readyState = 0;
  constructor(url) {
    super();
    this.url = url;
    streams.push(this);
  }
  close() {
    this.readyState = Stream.CLOSED;
  }
  say(name, more = {}) {
    this.dispatchEvent(Object.assign(new NodeEvent(name), more));
  }
}

/** Requests on their way, which outlast the page: refresh.js is loaded once. */
const away = new Set();

/** A page that listens, with htmx as far as it matters: each "live" event is a request. */
async function live(html = "", { stream = true, calm = "" } = {}) {
  for (const xhr of away) xhr.dispatchEvent(new NodeEvent("loadend"));
  streams = [];
  put("EventSource", Stream);
  const window = await page(`<p hidden data-stale-note>stale</p><div id="it" ${calm}>${html}</div>`);
  window.htmx = { config: { defaultSettleDelay: 20 } };
  if (stream) document.body.dataset.liveUrl = "/events";
  const requests = [];
  document.body.addEventListener("live", (event) => {
    const requestConfig = { triggeringEvent: event };
    const detail = { elt: one("#it"), requestConfig };
    const before = new CustomEvent("htmx:beforeRequest", { cancelable: true, detail });
    document.body.dispatchEvent(before);
    if (before.defaultPrevented) return;
    const xhr = Object.assign(new NodeTarget(), { status: 200 });
    away.add(xhr);
    xhr.addEventListener("loadend", () => away.delete(xhr));
    document.body.dispatchEvent(new CustomEvent("htmx:beforeSend", { detail: { xhr, requestConfig } }));
    requests.push({
      end(status = 200) {
        xhr.status = status;
        xhr.dispatchEvent(new NodeEvent("loadend"));
      },
    });
  });
  const { startLive } = await script("sse.js");
  startLive();
  document.dispatchEvent(new Event("DOMContentLoaded"));
  return { requests, window };
}

const stale = () => !one("[data-stale-note]").hidden;

test("a burst of events is one refresh", async () => {
  const { requests } = await live();
  assert.deepEqual(streams.map(({ url }) => url), ["/events"]);
  for (const name of ["message", "changed", "changed"]) streams[0].say(name);
  mock.timers.tick(149);
  assert.equal(requests.length, 0);
  mock.timers.tick(1);
  assert.equal(requests.length, 1);
});

test("what changes while a refresh is on its way is asked for after it", async () => {
  const { requests } = await live();
  streams[0].say("changed");
  mock.timers.tick(150);
  streams[0].say("changed");
  mock.timers.tick(150);
  assert.equal(requests.length, 1);
  requests[0].end();
  mock.timers.tick(20);
  assert.equal(requests.length, 2);
  requests[1].end();
  mock.timers.tick(60_000);
  assert.equal(requests.length, 2);
});

test("a refresh that fails is tried again; one that is refused is not", async () => {
  const { requests } = await live();
  streams[0].say("changed");
  mock.timers.tick(150);
  requests[0].end(503);
  mock.timers.tick(5000);
  assert.equal(requests.length, 2);
  requests[1].end(0);
  mock.timers.tick(5000);
  assert.equal(requests.length, 3);
  requests[2].end(404);
  mock.timers.tick(60_000);
  assert.equal(requests.length, 3);
});

test("without a stream the page polls and says that it may be stale", async () => {
  const { requests } = await live();
  for (const turn of [1, 2, 3]) {
    assert.equal(stale(), false, `before failure ${turn}`);
    streams[0].say("error");
  }
  assert.equal(stale(), true);
  mock.timers.tick(5000);
  assert.equal(requests.length, 1);
  mock.timers.tick(5000); // the first one is still on its way
  assert.equal(requests.length, 1);
  requests[0].end();
  streams[0].say("open");
  assert.equal(stale(), false);
  mock.timers.tick(60_000);
  assert.equal(requests.length, 1);
});

test("a stream that the server refuses is asked for again, and polled meanwhile", async () => {
  const { requests } = await live();
  streams[0].close();
  streams[0].say("error");
  assert.equal(stale(), true);
  mock.timers.tick(29_999);
  assert.equal(streams.length, 1);
  assert.equal(requests.length, 1);
  mock.timers.tick(1);
  assert.equal(streams.length, 2);
  streams[1].say("open");
  assert.equal(stale(), false);
});

test("what is gone stays on the page as it was", async () => {
  const { requests } = await live();
  streams[0].say("gone");
  assert.deepEqual([stale(), streams[0].readyState], [true, Stream.CLOSED]);
  mock.timers.tick(60_000);
  assert.deepEqual([requests.length, streams.length], [0, 1]);
});

test("a page that comes back out of the browser's memory listens again", async () => {
  await live();
  dispatchEvent(new Event("pagehide"));
  assert.equal(streams[0].readyState, Stream.CLOSED);
  dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
  assert.equal(streams.length, 1);
  dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  assert.equal(streams.length, 2);
});

test("an open menu keeps its place, and the page follows when it has closed", async () => {
  const { requests } = await live('<div class="dropdown-menu show"></div>', { calm: "data-live-calm" });
  streams[0].say("changed");
  mock.timers.tick(150);
  streams[0].say("changed");
  mock.timers.tick(3000);
  assert.equal(requests.length, 0);
  one(".dropdown-menu").classList.remove("show");
  mock.timers.tick(1000);
  assert.equal(requests.length, 1);
});

test("an element that has left the page with its menu open holds nothing up", async () => {
  const { requests } = await live('<div class="dropdown-menu show"></div>', { calm: "data-live-calm" });
  streams[0].say("changed");
  mock.timers.tick(150);
  one("#it").outerHTML = '<div id="it" data-live-calm></div>';
  mock.timers.tick(1000);
  assert.equal(requests.length, 1);
});

test("a list without a stream polls while something on it moves, and is seen", async () => {
  const { requests } = await live("<i data-poll></i>", { stream: false });
  assert.equal(streams.length, 0);
  mock.timers.tick(5000);
  assert.equal(requests.length, 1);
  requests[0].end();
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  mock.timers.tick(10_000);
  assert.equal(requests.length, 1);
});

test("a page where nothing moves asks nothing", async () => {
  const { requests } = await live("", { stream: false });
  mock.timers.tick(60_000);
  assert.deepEqual([requests.length, streams.length], [0, 0]);
});
