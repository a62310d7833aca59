// Try a service: choose a file or write JSON, send it, read the answer.
import { csrf, make, ticked, visible } from "./dom.js";
import { paint } from "./json.js";
import { dropArea } from "./upload.js";

const LABELS = ["predicted_label", "label", "prediction", "class", "predict", "result"];
const SCORES = ["probability", "score", "confidence"];

/** The line to show large and the ranking below it, out of the answers that services give. */
function headline(answer) {
  const first = Array.isArray(answer) ? answer[0] : answer;
  if (first === null || typeof first !== "object") return { top: String(first), bars: [] };
  const scores = first.scores ?? first.probabilities ?? null;
  const score = SCORES.map((name) => first[name]).find((value) => typeof value === "number");
  const named = LABELS.map((name) => first[name]).find((value) => value !== undefined && value !== null);
  // Services are free in naming their answer: else it is the first plain value that is no score.
  const plain = Object.entries(first).find(([name, value]) => !SCORES.includes(name) && value !== null && typeof value !== "object");
  const label = named ?? plain?.[1];
  const pairs = Array.isArray(scores)
    ? scores.map((one, index) => (Array.isArray(one) ? one : [index, one]))
    : scores && typeof scores === "object" ? Object.entries(scores) : [];
  const bars = pairs
    .map(([name, score]) => [String(name), Number(score)])
    .filter(([, score]) => score >= 0 && score <= 1)
    .sort((one, two) => two[1] - one[1])
    .slice(0, 5);
  const top = label ?? bars[0]?.[0];
  if (!bars.length && score >= 0 && score <= 1 && typeof top !== "object") bars.push([String(top ?? ""), score]);
  return { top: top === undefined || typeof top === "object" ? "" : String(top), bars };
}

export function startPredict(form) {
  const find = (name) => form.querySelector(`[data-predict-${name}]`);
  const area = find("file");
  const preview = find("preview");
  const json = find("json");
  const send = find("send");
  let mode = "file";
  let file = null;

  for (const button of form.querySelectorAll("[data-predict-mode]")) {
    button.addEventListener("click", () => {
      mode = button.dataset.predictMode;
      for (const other of form.querySelectorAll("[data-predict-mode]")) {
        other.classList.toggle("active", other === button);
        other.setAttribute("aria-pressed", String(other === button));
      }
      area.hidden = mode !== "file";
      json.hidden = mode !== "json";
      ready();
    });
  }
  const ready = () => {
    send.disabled = mode === "file" ? !file : !json.value.trim();
  };
  json.addEventListener("input", ready);
  // A model that takes JSON begins there, with its example.
  if (json.value.trim()) form.querySelector('[data-predict-mode="json"]').click();
  const choose = ([chosen]) => {
    file = chosen;
    const picture = file.type.startsWith("image/");
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.hidden = !picture;
    if (picture) {
      preview.src = URL.createObjectURL(file);
      preview.alt = file.name;
    }
    find("hint").textContent = file.name;
    ready();
  };
  const field = dropArea(area, choose);
  if (field.files.length) choose([...field.files]); // chosen before this script was there

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let body = json.value;
    const headers = { "X-CSRFToken": csrf(), Accept: "application/json" };
    if (mode === "file") {
      body = new FormData();
      body.append(form.dataset.field, file, file.name);
    } else {
      headers["Content-Type"] = "application/json";
    }
    const top = find("top");
    const refuse = (...lines) => {
      find("idle").hidden = true;
      find("answer").hidden = false;
      find("meta").textContent = "";
      find("raw").replaceChildren();
      top.classList.add("is-failed");
      top.replaceChildren(...ticked(lines.join("\n")));
    };
    const limit = Number(form.dataset.maxBytes || Infinity);
    if ((mode === "file" ? file.size : new Blob([json.value]).size) > limit) {
      refuse(form.dataset.wordLimit);
      return;
    }
    if (mode === "json") {
      try {
        JSON.parse(json.value);
      } catch (error) {
        refuse(form.dataset.wordJson, error.message);
        return;
      }
    }
    send.disabled = true;
    const started = performance.now();
    find("idle").hidden = true;
    find("answer").hidden = false;
    try {
      const response = await fetch(form.action, { method: form.dataset.method, body, headers });
      const text = await response.text();
      find("meta").textContent = `HTTP ${response.status} · ${Math.round(performance.now() - started)} ms`;
      let answer = null;
      try {
        answer = JSON.parse(text);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
      paint(find("raw"), visible(answer === null ? text : JSON.stringify(answer, null, 2)));
      top.classList.toggle("is-failed", !response.ok || answer === null);
      if (!response.ok || answer === null) {
        top.replaceChildren(...ticked([answer?.error_msg || form.dataset.wordFailed, answer?.hint].filter(Boolean).join(" ")));
        return;
      }
      const { top: line, bars } = headline(answer);
      top.replaceChildren(visible(line));
      if (bars.length) {
        const rows = bars.flatMap(([name, score]) => [
          make("span", {}, visible(name)),
          make("progress", { max: "1", value: String(score), "aria-label": visible(name) }),
          make("span", { class: "num" }, `${(score * 100).toFixed(1)} %`),
        ]);
        top.append(make("div", { class: "predict-bars" }, ...rows));
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      top.classList.add("is-failed");
      top.textContent = form.dataset.wordFailed;
      find("meta").textContent = "";
      paint(find("raw"), error.message);
    } finally {
      ready();
    }
  });
  ready();
}
