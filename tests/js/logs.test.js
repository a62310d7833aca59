import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { json, one, page, press, script, serve, settled, texts, type } from "./page.js";

const VIEWER = (live) => `
  <section id="log" data-log data-url="/log" data-own="Platform" ${live ? "data-live" : ""}>
    <input data-log-search><span data-log-hits></span>
    <button data-log-prev></button><button data-log-next></button>
    <button data-log-error hidden></button><button data-log-wrap></button><button data-log-follow></button>
    <div class="is-wrapped" data-log-body></div>
    <span data-log-state data-waiting="waiting" data-following="following" data-ended="ended" data-paused="paused"
      data-broken="broken"></span><span data-log-count data-word="lines"></span>
  </section>`;

/** A viewer of these pieces, one for each question; the last one is answered for ever. */
async function log(pieces, { live = true, url = undefined } = {}) {
  await page(VIEWER(live), { url });
  const left = [...pieces];
  const asked = serve(() => {
    const piece = left.length > 1 ? left.shift() : left[0];
    return piece instanceof Response ? piece : json(piece);
  });
  const { startLog } = await script("logs.js");
  startLog(one("#log"));
  await settled();
  return asked;
}

/** Let the viewer ask again. */
async function later(milliseconds = 2000) {
  mock.timers.tick(milliseconds);
  await settled();
}

const lines = () => texts(".log-line > span");
const state = () => one("[data-log-state]").textContent;
const whole = (text, marks) => ({ text, marks, next: text.length, eof: true, closed: true });

test("pieces join where a line was cut, and the offset goes on", async () => {
  const asked = await log([
    { text: "one\ntw", next: 6, eof: false },
    { text: "o\n\nthree", next: 13, eof: true },
    { text: "", next: 13, eof: true, closed: true },
  ]);
  assert.deepEqual(lines(), ["one", "tw"]);
  assert.equal(state(), "following");
  await later(0);
  assert.deepEqual(lines(), ["one", "two", "", "three"]);
  await later();
  assert.equal(state(), "ended");
  await later(60_000);
  assert.deepEqual(asked.map((url) => url.search), ["?offset=0", "?offset=6", "?offset=13"]);
  assert.deepEqual(texts(".log-line > a"), ["1", "2", "3", "4"]);
  assert.equal(one("[data-log-count]").textContent, "4 lines");
});

test("a log that nobody writes any more is read to its end only", async () => {
  const asked = await log([{ text: "all", next: 3, eof: true }], { live: false });
  assert.equal(state(), "ended");
  await later(60_000);
  assert.equal(asked.length, 1);
});

test("an event asks at once, and never twice at a time", async () => {
  const asked = await log([{ text: "", next: 0, eof: true }]);
  assert.equal(state(), "waiting");
  document.body.dispatchEvent(new CustomEvent("live", { detail: {} }));
  document.body.dispatchEvent(new CustomEvent("live", { detail: {} }));
  await settled();
  assert.equal(asked.length, 2);
});

for (const [what, answer] of [["an error", () => json({}, 503)], ["a page", () => new Response("<html>")]]) {
  test(`${what} instead of the log is said, and asked again`, async () => {
    await log([answer(), { text: "back\n", next: 5, eof: true }]);
    assert.equal(state(), "broken");
    await later(6000);
    assert.deepEqual(lines(), ["back"]);
    assert.equal(state(), "following");
  });
}

test("text is text; colours are classes; progress shows its last state", async () => {
  await log([whole("<b>x</b>\n\u001b[31;1mred\u001b[0m plain\n10%\r50%\r100%\r\n")]);
  assert.deepEqual(lines(), ["<b>x</b>", "red plain", "100%"]);
  assert.equal(document.querySelector("[data-log-body] b"), null);
  assert.deepEqual([...document.querySelectorAll("[class*=ansi]")].map((span) => span.className), ["ansi-31 ansi-1"]);
});

test("errors and warnings of the program are marked", async () => {
  await log([whole("fine\nTraceback (most recent call last):\nUserWarning\nwarning: low\nno terror\n")]);
  const marked = [...document.querySelectorAll(".log-line")].map((line) => line.className);
  assert.deepEqual(marked, ["log-line", "log-line is-error", "log-line", "log-line is-warn", "log-line"]);
  assert.equal(one("[data-log-error]").hidden, false);
});

test("only what the server marks is the platform's word", async () => {
  await log([whole("Platform: fake\n\ud83d\ude00\nreal error\nmine\n", [{ start: 17, length: 11 }])]);
  assert.deepEqual(texts(".is-own > span"), ["real error"]);
  assert.deepEqual(texts(".is-own > b"), ["Platform"]);
  assert.equal(document.querySelector(".is-error"), null);
});

test("a line has one author", async () => {
  await log([
    { text: "Stopp", marks: [{ start: 0, length: 5 }], next: 5, eof: false },
    { text: "says the program\nhalf", next: 26, eof: false },
    { text: "ended\n", marks: [{ start: 0, length: 6 }], next: 32, eof: true, closed: true },
  ]);
  await later(0);
  await later(0);
  assert.deepEqual(lines(), ["Stopp", "says the program", "half", "ended"]);
  assert.deepEqual(texts(".is-own > span"), ["Stopp", "ended"]);
});

test("a line without end is cut", async () => {
  await log([whole(`${"x".repeat(16_384)}yz\nlast`)]);
  assert.deepEqual(lines().map((line) => line.length), [16_384, 2, 4]);
  assert.equal(one("[data-log-count]").textContent, "3 lines");
});

test("finds are counted, marked and gone round", async () => {
  await log([whole("alpha\nbeta\nAlphabet\n")]);
  const hits = () => one("[data-log-hits]").textContent;
  type(one("[data-log-search]"), "ALPHA");
  mock.timers.tick(200);
  assert.deepEqual(texts("mark"), ["alpha", "Alpha"]);
  assert.equal(hits(), "1/2");
  assert.equal(state(), "ended");
  press(one("[data-log-search]"), "Enter");
  assert.deepEqual([hits(), texts(".is-hit > span")], ["2/2", ["Alphabet"]]);
  one("[data-log-next]").click();
  assert.equal(hits(), "1/2");
  one("[data-log-prev]").click();
  assert.equal(hits(), "2/2");
  type(one("[data-log-search]"), "");
  mock.timers.tick(200);
  assert.deepEqual([hits(), texts("mark"), lines()], ["", [], ["alpha", "beta", "Alphabet"]]);
});

test("a find stays where it is while new lines come", async () => {
  await log([{ text: "a1\na2\n", next: 6, eof: true }, { text: "a3\n", next: 9, eof: true }]);
  type(one("[data-log-search]"), "a");
  mock.timers.tick(200);
  one("[data-log-next]").click();
  assert.equal(one("[data-log-hits]").textContent, "2/2");
  await later();
  assert.equal(one("[data-log-hits]").textContent, "2/3");
});

test("a link to a line stops following there", async () => {
  await log([{ text: "1\n2\n3\n", next: 6, eof: true }], { url: "http://console.test/job#log-L2" });
  assert.deepEqual(texts(".is-target > span"), ["2"]);
  assert.equal(state(), "paused");
  one("[data-log-follow]").click();
  assert.equal(state(), "following");
  assert.equal(one("[data-log-follow]").getAttribute("aria-pressed"), "true");
});

test("long lines wrap or not", async () => {
  await log([whole("x")]);
  one("[data-log-wrap]").click();
  assert.equal(one("[data-log-wrap]").getAttribute("aria-pressed"), "false");
});
