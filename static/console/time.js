// Keeps relative times and ages fresh, in the words of console/ui/format.py.
const MINUTE = 60; // seconds
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** @type {["day" | "hour" | "minute" | "second", number, string][]} */
const UNITS = [
  ["day", DAY, "d"],
  ["hour", HOUR, "h"],
  ["minute", MINUTE, "min"],
  ["second", 1, "s"],
];
const EVERY = 5000; // milliseconds

const language = document.documentElement.lang || "en";
const words = new Intl.RelativeTimeFormat(language, { numeric: "always" });

/**
 * How long ago, or null where the server's words still hold: "just now", and dates of long ago.
 * @param {number} seconds since then; negative for what is to come
 * @returns {string | null}
 */
export function relative(seconds) {
  const distance = Math.abs(seconds);
  if (!(distance >= 10 && distance < 30 * DAY)) return null;
  const [unit, length] = UNITS.find(([, size]) => distance >= size) ?? UNITS[3];
  return words.format(-Math.sign(seconds) * Math.floor(distance / length), unit);
}

/**
 * An age in the shortest form, or null where it is not known.
 * @param {number} seconds
 * @returns {string | null}
 */
export function age(seconds) {
  if (!Number.isFinite(seconds)) return null;
  const past = Math.max(0, seconds);
  const [unit, length, narrow] = UNITS.find(([, size]) => past >= size) ?? UNITS[3];
  const count = Math.floor(past / length);
  if (language === "en") return `${count} ${narrow}`;
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "narrow" }).format(count);
}

/**
 * @param {string} selector
 * @param {(seconds: number) => string | null} text
 */
function freshen(selector, text) {
  for (const node of document.querySelectorAll(selector)) {
    if (!(node instanceof HTMLTimeElement)) continue;
    const fresh = text((Date.now() - Date.parse(node.dateTime)) / 1000);
    if (fresh !== null && fresh !== node.textContent) node.textContent = fresh;
  }
}

function tick() {
  if (document.hidden) return;
  freshen("time[data-relative]", relative);
  freshen("time[data-age]", age);
}

/** Keep all times of the page fresh while it is seen. */
export function startTime() {
  setInterval(tick, EVERY);
  document.addEventListener("visibilitychange", tick);
}
