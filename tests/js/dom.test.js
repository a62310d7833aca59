import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { one, page, script, texts } from "./page.js";

// The same table is held against console/ui/format.py and core/visible.py (tests/console).
const WORDS = JSON.parse(readFileSync(new URL("words.json", import.meta.url), "utf8"));
const TOASTS = `
  <meta name="asset-sprite" content="/sprite.svg">
  <div id="toasts"></div>
  <template id="toast-template"><div><svg></svg><div class="notice-body"></div></div></template>`;

test("sizes are written as the server writes them", async () => {
  await page("");
  const { bytes } = await script("dom.js");
  for (const [count, text] of WORDS.bytes) assert.equal(bytes(count), text);
});

test("hidden characters are written out as the server writes them", async () => {
  await page("");
  const { visible } = await script("dom.js");
  for (const [text, shown] of WORDS.visible) assert.equal(visible(text), shown);
  assert.equal(visible("rewritten\r"), "rewritten\\r");
  assert.equal(visible(7), "7");
});

test("what stands in backticks is code, and markup stays text", async () => {
  await page("<p></p>");
  const { ticked } = await script("dom.js");
  one("p").append(...ticked("Set `epochs` to <b>1</b>\u202e, not `0"));
  assert.deepEqual(texts("p code"), ["epochs"]);
  assert.equal(one("p").textContent, "Set epochs to <b>1</b>\\u202e, not `0");
  assert.equal(document.querySelector("b"), null);
});

test("elements are made of attributes and text", async () => {
  await page("");
  const { make } = await script("dom.js");
  const made = make("a", { href: "#here", hidden: true, title: null, download: false }, "<i>", make("b"));
  assert.equal(made.outerHTML, '<a href="#here" hidden="">&lt;i&gt;<b></b></a>');
});

test("a part that the template forgot is named", async () => {
  await page('<div id="box"><span></span></div>');
  const { part } = await script("dom.js");
  assert.equal(part(document, "#box span", HTMLElement).tagName, "SPAN");
  assert.throws(() => part(document, "#box input", HTMLInputElement), /#box input is missing/);
  assert.throws(() => part(document, "#box span", HTMLInputElement), TypeError);
});

test("each element starts once, also those that come later", async () => {
  await page('<i data-it id="a"></i><p id="later"></p>');
  const { each } = await script("dom.js");
  const started = [];
  each("[data-it]", HTMLElement, (element) => started.push(element.id));
  one("#later").innerHTML = '<i data-it id="b"></i>';
  const load = (elt) => document.body.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt } }));
  load(one("#later"));
  load(one("#b"));
  load(document.body);
  assert.deepEqual(started, ["a", "b"]);
});

test("an error of the API speaks by its sentence, anything else by its status", async () => {
  await page("");
  const { explain } = await script("dom.js");
  assert.equal(explain('{"error_msg": "The bucket is full."}', "409 Conflict"), "The bucket is full.");
  assert.equal(explain('{"message": "No."}', "403 Forbidden"), "No.");
  for (const text of ["<html>", "", "null", "[]", "{}"]) assert.equal(explain(text, "502 Bad"), "502 Bad");
});

test("a toast shows text, never markup", async () => {
  await page(TOASTS);
  const { toast } = await script("dom.js");
  toast("`x` <img src=y>", "red");
  assert.equal(one("#toasts > div").dataset.toast, "red");
  assert.ok(one("#toasts > div").classList.contains("notice-red"));
  assert.equal(one("#toasts .notice-body").textContent, "x <img src=y>");
  assert.equal(one("#toasts use").getAttribute("href"), "/sprite.svg#alert-octagon");
  assert.equal(document.querySelector("#toasts img"), null);
});
