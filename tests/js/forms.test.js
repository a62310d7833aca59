import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { one, page, script, texts, type } from "./page.js";

async function form(html) {
  await page(html);
  const { startForms } = await script("forms.js");
  startForms();
  return document.querySelector("form");
}

/** Submit as a browser does, without leaving the page; whether the form is sent. */
function submit(element) {
  const event = new Event("submit", { bubbles: true, cancelable: true });
  element.dispatchEvent(event);
  return !event.defaultPrevented;
}

test("the button waits for exactly the name", async () => {
  await form('<form data-confirm-typed="prod"><input id="confirm-typed"><button data-confirm-button></button></form>');
  assert.equal(one("button").disabled, true);
  for (const [value, disabled] of [["pro", true], ["Prod", true], ["prod ", true], ["prod", false], ["prodx", true]]) {
    type(one("input"), value);
    assert.equal(one("button").disabled, disabled, value);
  }
});

test("a form that cannot be confirmed has no button, and the page goes on", async () => {
  await form('<form data-confirm-typed="prod"><p>in use</p></form><form method="post" id="next"></form>');
  assert.deepEqual([submit(one("#next")), submit(one("#next"))], [true, false]);
});

test("a form is sent once, and again when the answer was a download", async () => {
  const sent = await form('<form method="post"></form>');
  assert.deepEqual([submit(sent), submit(sent)], [true, false]);
  mock.timers.tick(8000);
  assert.equal(submit(sent), true);
  dispatchEvent(new Event("pageshow"));
  assert.equal(submit(sent), true);
});

test("a search may be sent as often as one likes", async () => {
  const sent = await form('<form method="get"></form>');
  assert.deepEqual([submit(sent), submit(sent)], [true, true]);
});

test("what was typed is guarded until it is sent", async () => {
  const guarded = await form('<form data-guard method="post"><input></form>');
  const leave = () => {
    const event = new Event("beforeunload", { cancelable: true });
    dispatchEvent(event);
    return !event.defaultPrevented;
  };
  assert.equal(leave(), true);
  type(one("input"), "x");
  assert.equal(leave(), false);
  submit(guarded);
  assert.equal(leave(), true);
});

test("rows of tags come and go", async () => {
  const row = '<div data-tags-row><input name="tag_key"><button type="button" data-tags-remove>-</button></div>';
  await form(`
    <form data-tags-editor><div data-tags-rows></div><button type="button" data-tags-add>+</button>
    <template data-tags-template> ${row} </template></form>`);
  one("[data-tags-add]").click();
  one("[data-tags-add]").click();
  assert.equal(document.querySelectorAll("[data-tags-rows] input").length, 2);
  assert.equal(document.activeElement, document.querySelectorAll("[data-tags-rows] input")[1]);
  one("[data-tags-remove]").click();
  assert.equal(document.querySelectorAll("[data-tags-row]").length, 1);
});

test("a select submits its form by itself where it is meant to", async () => {
  await form(`
    <form id="a" data-submit-on-change><select><option>1</option></select></form>
    <form id="b"><select><option>1</option></select></form>`);
  const sent = [];
  for (const element of document.forms) element.requestSubmit = () => sent.push(element.id);
  const change = () => new Event("change", { bubbles: true });
  for (const select of document.querySelectorAll("select")) select.dispatchEvent(change());
  assert.deepEqual(sent, ["a"]);
});

test("the summary of what is wrong has the focus", async () => {
  await form('<div tabindex="-1" data-problem-summary>wrong</div>');
  assert.deepEqual(texts(":focus"), ["wrong"]);
});
