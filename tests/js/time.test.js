import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";

import { page, script, texts } from "./page.js";

const WORDS = JSON.parse(readFileSync(new URL("words.json", import.meta.url), "utf8"));
const LANGUAGES = ["en", "zh-hans"];

for (const [column, lang] of LANGUAGES.entries()) {
  test(`times in ${lang} are those of the server`, async () => {
    await page("", { lang });
    const { age, relative } = await script("time.js");
    for (const row of WORDS.relative) if (row[column + 1]) assert.equal(relative(row[0]), row[column + 1]);
    for (const row of WORDS.age) assert.equal(age(row[0]), row[column + 1]);
    assert.equal(age(NaN), null);
  });
}

test("the server's words hold for what is just now and for what is long ago", async () => {
  await page("");
  const { relative } = await script("time.js");
  for (const seconds of [0, 9.9, -9.9, 30 * 86400, -40 * 86400, NaN]) assert.equal(relative(seconds), null);
});

test("times grow while the page is seen", async () => {
  await page(`
    <time data-relative datetime="1970-01-01T00:00:00Z">just now</time>
    <time data-age datetime="1970-01-01T00:00:00Z">0 s</time>
    <time data-relative datetime="never">once</time>
    <time datetime="1970-01-01T00:00:00Z">epoch</time>`);
  const { startTime } = await script("time.js");
  startTime();
  mock.timers.tick(5000);
  assert.deepEqual(texts("time"), ["just now", "5 s", "once", "epoch"]);
  mock.timers.tick(60_000);
  assert.deepEqual(texts("time"), ["1 minute ago", "1 min", "once", "epoch"]);
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  mock.timers.tick(60_000);
  assert.deepEqual(texts("time"), ["1 minute ago", "1 min", "once", "epoch"]);
  Object.defineProperty(document, "hidden", { value: false, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(texts("time"), ["2 minutes ago", "2 min", "once", "epoch"]);
});
