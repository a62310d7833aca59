// Uploads: every file goes raw by PUT, with progress, its digest and a second try.
import { bytes, csrf, explain, make, ticked } from "./dom.js";
import { lookAgain } from "./refresh.js";

const PARALLEL = 2;
const HASH_LIMIT = 256 * 1024 * 1024; // bytes; the browser can only hash what fits into memory

async function digest(file) {
  // crypto.subtle is missing on plain http; the server computes the digest in any case.
  if (!globalThis.crypto?.subtle || file.size > HASH_LIMIT) return "";
  const sum = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(sum)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const paths = new WeakMap(); // path of a file inside the folder that was dropped

function readEntries(reader) {
  return new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
}

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    paths.set(file, entry.fullPath.replace(/^\//, ""));
    return [file];
  }
  const found = [];
  const reader = entry.createReader();
  // A reader gives a hundred entries at a time, and none at the end.
  for (let some = await readEntries(reader); some.length; some = await readEntries(reader)) {
    for (const one of some) found.push(...(await filesOf(one)));
  }
  return found;
}

/** All files of a drop; folders are walked. Entries must be taken before the event is over. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(filesOf))).flat();
}

/** Where a file goes below the folder of the page: its path in the folder it came with, or its name. */
function pathOf(file) {
  return paths.get(file) || file.webkitRelativePath || file.name;
}

/** Highlight a drop area and hand over what is dropped or chosen. */
export function dropArea(area, take) {
  const field = area.querySelector('input[type="file"]');
  field.addEventListener("change", () => {
    if (field.files.length) take([...field.files]);
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
    const files = await dropped(event.dataTransfer);
    if (files.length) take(files);
  });
  return field;
}

export function startUpload(root) {
  const list = root.querySelector("[data-upload-list]");
  const words = root.dataset;
  const queue = [];
  let running = 0;

  function send(item) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const key = `${words.prefix}${pathOf(item.file)}`.split("/").map(encodeURIComponent).join("/");
      request.open("PUT", words.putUrl.replace("{key}", key));
      request.setRequestHeader("X-CSRFToken", csrf());
      request.setRequestHeader("Content-Type", item.file.type || "application/octet-stream");
      if (item.digest) request.setRequestHeader("X-Content-SHA256", item.digest);
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        item.bar.value = event.loaded / event.total;
        item.say(`${bytes(event.loaded)} / ${bytes(event.total)}`);
      });
      const end = async () => {
        if (request.status >= 200 && request.status < 300) {
          item.row.classList.add("is-done");
          item.bar.remove();
          item.button.remove();
          item.say(`${words.wordDone} · ${bytes(item.file.size)}`);
        } else {
          const text = request.status
            ? await explain(new Response(request.responseText, { status: request.status, statusText: request.statusText }))
            : "";
          item.fail(text ? `${words.wordFailed}: ${text}` : words.wordFailed);
        }
        resolve();
      };
      request.addEventListener("loadend", end);
      item.cancel = () => request.abort();
      request.send(item.file);
    });
  }

  async function pump() {
    while (running < PARALLEL && queue.length) {
      const item = queue.shift();
      running += 1;
      digest(item.file)
        .then((sum) => {
          item.digest = sum;
          return send(item);
        })
        .finally(() => {
          running -= 1;
          if (!running && !queue.length) {
            lookAgain({ upload: root.id });
            root.dispatchEvent(new CustomEvent("uploaded", { bubbles: true }));
          }
          pump();
        });
    }
  }

  function add(file) {
    const state = make("span", { class: "upload-state num" }, words.wordWaiting);
    const button = make("button", { type: "button", class: "btn btn-sm" }, words.wordCancel);
    const bar = make("progress", { max: "1", value: "0", "aria-label": file.name });
    const row = make("li", { class: "upload-item" }, make("span", { class: "upload-name" }, pathOf(file)), state, button, bar);
    const item = { file, row, bar, button, say: (text) => { state.replaceChildren(...ticked(text)); } };
    item.fail = (text) => {
      row.classList.add("is-failed");
      item.say(text);
      item.cancel = null;
      button.textContent = words.wordRetry;
    };
    button.addEventListener("click", () => {
      if (item.cancel) {
        item.cancel();
      } else if (row.classList.contains("is-failed")) {
        row.classList.remove("is-failed");
        button.textContent = words.wordCancel;
        queue.push(item);
        pump();
      } else {
        queue.splice(queue.indexOf(item), 1);
        row.remove();
      }
    });
    list.append(row);
    const limit = Number(words.maxBytes);
    if (limit && file.size > limit) {
      item.fail(`${words.wordLarge} (${bytes(limit)})`);
      button.remove();
      return;
    }
    queue.push(item);
  }

  const field = dropArea(root.querySelector("[data-drop]"), (files) => {
    files.forEach(add);
    field.value = "";
    pump();
  });
  const folder = root.querySelector("[data-upload-folder]");
  folder?.addEventListener("change", () => {
    [...folder.files].forEach(add);
    folder.value = "";
    pump();
  });
}
