import assert from "node:assert/strict";
import { test } from "node:test";

import { json, one, page, script, serve, settled, texts, type } from "./page.js";

const FORM = (sample = "") => `
  <form action="/predict" data-predict data-field="image" data-method="POST" data-max-bytes="20"
    data-word-limit="Too large" data-word-failed="No good answer" data-word-json="Not JSON">
    <button type="button" data-predict-mode="file"></button><button type="button" data-predict-mode="json"></button>
    <label data-drop data-predict-file><img data-predict-preview hidden><span data-predict-hint></span>
      <input type="file"></label>
    <textarea data-predict-json hidden>${sample}</textarea>
    <button type="submit" data-predict-send></button>
    <div data-predict-idle></div>
    <div data-predict-answer hidden><div data-predict-top></div><div data-predict-meta></div>
      <pre data-predict-raw></pre></div>
  </form>`;

async function form(sample, answer) {
  await page(FORM(sample));
  const sent = [];
  serve((url, options) => {
    sent.push({ url, ...options });
    return answer();
  });
  const { startPredict } = await script("predict.js");
  startPredict(one("form"));
  return sent;
}

async function submit() {
  one("form").dispatchEvent(new Event("submit", { cancelable: true }));
  await settled();
}

async function choose(file) {
  Object.defineProperty(one("input"), "files", { value: [file], configurable: true });
  one("input").dispatchEvent(new Event("change"));
  await settled();
}

const top = () => one("[data-predict-top]");
const raw = () => one("[data-predict-raw]").textContent;

test("answers in the shapes that services give", async () => {
  await page("");
  const { headline } = await script("predict.js");
  for (const [answer, line, bars] of [
    [{ predicted_label: "3", scores: [["3", "0.9"], ["8", "0.1"]] }, "3", [["3", 0.9], ["8", 0.1]]],
    [{ probabilities: { cat: 0.2, dog: 0.8 } }, "dog", [["dog", 0.8], ["cat", 0.2]]],
    [[{ label: "cat", score: 0.7 }], "cat", [["cat", 0.7]]],
    [{ scores: [0.1, 0.9] }, "1", [["1", 0.9], ["0", 0.1]]],
    [{ scores: [0.1, 4, -1] }, "0", [["0", 0.1]]],
    [{ text: "hello", length: 5 }, "hello", []],
    [{ confidence: 0.5 }, "", [["", 0.5]]],
    [{ label: 0 }, "0", []],
    [{ nested: {} }, "", []],
    [[], "", []],
    ["yes", "yes", []],
    [null, "null", []],
    [false, "false", []],
  ]) assert.deepEqual(headline(answer), { top: line, bars }, JSON.stringify(answer));
});

test("five shares at most are ranked", async () => {
  await page("");
  const { headline } = await script("predict.js");
  assert.equal(headline({ scores: [0.1, 0.1, 0.2, 0.1, 0.1, 0.2, 0.2] }).bars.length, 5);
});

test("a model that takes JSON begins there", async () => {
  const sent = await form('{"x": 1}', () => json({ label: "a<b>", probabilities: { "a<b>": 0.25 } }));
  assert.equal(one("[data-predict-json]").hidden, false);
  assert.equal(one("[data-predict-send]").disabled, false);
  await submit();
  assert.equal(sent[0].body, '{"x": 1}');
  assert.equal(sent[0].headers["Content-Type"], "application/json");
  assert.match(top().textContent, /^a<b>/);
  assert.deepEqual(texts(".predict-bars span"), ["a<b>", "25.0 %"]);
  assert.match(one("[data-predict-meta]").textContent, /^HTTP 200 · \d+ ms$/);
  assert.equal(raw(), JSON.stringify({ label: "a<b>", probabilities: { "a<b>": 0.25 } }, null, 2));
});

test("a file goes as the part that the service expects", async () => {
  const sent = await form("", () => json([7]));
  assert.equal(one("[data-predict-send]").disabled, true);
  await choose(new File(["png"], "seven.png", { type: "image/png" }));
  assert.equal(one("[data-predict-hint]").textContent, "seven.png");
  assert.equal(one("[data-predict-preview]").hidden, false);
  assert.equal(one("[data-predict-preview]").alt, "seven.png");
  await submit();
  assert.equal(sent[0].body.get("image").name, "seven.png");
  assert.equal(top().textContent, "7");
});

test("without a file nothing is sent", async () => {
  const sent = await form("", () => json({}));
  await submit();
  assert.equal(sent.length, 0);
});

test("what is too large or no JSON is not sent", async () => {
  const sent = await form("{broken", () => json({}));
  await submit();
  assert.match(top().textContent, /^Not JSON\n/);
  type(one("[data-predict-json]"), JSON.stringify("x".repeat(30)));
  await submit();
  assert.equal(top().textContent, "Too large");
  assert.ok(top().classList.contains("is-failed"));
  assert.equal(sent.length, 0);
});

test("an error speaks by its sentence and next step, and clears the old answer", async () => {
  let answer = json({ label: "a" });
  await form("{}", () => answer);
  await submit();
  answer = json({ error_msg: "No instance is ready.", hint: "Start `digits`." }, 503);
  await submit();
  assert.equal(top().textContent, "No instance is ready. Start digits.");
  assert.ok(top().classList.contains("is-failed"));
  answer = json({ label: "b" });
  await submit();
  assert.equal(top().textContent, "b");
  assert.equal(top().classList.contains("is-failed"), false);
});

test("an answer that is no JSON is shown as it is, hidden characters written out", async () => {
  await form("{}", () => new Response("<h1>\u202eoops"));
  await submit();
  assert.equal(top().textContent, "No good answer");
  assert.equal(raw(), "<h1>\\u202eoops");
});

test("null is an answer", async () => {
  await form("{}", () => json(null));
  await submit();
  assert.deepEqual([top().textContent, raw()], ["null", "null"]);
  assert.equal(top().classList.contains("is-failed"), false);
});

test("no answer at all is said, and it can be tried again", async () => {
  await form("{}", () => Promise.reject(new TypeError("Failed to fetch")));
  await submit();
  assert.deepEqual([top().textContent, raw()], ["No good answer", "Failed to fetch"]);
  assert.equal(one("[data-predict-send]").disabled, false);
});
