// Try a service: choose a file or write JSON, send it, read the answer.
import { csrf, make, part, ticked, visible } from "./dom.js";
import { paint } from "./json.js";
import { dropArea } from "./upload.js";

const LABELS = ["predicted_label", "label", "prediction", "class", "predict", "result"];
const SCORES = ["probability", "score", "confidence"];

/**
 * Names and numbers out of a list of numbers, a list of pairs or an object.
 * @param {any} scores
 * @returns {[string, number][]}
 */
function pairs(scores) {
  if (scores === null || typeof scores !== "object") return [];
  const found = Array.isArray(scores)
    ? scores.map((one, index) => (Array.isArray(one) ? one : [index, one]))
    : Object.entries(scores);
  return found.map(([name, share]) => [String(name), Number(share)]);
}

/**
 * The line to show large and the ranking below it, out of the answers that services give.
 * @param {any} answer JSON of any shape
 * @returns {{ top: string, bars: [string, number][] }} names with their shares of 1, the largest first
 */
export function headline(answer) {
  const first = Array.isArray(answer) ? answer[0] : answer;
  if (first === undefined) return { top: "", bars: [] };
  if (first === null || typeof first !== "object") return { top: String(first), bars: [] };
  const scores = first.scores ?? first.probabilities ?? null;
  const score = SCORES.map((name) => first[name]).find((value) => typeof value === "number");
  const named = LABELS.map((name) => first[name]).find((value) => value !== undefined && value !== null);
  // Services are free in naming their answer: else it is the first plain value that is no score.
  const plain = Object.entries(first).find(
    ([name, value]) => !SCORES.includes(name) && value !== null && typeof value !== "object",
  );
  const label = named ?? plain?.[1];
  const bars = pairs(scores)
    .filter(([, share]) => share >= 0 && share <= 1)
    .sort((one, two) => two[1] - one[1])
    .slice(0, 5);
  const top = label ?? bars[0]?.[0];
  const isShare = score !== undefined && score >= 0 && score <= 1;
  if (!bars.length && isShare && typeof top !== "object") bars.push([String(top ?? ""), score]);
  return { top: top === undefined || typeof top === "object" ? "" : String(top), bars };
}

/**
 * The text as JSON, or undefined where it is none.
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/** @param {HTMLFormElement} form */
export function startPredict(form) {
  const words = form.dataset;
  const area = part(form, "[data-predict-file]", HTMLElement);
  const preview = part(form, "[data-predict-preview]", HTMLImageElement);
  const hint = part(form, "[data-predict-hint]", HTMLElement);
  const json = part(form, "[data-predict-json]", HTMLTextAreaElement);
  const send = part(form, "[data-predict-send]", HTMLButtonElement);
  const idle = part(form, "[data-predict-idle]", HTMLElement);
  const result = part(form, "[data-predict-answer]", HTMLElement);
  const top = part(form, "[data-predict-top]", HTMLElement);
  const meta = part(form, "[data-predict-meta]", HTMLElement);
  const raw = part(form, "[data-predict-raw]", HTMLElement);
  const modes = [...form.querySelectorAll("button")].filter((button) => button.dataset.predictMode);
  let mode = "file";
  /** @type {File | null} */
  let file = null;

  const ready = () => {
    send.disabled = mode === "file" ? !file : !json.value.trim();
  };
  /** @param {string} wanted */
  const setMode = (wanted) => {
    mode = wanted;
    for (const button of modes) {
      const active = button.dataset.predictMode === mode;
      button.classList.toggle("active", active);
      button.setAttribute("aria-pressed", String(active));
    }
    area.hidden = mode !== "file";
    json.hidden = mode !== "json";
    ready();
  };
  for (const button of modes) button.addEventListener("click", () => setMode(button.dataset.predictMode ?? mode));
  json.addEventListener("input", ready);

  /** @param {File[]} files */
  const choose = ([chosen]) => {
    file = chosen;
    const picture = file.type.startsWith("image/");
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.hidden = !picture;
    if (picture) {
      preview.src = URL.createObjectURL(file);
      preview.alt = file.name;
    }
    hint.textContent = file.name;
    ready();
  };
  const field = dropArea(area, choose);
  if (field.files?.length) choose([...field.files]); // chosen before this script was there

  const show = () => {
    idle.hidden = true;
    result.hidden = false;
  };
  /** @param {...(string | undefined)} lines */
  const refuse = (...lines) => {
    show();
    meta.textContent = "";
    raw.replaceChildren();
    top.classList.add("is-failed");
    top.replaceChildren(...ticked(lines.join("\n")));
  };

  /**
   * @param {string | FormData} body
   * @param {Record<string, string>} headers
   */
  async function ask(body, headers) {
    const started = performance.now();
    const response = await fetch(form.action, { method: words.method, body, headers });
    const text = await response.text();
    meta.textContent = `HTTP ${response.status} · ${Math.round(performance.now() - started)} ms`;
    const answer = parsed(text);
    const good = response.ok && answer !== undefined;
    paint(raw, visible(answer === undefined ? text : JSON.stringify(answer, null, 2)));
    top.classList.toggle("is-failed", !good);
    if (!good) {
      const lines = [answer?.error_msg || words.wordFailed, answer?.hint].filter(Boolean);
      top.replaceChildren(...ticked(lines.join(" ")));
      return;
    }
    const { top: line, bars } = headline(answer);
    top.replaceChildren(visible(line));
    if (!bars.length) return;
    const rows = bars.flatMap(([name, share]) => [
      make("span", {}, visible(name)),
      make("progress", { max: "1", value: String(share), "aria-label": visible(name) }),
      make("span", { class: "num" }, `${(share * 100).toFixed(1)} %`),
    ]);
    top.append(make("div", { class: "predict-bars" }, ...rows));
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const limit = Number(words.maxBytes || Infinity);
    /** @type {Record<string, string>} */
    const headers = { "X-CSRFToken": csrf(), Accept: "application/json" };
    /** @type {string | FormData} */
    let body = json.value;
    let size = new Blob([json.value]).size;
    if (mode === "file") {
      if (!file) return;
      size = file.size;
      body = new FormData();
      body.append(words.field ?? "", file);
    } else {
      headers["Content-Type"] = "application/json";
    }
    if (size > limit) {
      refuse(words.wordLimit);
      return;
    }
    if (mode === "json") {
      try {
        JSON.parse(json.value);
      } catch (error) {
        refuse(words.wordJson, error instanceof Error ? error.message : "");
        return;
      }
    }
    send.disabled = true;
    show();
    try {
      await ask(body, headers);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what fetch throws without an answer
      refuse(words.wordFailed);
      paint(raw, error.message);
    } finally {
      ready();
    }
  });
  // A model that takes JSON begins there, with its example.
  setMode(json.value.trim() ? "json" : "file");
}
