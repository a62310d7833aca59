import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { json, one, page, press, script, serve, settled, texts, type } from "./page.js";

const FIELD = '<div class="field"><input id="it" name="bucket" data-choose data-chosen="digits" value="7"></div>';
const FOUND = {
  status: "2 found",
  groups: [
    { title: "Yours", options: [{ value: "1", text: "alpha" }] },
    { title: "", options: [{ value: "2", text: "be\u200bta<b>" }] },
  ],
};

async function field(html, answer = () => json(FOUND)) {
  await page(html);
  const asked = serve(answer);
  const { startChoose } = await script("choose.js");
  startChoose(one("#it"));
  return asked;
}

async function typed(value) {
  type(one("#it"), value);
  mock.timers.tick(250);
  await settled();
}

const sent = () => Object.fromEntries([...document.querySelectorAll("input[name]")].map((i) => [i.name, i.value]));

test("the name is shown, the id is sent", async () => {
  await field(FIELD);
  assert.equal(one("#it").value, "digits");
  assert.deepEqual(sent(), { bucket: "7" });
});

test("a pause in typing asks once, for the last words", async () => {
  const asked = await field(FIELD);
  type(one("#it"), "a");
  mock.timers.tick(249);
  type(one("#it"), "al");
  mock.timers.tick(249);
  assert.equal(asked.length, 0);
  mock.timers.tick(1);
  await settled();
  assert.deepEqual(asked.map((url) => url.search), ["?choices=bucket&q=al"]);
  assert.deepEqual(texts("[role=option]"), ["alpha", "be\\u200bta<b>"]);
  assert.equal(one("[role=status]").textContent, "2 found");
  assert.equal(one("#it").getAttribute("aria-expanded"), "true");
});

test("typed words are sent as they are, until a row is chosen", async () => {
  await field(FIELD);
  await typed("alp");
  assert.deepEqual(sent(), { bucket: "alp" });
  one("[role=option]").click();
  assert.deepEqual(sent(), { bucket: "1" });
  assert.equal(one("#it").value, "alpha");
  assert.equal(one("[role=listbox]").hidden, true);
});

test("arrows go round, Enter chooses and sends nothing, Escape leaves", async () => {
  await field(FIELD);
  press(one("#it"), "ArrowDown");
  await settled();
  const active = () => document.querySelector("[aria-selected=true]")?.textContent;
  assert.equal(active(), "alpha");
  press(one("#it"), "ArrowUp");
  assert.match(active(), /^be/);
  press(one("#it"), "ArrowDown");
  assert.equal(active(), "alpha");
  assert.equal(one("#it").getAttribute("aria-activedescendant"), one("[aria-selected=true]").id);
  assert.equal(press(one("#it"), "Enter"), true);
  assert.deepEqual(sent(), { bucket: "1" });
  assert.equal(press(one("#it"), "Enter"), false);
  press(one("#it"), "ArrowDown");
  await settled();
  assert.equal(press(one("#it"), "Escape"), true);
  assert.equal(one("[role=listbox]").hidden, true);
});

test("an answer that comes too late is not shown", async () => {
  const waiting = [];
  await field(FIELD, () => new Promise((resolve) => { waiting.push(resolve); }));
  await typed("old");
  await typed("new");
  waiting[1](json({ status: "", groups: [{ title: "", options: [{ value: "9", text: "new" }] }] }));
  await settled();
  waiting[0](json(FOUND));
  await settled();
  assert.deepEqual(texts("[role=option]"), ["new"]);
});

test("leaving the field stops the search", async () => {
  const asked = await field(FIELD);
  type(one("#it"), "a");
  one("#it").dispatchEvent(new Event("blur"));
  mock.timers.tick(1000);
  await settled();
  assert.equal(asked.length, 0);
});

test("an error closes the list and keeps what was typed", async () => {
  await field(FIELD, () => json({}, 500));
  await typed("abc");
  assert.equal(one("[role=listbox]").hidden, true);
  assert.deepEqual(sent(), { bucket: "abc" });
});

test("several rows become boxes, each once", async () => {
  await field(`
    <div class="field"><fieldset></fieldset>
    <input id="it" name="member" data-choose data-choose-more></div>`);
  for (const turn of [1, 2]) {
    await typed(`a${turn}`);
    one("[role=option]").click();
    assert.equal(one("#it").value, "");
  }
  const boxes = [...document.querySelectorAll("fieldset input")];
  const facts = boxes.map((box) => [box.type, box.name, box.value, box.checked]);
  assert.deepEqual(facts, [["checkbox", "member", "1", true]]);
});

test("a field inside another page asks that page's address", async () => {
  const asked = await field(`<div data-choose-url="/datasets/new">${FIELD}</div>`);
  await typed("a");
  assert.equal(asked[0].pathname, "/datasets/new");
});
