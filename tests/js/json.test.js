import assert from "node:assert/strict";
import { test } from "node:test";

import { one, page, script } from "./page.js";

const spans = () => [...document.querySelectorAll("pre span")].map((span) => [span.className, span.textContent]);

test("keys, strings, numbers and literals are told apart, and the text stays as it is", async () => {
  const text = '{"a \\" b": "x", "n": [-1.5e+3, 0], "t": true, "z": null}';
  await page("<pre></pre>");
  const { paint } = await script("json.js");
  paint(one("pre"), text);
  assert.equal(one("pre").textContent, text);
  assert.deepEqual(spans(), [
    ["k", '"a \\" b"'], ["s", '"x"'], ["k", '"n"'], ["n", "-1.5e+3"], ["n", "0"],
    ["k", '"t"'], ["l", "true"], ["k", '"z"'], ["l", "null"],
  ]);
});

test("a value never becomes markup, and painting again replaces", async () => {
  await page("<pre>old</pre>");
  const { paint } = await script("json.js");
  paint(one("pre"), '{"a": "<img src=x onerror=y>"}');
  paint(one("pre"), '"<b>"');
  assert.equal(one("pre").innerHTML, '<span class="s">"&lt;b&gt;"</span>');
});

test("a long text is plain", async () => {
  const text = JSON.stringify("x".repeat(200_000));
  await page("<pre></pre>");
  const { paint } = await script("json.js");
  paint(one("pre"), text);
  assert.equal(one("pre").textContent, text);
  assert.deepEqual(spans(), []);
});

test("what the page brings is painted", async () => {
  await page("<pre data-json>[1]</pre><pre>[2]</pre>");
  const { startJson } = await script("json.js");
  startJson();
  assert.deepEqual(spans(), [["n", "1"]]);
});
