// Plots. The data of a plot comes as JSON from its own address, in the short form
//   {"kind": "line"|"bar"|"pie"|"heatmap", "x": [...], "x_kind": "value"|"time"|"category",
//    "series": [{"name", "data", "raw"}], "unit", "x_label", "marks": [{"x", "label"}],
//    "y_min", "y_max", "log", "empty", "done"}
// or with a whole ECharts option under "option". See docs/mechanisms/pages.md, Charts.
import { make } from "./dom.js";

const COLOURS = ["#4c6ef5", "#20a779", "#e8952e", "#a45ee0", "#d9488f", "#2a9fc4", "#8c9a2f", "#8b93a1"];
const TABLE_ROWS = 500;
let library = null;

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = make("script", { src: document.querySelector('meta[name="asset-echarts"]').content });
    script.addEventListener("load", () => resolve(window.echarts));
    script.addEventListener("error", () => reject(new Error("echarts")));
    document.head.append(script);
  });
  return library;
}

function palette() {
  const dark = document.documentElement.dataset.bsTheme === "dark";
  return dark
    ? { ink: "#d9dce3", faint: "#98a1af", line: "#2b2f37", surface: "#1b1e24", low: "#22304f", high: "#82b4ff" }
    : { ink: "#23272f", faint: "#5c6572", line: "#e7eaee", surface: "#ffffff", low: "#eef3fd", high: "#3a55d9" };
}

function number(value) {
  if (typeof value !== "number") return String(value ?? "");
  if (Number.isInteger(value)) return value.toLocaleString(document.documentElement.lang);
  return Math.abs(value) >= 0.001 && Math.abs(value) < 1e6 ? String(+value.toPrecision(4)) : value.toExponential(2);
}

/** The end of an axis lies at the data; around a single point in time, ten minutes to each side. */
function bound(kind, end, side) {
  return (extent) => (kind === "time" && extent.min === extent.max ? extent[end] + side * 600_000 : extent[end]);
}

function axes(data, colours) {
  const text = { color: colours.faint, fontSize: 11 };
  const kind = data.x_kind || (data.kind === "bar" || data.x ? "category" : "value");
  return {
    xAxis: {
      type: kind,
      data: kind === "category" ? data.x : undefined,
      name: data.x_label,
      nameLocation: "middle",
      nameGap: 24,
      nameTextStyle: text,
      axisLabel: { ...text, hideOverlap: true },
      axisLine: { lineStyle: { color: colours.line } },
      axisTick: { show: false },
      splitLine: { show: false },
      boundaryGap: data.kind === "bar" || data.kind === "heatmap",
      min: kind === "category" ? undefined : bound(kind, "min", -1),
      max: kind === "category" ? undefined : bound(kind, "max", 1),
    },
    yAxis: {
      type: data.log ? "log" : "value",
      min: data.y_min,
      max: data.y_max,
      scale: data.kind === "line",
      axisLabel: { ...text, formatter: (value) => `${number(value)}${data.unit ? ` ${data.unit}` : ""}` },
      splitLine: { lineStyle: { color: colours.line } },
    },
  };
}

function series(data, colours) {
  if (data.kind === "pie") {
    return [{
      type: "pie",
      radius: ["52%", "76%"],
      center: ["50%", "44%"],
      data: data.series.map((one) => ({ name: one.name, value: one.value ?? one.data })),
      label: { show: false },
      itemStyle: { borderColor: colours.surface, borderWidth: 2 },
    }];
  }
  if (data.kind === "heatmap") {
    return [{
      type: "heatmap",
      data: data.series[0].data,
      label: { show: data.series[0].data.length <= 144, fontSize: 11 },
      itemStyle: { borderColor: colours.surface, borderWidth: 1 },
    }];
  }
  const lines = [];
  data.series.forEach((one, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const points = one.data.length;
    if (one.raw) {
      // The unsmoothed values stay visible behind the smoothed ones.
      lines.push({ type: "line", name: `${one.name} (raw)`, data: one.raw, showSymbol: false, silent: true,
        lineStyle: { width: 1, opacity: 0.25, color: colour }, itemStyle: { color: colour }, tooltip: { show: false } });
    }
    lines.push({
      type: data.kind,
      name: one.name,
      data: one.data,
      stack: data.stacked ? "all" : undefined,
      showSymbol: points <= 40,
      symbolSize: 5,
      sampling: points > 2000 ? "minmax" : undefined,
      barMaxWidth: 28,
      lineStyle: { width: 2 },
      itemStyle: { color: colour, borderRadius: data.kind === "bar" ? [3, 3, 0, 0] : 0 },
      markLine: index === 0 && data.marks?.length ? {
        symbol: "none",
        silent: true,
        lineStyle: { type: "dashed", color: colours.faint },
        label: { color: colours.faint, fontSize: 10, formatter: (mark) => mark.data.name },
        data: data.marks.map((mark) => ({ xAxis: mark.x, name: mark.label })),
      } : undefined,
    });
  });
  return lines;
}

function option(data) {
  const colours = palette();
  const base = {
    color: COLOURS,
    backgroundColor: "transparent",
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colours.ink },
    animationDuration: 250,
    // Rich text draws on the canvas: an HTML tooltip would need style attributes, which the
    // content security policy forbids.
    tooltip: {
      renderMode: "richText",
      trigger: data.kind === "pie" || data.kind === "heatmap" ? "item" : "axis",
      backgroundColor: colours.surface,
      borderColor: colours.line,
      textStyle: { color: colours.ink, fontSize: 12 },
      valueFormatter: (value) => `${number(Array.isArray(value) ? value.at(-1) : value)}${data.unit ? ` ${data.unit}` : ""}`,
    },
  };
  if (data.option) return { ...base, ...data.option };
  const many = data.kind === "pie" || data.series.length > 1;
  const made = {
    ...base,
    legend: many && data.kind !== "heatmap"
      ? { bottom: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, type: "scroll", textStyle: { color: colours.faint, fontSize: 11 },
          data: data.kind === "pie" ? undefined : data.series.map((one) => one.name) }
      : undefined,
    series: series(data, colours),
  };
  if (data.kind === "pie") return made;
  const foot = (many ? 26 : 4) + (data.x_label ? 18 : 0);
  made.grid = { left: 4, right: 16, top: data.marks?.length ? 28 : 14, bottom: foot, containLabel: true };
  Object.assign(made, axes(data, colours));
  if (data.kind === "heatmap") {
    made.yAxis = { ...made.xAxis, data: data.y, name: data.y_label, nameGap: 28 };
    made.grid = { left: data.y_label ? 28 : 4, right: 8, top: 8, bottom: data.x_label ? 24 : 4, containLabel: true };
    const top = Math.max(1, ...data.series[0].data.map((cell) => cell[2]));
    made.visualMap = { show: false, min: 0, max: top, inRange: { color: [colours.low, colours.high] } };
  }
  return made;
}

function table(data) {
  const root = make("table", { class: "table data-table" });
  const row = (kind, cells) => make("tr", {}, ...cells.map((cell) => make(kind, {}, String(cell ?? ""))));
  const heads = [];
  const rows = [];
  if (data.kind === "pie") {
    heads.push("", data.unit || "");
    for (const one of data.series) rows.push([one.name, number(one.value ?? one.data)]);
  } else if (data.kind === "heatmap") {
    heads.push("", ...data.x);
    data.y.forEach((name, y) => rows.push([name, ...data.x.map((_, x) => data.series[0].data.find((cell) => cell[0] === x && cell[1] === y)?.[2] ?? 0)]));
  } else {
    heads.push(data.x_label || "", ...data.series.map((one) => one.name));
    const lines = new Map();
    data.series.forEach((one, index) => one.data.forEach((point, at) => {
      const [x, y] = Array.isArray(point) ? point : [data.x?.[at] ?? at, point];
      if (!lines.has(x)) lines.set(x, Array(data.series.length).fill(""));
      lines.get(x)[index] = number(y);
    }));
    for (const [x, values] of [...lines].slice(-TABLE_ROWS)) {
      rows.push([data.x_kind === "time" ? new Date(x).toLocaleString(document.documentElement.lang) : x, ...values]);
    }
  }
  root.append(make("thead", {}, row("th", heads)), make("tbody", {}, ...rows.map((cells) => row("td", cells))));
  return root;
}

const isEmpty = (data) =>
  !data.option && !data.series?.some((one) => (Array.isArray(one.data) ? one.data.length : (one.value ?? one.data) != null));

export function startChart(figure) {
  const canvas = figure.querySelector("[data-chart-canvas]");
  const note = figure.querySelector("[data-chart-note]");
  const details = figure.querySelector("[data-chart-table]");
  let data = null;
  let plot = null;
  let timer = null;
  let asked = 0;

  const say = (text) => {
    note.textContent = text;
    note.hidden = !text;
    figure.classList.toggle("is-empty", Boolean(text));
  };
  const fillTable = () => {
    if (details.open && data && !data.option) details.querySelector(".table-wrap").replaceChildren(table(data));
  };
  async function draw() {
    if (isEmpty(data)) {
      plot?.clear();
      say(data.empty || "–");
      return;
    }
    say("");
    const echarts = await load();
    plot ??= echarts.init(canvas, null, { renderer: "canvas" });
    plot.resize();
    plot.setOption(option(data), { notMerge: true });
    fillTable();
  }
  async function refresh() {
    const turn = ++asked;
    try {
      const response = await fetch(figure.dataset.url, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      const found = await response.json();
      if (turn !== asked) return; // a later question has been asked meanwhile
      data = found;
      figure.setAttribute("aria-busy", "false");
      await draw();
      if (data.done) stop();
    } catch (error) {
      if (!data) say(error.message);
    }
  }
  function stop() {
    clearInterval(timer);
    document.body.removeEventListener("live", refresh);
  }
  const alive = () => {
    if (!figure.isConnected) stop();
    else if (!document.hidden) refresh();
  };
  new ResizeObserver(() => plot?.resize()).observe(canvas);
  document.addEventListener("theme", () => data && draw());
  details.addEventListener("toggle", fillTable);
  if ("live" in figure.dataset) {
    timer = setInterval(alive, 1000 * Number(figure.dataset.every || 10));
    document.body.addEventListener("live", refresh);
  }
  refresh();
}
