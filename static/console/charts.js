// Plots. The data of a plot comes as JSON from its own address, in the short form
//   {"kind": "line"|"bar"|"pie"|"heatmap", "x": [...], "x_kind": "value"|"time"|"category",
//    "series": [{"name", "data", "raw"}], "unit", "x_label", "marks": [{"x", "label"}],
//    "y_min", "y_max", "log", "empty", "done"}
// or with a whole ECharts option under "option". See docs/mechanisms/pages.md, Charts.
import { make, part } from "./dom.js";

/**
 * @typedef {[number | string, number | null]} Point
 * @typedef {{ name: string, data: any, raw?: Point[], value?: number }} Series
 * @typedef {{
 *   kind: "line" | "bar" | "pie" | "heatmap",
 *   x?: string[],
 *   x_kind?: "value" | "time" | "category",
 *   x_label?: string,
 *   y?: string[],
 *   y_label?: string,
 *   y_min?: number,
 *   y_max?: number,
 *   series: Series[],
 *   unit?: string,
 *   marks?: { x: number, label: string }[],
 *   log?: boolean,
 *   stacked?: boolean,
 *   empty?: string,
 *   done?: boolean,
 *   option?: object,
 * }} Data
 * @typedef {{ ink: string, faint: string, line: string, surface: string, low: string, high: string }} Palette
 */

const COLOURS = ["#4c6ef5", "#20a779", "#e8952e", "#a45ee0", "#d9488f", "#2a9fc4", "#8c9a2f", "#8b93a1"];
const TABLE_ROWS = 500;
/** @type {Promise<Window["echarts"]> | null} */
let library = null;

/** @returns {Promise<Window["echarts"]>} */
function load() {
  library ??= new Promise((resolve, reject) => {
    const script = make("script", { src: part(document, 'meta[name="asset-echarts"]', HTMLMetaElement).content });
    script.addEventListener("load", () => resolve(window.echarts));
    script.addEventListener("error", () => {
      library = null; // the next plot tries again
      reject(new Error("echarts"));
    });
    document.head.append(script);
  });
  return library;
}

/** @returns {Palette} */
function palette() {
  const dark = document.documentElement.dataset.bsTheme === "dark";
  return dark
    ? { ink: "#d9dce3", faint: "#98a1af", line: "#2b2f37", surface: "#1b1e24", low: "#22304f", high: "#82b4ff" }
    : { ink: "#23272f", faint: "#5c6572", line: "#e7eaee", surface: "#ffffff", low: "#eef3fd", high: "#3a55d9" };
}

/** @param {unknown} value */
function number(value) {
  if (typeof value !== "number") return String(value ?? "");
  if (Number.isInteger(value)) return value.toLocaleString(document.documentElement.lang);
  return Math.abs(value) >= 0.001 && Math.abs(value) < 1e6 ? String(+value.toPrecision(4)) : value.toExponential(2);
}

/**
 * @param {unknown} value
 * @param {Data} data
 */
const withUnit = (value, data) => `${number(value)}${data.unit ? ` ${data.unit}` : ""}`;

/**
 * The end of an axis lies at the data; around a single point in time, ten minutes to each side.
 * @param {string} kind
 * @param {"min" | "max"} end
 * @param {1 | -1} side
 * @returns {(extent: { min: number, max: number }) => number} what ECharts asks
 */
function bound(kind, end, side) {
  return (extent) => (kind === "time" && extent.min === extent.max ? extent[end] + side * 600_000 : extent[end]);
}

/**
 * @param {Data} data
 * @param {Palette} colours
 */
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
      axisLabel: { ...text, formatter: (/** @type {unknown} */ value) => withUnit(value, data) },
      splitLine: { lineStyle: { color: colours.line } },
    },
  };
}

/**
 * @param {Data} data
 * @param {Palette} colours
 * @returns {object[]}
 */
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
  /** @type {object[]} */
  const lines = [];
  data.series.forEach((one, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const points = one.data.length;
    if (one.raw) {
      // The unsmoothed values stay visible behind the smoothed ones.
      lines.push({
        type: "line",
        name: `${one.name} (raw)`,
        data: one.raw,
        showSymbol: false,
        silent: true,
        lineStyle: { width: 1, opacity: 0.25, color: colour },
        itemStyle: { color: colour },
        tooltip: { show: false },
      });
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
        label: { color: colours.faint, fontSize: 10, formatter: "{b}" }, // its name
        data: data.marks.map((mark) => ({ xAxis: mark.x, name: mark.label })),
      } : undefined,
    });
  });
  return lines;
}

/**
 * @param {Data} data
 * @returns {object} what ECharts draws
 */
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
      valueFormatter: (/** @type {unknown} */ value) => withUnit(Array.isArray(value) ? value.at(-1) : value, data),
    },
  };
  if (data.option) return { ...base, ...data.option };
  const many = data.kind === "pie" || data.series.length > 1;
  const legend = {
    bottom: 0,
    icon: "roundRect",
    itemWidth: 10,
    itemHeight: 10,
    type: "scroll",
    textStyle: { color: colours.faint, fontSize: 11 },
    data: data.kind === "pie" ? undefined : data.series.map((one) => one.name),
  };
  /** @type {Record<string, any>} */
  const made = {
    ...base,
    legend: many && data.kind !== "heatmap" ? legend : undefined,
    series: series(data, colours),
  };
  if (data.kind === "pie") return made;
  const foot = (many ? 26 : 4) + (data.x_label ? 18 : 0);
  made.grid = { left: 4, right: 16, top: data.marks?.length ? 28 : 14, bottom: foot, containLabel: true };
  Object.assign(made, axes(data, colours));
  if (data.kind === "heatmap") {
    made.yAxis = { ...made.xAxis, data: data.y, name: data.y_label, nameGap: 28 };
    made.grid = { left: data.y_label ? 28 : 4, right: 8, top: 8, bottom: data.x_label ? 24 : 4, containLabel: true };
    const top = Math.max(1, ...data.series[0].data.map((/** @type {number[]} */ cell) => cell[2]));
    made.visualMap = { show: false, min: 0, max: top, inRange: { color: [colours.low, colours.high] } };
  }
  return made;
}

/**
 * The same numbers to read; of long lines the last TABLE_ROWS.
 * @param {Data} data
 */
export function table(data) {
  const root = make("table", { class: "table data-table" });
  /**
   * @param {"th" | "td"} kind
   * @param {unknown[]} cells
   */
  const row = (kind, cells) => make("tr", {}, ...cells.map((cell) => make(kind, {}, String(cell ?? ""))));
  /** @type {string[]} */
  const heads = [];
  /** @type {unknown[][]} */
  const rows = [];
  if (data.kind === "pie") {
    heads.push("", data.unit || "");
    for (const one of data.series) rows.push([one.name, number(one.value ?? one.data)]);
  } else if (data.kind === "heatmap") {
    const { x: columns = [], y: names = [] } = data;
    heads.push("", ...columns);
    const cells = new Map(data.series[0].data.map((/** @type {number[]} */ [x, y, count]) => [`${x} ${y}`, count]));
    names.forEach((name, y) => rows.push([name, ...columns.map((_, x) => cells.get(`${x} ${y}`) ?? 0)]));
  } else {
    heads.push(data.x_label || "", ...data.series.map((one) => one.name));
    /** @type {Map<any, string[]>} */
    const lines = new Map();
    data.series.forEach((one, index) => one.data.forEach((/** @type {any} */ point, /** @type {number} */ at) => {
      const [x, y] = Array.isArray(point) ? point : [data.x?.[at] ?? at, point];
      const line = lines.get(x) ?? Array(data.series.length).fill("");
      lines.set(x, line);
      line[index] = number(y);
    }));
    for (const [x, values] of [...lines].slice(-TABLE_ROWS)) {
      const where = data.x_kind === "time" ? new Date(x).toLocaleString(document.documentElement.lang) : x;
      rows.push([where, ...values]);
    }
  }
  root.append(make("thead", {}, row("th", heads)), make("tbody", {}, ...rows.map((cells) => row("td", cells))));
  return root;
}

/** @param {Series} one */
const hasData = (one) => (Array.isArray(one.data) ? one.data.length > 0 : (one.value ?? one.data) != null);

/** @param {HTMLElement} figure */
export function startChart(figure) {
  const canvas = part(figure, "[data-chart-canvas]", HTMLElement);
  const note = part(figure, "[data-chart-note]", HTMLElement);
  const details = part(figure, "[data-chart-table]", HTMLDetailsElement);
  const wrap = part(details, ".table-wrap", HTMLElement);
  /** @type {Data | null} */
  let data = null;
  /** @type {Plot | null} */
  let plot = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  let asked = 0;

  /** @param {string} text */
  const say = (text) => {
    note.textContent = text;
    note.hidden = !text;
    figure.classList.toggle("is-empty", Boolean(text));
  };
  const fillTable = () => {
    if (details.open && data && !data.option) wrap.replaceChildren(table(data));
  };
  async function draw() {
    if (!data) return;
    if (!data.option && !data.series?.some(hasData)) {
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
      const response = await fetch(figure.dataset.url ?? "", { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
      /** @type {Data} */
      const found = await response.json();
      if (turn !== asked) return; // a later question has been asked meanwhile
      data = found;
      figure.setAttribute("aria-busy", "false");
      await draw();
      if (found.done) stop();
    } catch (error) {
      if (!data) say(error instanceof Error ? error.message : String(error));
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
