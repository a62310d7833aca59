// Uploads: every file goes raw by PUT, with progress, its digest and a second try.
import { bytes, csrf, explain, make, part, ticked, toast, visible } from "./dom.js";
import { lookAgain } from "./refresh.js";

const PARALLEL = 2;
const HASH_LIMIT = 256 * 1024 * 1024; // bytes; the browser can only hash what fits into memory

/**
 * @param {File} file
 * @returns {Promise<string>} SHA-256 in hexadecimal, or "" where the browser cannot compute it
 */
async function digest(file) {
  // crypto.subtle is missing on plain http; the server computes the digest in any case.
  if (!globalThis.crypto?.subtle || file.size > HASH_LIMIT) return "";
  const sum = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(sum)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @type {WeakMap<File, string>} path of a file inside the folder that was dropped */
const paths = new WeakMap();

/**
 * @param {FileSystemDirectoryReader} reader
 * @returns {Promise<FileSystemEntry[]>}
 */
function readEntries(reader) {
  return new Promise((resolve, reject) => {
    reader.readEntries(resolve, reject);
  });
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
function fileOf(entry) {
  return new Promise((resolve, reject) => {
    entry.file(resolve, reject);
  });
}

/**
 * @param {FileSystemEntry} entry
 * @returns {Promise<File[]>}
 */
async function filesOf(entry) {
  if (entry.isFile) {
    const file = await fileOf(/** @type {FileSystemFileEntry} */ (entry));
    paths.set(file, entry.fullPath.replace(/^\//, ""));
    return [file];
  }
  const found = [];
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  // A reader gives a hundred entries at a time, and none at the end.
  for (let some = await readEntries(reader); some.length; some = await readEntries(reader)) {
    for (const one of some) found.push(...(await filesOf(one)));
  }
  return found;
}

/**
 * All files of a drop; folders are walked. Entries must be taken before the event is over.
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>}
 */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

/**
 * Where a file goes below the folder of the page: its path in the folder it came with, or its name.
 * @param {File} file
 */
function pathOf(file) {
  return paths.get(file) || file.webkitRelativePath || file.name;
}

/**
 * Highlight a drop area and hand over what is dropped or chosen.
 * @param {HTMLElement} area
 * @param {(files: File[]) => void} take
 * @returns {HTMLInputElement} its field
 */
export function dropArea(area, take) {
  const field = part(area, 'input[type="file"]', HTMLInputElement);
  field.addEventListener("change", () => {
    if (field.files?.length) take([...field.files]);
  });
  for (const kind of ["dragenter", "dragover"]) {
    area.addEventListener(kind, (event) => {
      event.preventDefault();
      area.classList.add("is-over");
    });
  }
  for (const kind of ["dragleave", "drop"]) area.addEventListener(kind, () => area.classList.remove("is-over"));
  area.addEventListener("drop", async (event) => {
    event.preventDefault();
    if (!event.dataTransfer) return;
    try {
      const files = await dropped(event.dataTransfer);
      if (files.length) take(files);
    } catch (error) {
      toast(error instanceof Error ? error.message : error, "red"); // a folder that cannot be read
    }
  });
  return field;
}

/** One file of the list: waiting, at work (hashed, then sent), failed or stored. */
class Item {
  /**
   * @param {File} file
   * @param {DOMStringMap} words
   */
  constructor(file, words) {
    this.file = file;
    this.words = words;
    /** @type {"waiting" | "working" | "failed" | "done"} */
    this.state = "waiting";
    this.cancelled = false;
    /** @type {XMLHttpRequest | null} */
    this.request = null;
    this.said = make("span", { class: "upload-state num" }, words.wordWaiting ?? "");
    this.button = make("button", { type: "button", class: "btn btn-sm" }, words.wordCancel ?? "");
    this.bar = make("progress", { max: "1", value: "0", "aria-label": file.name });
    const name = make("span", { class: "upload-name" }, visible(pathOf(file)));
    this.row = make("li", { class: "upload-item" }, name, this.said, this.button, this.bar);
  }

  /** @param {string} text */
  say(text) {
    this.said.replaceChildren(...ticked(text));
  }

  /** @param {string} reason */
  fail(reason = "") {
    const { wordFailed = "", wordRetry = "" } = this.words;
    this.state = "failed";
    this.row.classList.add("is-failed");
    this.say(reason ? `${wordFailed}: ${reason}` : wordFailed);
    this.button.textContent = wordRetry;
  }

  succeed() {
    this.state = "done";
    this.row.classList.add("is-done");
    this.bar.remove();
    this.button.remove();
    this.say(`${this.words.wordDone} · ${bytes(this.file.size)}`);
  }

  /** Make it wait again after it has failed. */
  again() {
    this.state = "waiting";
    this.cancelled = false;
    this.row.classList.remove("is-failed");
    this.say(this.words.wordWaiting ?? "");
    this.button.textContent = this.words.wordCancel ?? "";
  }

  cancel() {
    this.cancelled = true;
    this.request?.abort();
  }
}

/**
 * Send a file.
 * @param {Item} item
 * @param {string} sum its digest, or ""
 * @returns {Promise<void>} settled when the server has answered, or the request has ended without
 */
function send(item, sum) {
  const { file, words } = item;
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const key = `${words.prefix ?? ""}${pathOf(file)}`.split("/").map(encodeURIComponent).join("/");
    request.open("PUT", (words.putUrl ?? "").replace("{key}", () => key));
    request.setRequestHeader("X-CSRFToken", csrf());
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    if (sum) request.setRequestHeader("X-Content-SHA256", sum);
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      item.bar.value = event.loaded / event.total;
      item.say(`${bytes(event.loaded)} / ${bytes(event.total)}`);
    });
    request.addEventListener("loadend", () => {
      const { status, statusText } = request;
      item.request = null;
      if (status >= 200 && status < 300) item.succeed();
      else if (status) item.fail(explain(request.responseText, `${status} ${statusText}`));
      else item.fail();
      resolve();
    });
    item.request = request;
    request.send(file);
  });
}

/** @param {Item} item */
async function upload(item) {
  item.state = "working";
  try {
    const sum = await digest(item.file);
    if (item.cancelled) item.fail();
    else await send(item, sum);
  } catch (error) {
    item.fail(error instanceof Error ? error.message : ""); // the file has moved since it was chosen
  }
}

/** @param {HTMLElement} root */
export function startUpload(root) {
  const list = part(root, "[data-upload-list]", HTMLElement);
  const words = root.dataset;
  /** @type {Item[]} */
  const queue = [];
  let running = 0;

  function pump() {
    while (running < PARALLEL) {
      const item = queue.shift();
      if (!item) return;
      running += 1;
      upload(item).then(() => {
        running -= 1;
        if (!running && !queue.length) {
          lookAgain({ upload: root.id });
          root.dispatchEvent(new CustomEvent("uploaded", { bubbles: true }));
        }
        pump();
      });
    }
  }

  /** @param {File} file */
  function add(file) {
    const item = new Item(file, words);
    item.button.addEventListener("click", () => {
      if (item.state === "working") {
        item.cancel();
      } else if (item.state === "failed") {
        item.again();
        queue.push(item);
        pump();
      } else {
        queue.splice(queue.indexOf(item), 1);
        item.row.remove();
      }
    });
    list.append(item.row);
    const limit = Number(words.maxBytes);
    if (limit && file.size > limit) {
      item.fail();
      item.say(`${words.wordLarge} (${bytes(limit)})`);
      item.button.remove();
      return;
    }
    queue.push(item);
  }

  /** @param {HTMLInputElement} field */
  const takeAll = (field) => {
    [...(field.files ?? [])].forEach(add);
    field.value = "";
    pump();
  };
  const field = dropArea(part(root, "[data-drop]", HTMLElement), (files) => {
    files.forEach(add);
    field.value = "";
    pump();
  });
  const folder = root.querySelector("[data-upload-folder]");
  if (folder instanceof HTMLInputElement) folder.addEventListener("change", () => takeAll(folder));
}
