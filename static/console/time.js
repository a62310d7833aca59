// Keeps relative times and ages fresh, in the words of console/ui/format.py.
const language = document.documentElement.lang || "en";
const words = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

function relative(seconds) {
  const distance = Math.abs(seconds);
  if (distance < 10 || distance >= 30 * 86400) return null; // the server's words still hold
  const [unit, length] = UNITS.find(([, size]) => distance >= size);
  return words.format(-Math.sign(seconds) * Math.floor(distance / length), unit);
}

function age(seconds, old) {
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) || UNITS[3];
  const narrow = { second: "s", minute: "min", hour: "h", day: "d" }[unit];
  if (language !== "en") {
    const style = { style: "unit", unit, unitDisplay: "narrow" };
    return new Intl.NumberFormat(language, style).format(Math.floor(seconds / length));
  }
  return Number.isFinite(seconds) ? `${Math.max(0, Math.floor(seconds / length))} ${narrow}` : old;
}

function tick() {
  if (document.hidden) return;
  const now = Date.now();
  for (const node of document.querySelectorAll("time[data-relative]")) {
    const text = relative((now - Date.parse(node.dateTime)) / 1000);
    if (text && text !== node.textContent) node.textContent = text;
  }
  for (const node of document.querySelectorAll("time[data-age]")) {
    const text = age((now - Date.parse(node.dateTime)) / 1000, node.textContent);
    if (text !== node.textContent) node.textContent = text;
  }
}

export function startTime() {
  setInterval(tick, 5000);
  document.addEventListener("visibilitychange", tick);
}
