import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mock, test } from "node:test";

import { NodeEvent, NodeTarget, one, page, put, script, settled, texts } from "./page.js";

const AREA = `
  <div id="up" data-upload data-put-url="/objects/{key}?x=1" data-prefix="in/" data-max-bytes="10"
    data-word-done="Stored" data-word-failed="Failed" data-word-large="Too large" data-word-waiting="Waiting"
    data-word-retry="Again" data-word-cancel="Cancel">
    <label data-drop><input type="file" multiple></label>
    <label><input type="file" data-upload-folder></label>
    <ul data-upload-list></ul>
  </div>
  <meta name="asset-sprite" content="/s.svg"><div id="toasts"></div>
  <template id="toast-template"><div><svg></svg><div class="notice-body"></div></div></template>`;

let requests = [];

class Request extends NodeTarget {
  upload = new NodeTarget();
  headers = {};
  status = 0;
  open(method, url) {
    Object.assign(this, { method, url });
  }
  setRequestHeader(name, value) {
    this.headers[name] = value;
  }
  send(file) {
    this.file = file;
    requests.push(this);
  }
  abort() {
    this.answer(0);
  }
  answer(status, responseText = "", statusText = "") {
    Object.assign(this, { status, responseText, statusText });
    this.dispatchEvent(new NodeEvent("loadend"));
  }
}

// The real one works in another thread; here nothing waits for a thread.
mock.method(crypto.subtle, "digest", (_name, bytes) =>
  Promise.resolve(createHash("sha256").update(new Uint8Array(bytes)).digest()),
);

async function area() {
  await page(AREA);
  document.body.dataset.csrf = "token";
  requests = [];
  put("XMLHttpRequest", Request);
  const { startUpload } = await script("upload.js");
  startUpload(one("#up"));
}

const file = (name, text = name, type = "") => new File([text], name, { type });

async function choose(files, selector = "[data-drop] input") {
  Object.defineProperty(one(selector), "files", { value: files, configurable: true });
  one(selector).dispatchEvent(new Event("change"));
  await settled();
}

async function drop(entries) {
  const event = new Event("drop", { cancelable: true });
  event.dataTransfer = { items: entries.map((entry) => ({ webkitGetAsEntry: () => entry })), files: [] };
  one("[data-drop]").dispatchEvent(event);
  await settled();
}

const states = () => texts(".upload-state");
const entry = (of) => ({ isFile: true, isDirectory: false, fullPath: `/${of.path}`, file: (take) => take(of.file) });
const press = async (at) => {
  document.querySelectorAll(".upload-item")[at].querySelector("button").click();
  await settled();
};

test("a file goes raw, with type, digest and token, to its own address", async () => {
  await area();
  await choose([file("a b#.txt", "hello", "text/plain")]);
  const [{ method, url, headers, file: sent }] = requests;
  assert.deepEqual([method, url, await sent.text()], ["PUT", "/objects/in/a%20b%23.txt?x=1", "hello"]);
  assert.deepEqual(headers, {
    "X-CSRFToken": "token",
    "Content-Type": "text/plain",
    "X-Content-SHA256": createHash("sha256").update("hello").digest("hex"),
  });
  const progress = Object.assign(new NodeEvent("progress"), { lengthComputable: true, loaded: 3, total: 5 });
  requests[0].upload.dispatchEvent(progress);
  assert.deepEqual(states(), ["3\u00a0B / 5\u00a0B"]);
  requests[0].answer(201);
  await settled();
  assert.deepEqual(states(), ["Stored · 5\u00a0B"]);
  assert.equal(document.querySelector(".upload-item button, .upload-item progress"), null);
});

test("two at a time; the page looks again when all have ended", async () => {
  await area();
  let ended = 0;
  document.body.addEventListener("uploaded", () => { ended += 1; });
  await choose(["a", "b", "c"].map((name) => file(name)));
  assert.equal(requests.length, 2);
  requests[0].answer(201);
  await settled();
  assert.equal(requests.length, 3);
  requests[1].answer(201);
  await settled();
  assert.equal(ended, 0);
  requests[2].answer(201);
  await settled();
  assert.equal(ended, 1);
});

test("an error says why and is tried again on request", async () => {
  await area();
  await choose([file("a")]);
  requests[0].answer(507, '{"error_msg": "`digits` is full."}', "Insufficient Storage");
  await settled();
  assert.deepEqual(states(), ["Failed: digits is full."]);
  assert.deepEqual(texts(".is-failed button"), ["Again"]);
  await press(0);
  assert.equal(document.querySelector(".is-failed"), null);
  requests[1].answer(304, "", "Not Modified");
  await settled();
  assert.deepEqual(states(), ["Failed: 304 Not Modified"]);
});

test("what is on its way is stopped, what waits is taken out", async () => {
  await area();
  await choose(["a", "b", "c", "d"].map((name) => file(name)));
  await press(2);
  assert.deepEqual(texts(".upload-name"), ["a", "b", "d"]);
  await press(0);
  assert.deepEqual(states(), ["Failed", "Waiting", "Waiting"]);
  assert.deepEqual(requests.map((request) => request.file.name), ["a", "b", "d"]);
});

test("a file that is still being hashed is stopped, and no other one", async () => {
  await area();
  let hashed;
  const slow = file("slow");
  slow.arrayBuffer = () => new Promise((resolve) => { hashed = resolve; });
  await choose([slow, file("b"), file("c")]);
  await press(0);
  assert.deepEqual(texts(".upload-name"), ["slow", "b", "c"]);
  hashed(new ArrayBuffer(0));
  await settled();
  assert.deepEqual(states(), ["Failed", "Waiting", "Waiting"]);
  assert.deepEqual(requests.map((request) => request.file.name), ["b", "c"]);
});

test("a file that has gone since is said to have failed, and the others go on", async () => {
  await area();
  const gone = file("gone");
  gone.arrayBuffer = () => Promise.reject(new Error("could not be read"));
  await choose([gone, file("b"), file("c")]);
  assert.deepEqual(states(), ["Failed: could not be read", "Waiting", "Waiting"]);
  assert.deepEqual(requests.map((request) => request.file.name), ["b", "c"]);
});

test("a file that is too large is not sent", async () => {
  await area();
  await choose([file("big", "x".repeat(11))]);
  assert.deepEqual([states(), requests], [["Too large (10\u00a0B)"], []]);
});

test("folders are walked to their last entry", async () => {
  await area();
  const first = entry({ path: "set/1.png", file: file("1.png") });
  const second = entry({ path: "set/x/2.png", file: file("2.png") });
  const pieces = [[first], [second], []];
  await drop([{
    isFile: false,
    isDirectory: true,
    fullPath: "/set",
    createReader: () => ({ readEntries: (take) => take(pieces.shift()) }),
  }]);
  assert.deepEqual(requests.map(({ url }) => url), ["/objects/in/set/1.png?x=1", "/objects/in/set/x/2.png?x=1"]);
  assert.deepEqual(texts(".upload-name"), ["set/1.png", "set/x/2.png"]);
});

test("a folder that cannot be read is said", async () => {
  await area();
  const readEntries = (_take, refuse) => refuse(new Error("no permission"));
  await drop([{ isFile: false, isDirectory: true, fullPath: "/x", createReader: () => ({ readEntries }) }]);
  assert.deepEqual([texts("#toasts .notice-body"), requests], [["no permission"], []]);
});

test("a chosen folder keeps its paths", async () => {
  await area();
  const inside = file("1.png");
  Object.defineProperty(inside, "webkitRelativePath", { value: "set/1.png" });
  await choose([inside], "[data-upload-folder]");
  assert.deepEqual(requests.map(({ url }) => url), ["/objects/in/set/1.png?x=1"]);
});

test("a name that deceives is shown with what hides in it", async () => {
  await area();
  await choose([file("a\u202egpj.exe")]);
  assert.deepEqual(texts(".upload-name"), ["a\\u202egpj.exe"]);
});
