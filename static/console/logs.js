// Log viewer: fetches what is new from `?offset=`, follows while the reader is at the end, pauses
// when the reader scrolls up, finds text, links to lines.
import { make, part } from "./dom.js";

const KEEP = 20_000; // lines in the page; older ones are in the download
const LONG = 2000; // lines from which those out of sight are not laid out
const WIDE = 16_384; // characters of a line; a longer one goes on in the next
const COLOURS = 8; // codes that are in force at once
const IDLE = 2000; // milliseconds between questions while nothing new comes
const ERROR = /\b(error|exception|fatal|traceback|panic|killed)\b/i;
const WARN = /\bwarn(ing)?\b/i;
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b\[([0-9;]{0,20})m/g;

/**
 * Text with the colours that ANSI codes ask for.
 * @param {Element} target
 * @param {string} text
 */
function colour(target, text) {
  let last = 0;
  /** @type {string[]} */
  let codes = [];
  const add = (/** @type {string} */ piece) => {
    if (!piece) return;
    const css = codes.map((code) => `ansi-${code}`).join(" ");
    target.append(css ? make("span", { class: css }, piece) : piece);
  };
  for (const match of text.matchAll(ANSI)) {
    add(text.slice(last, match.index));
    const fresh = match[1].split(";").filter((code) => code && code !== "0");
    codes = fresh.length ? [...codes, ...fresh].slice(-COLOURS) : [];
    last = match.index + match[0].length;
  }
  add(text.slice(last));
}

/**
 * A line in pieces that a browser can lay out.
 * @param {string} text
 */
function cut(text) {
  if (text.length <= WIDE) return [text];
  return Array.from({ length: Math.ceil(text.length / WIDE) }, (_, at) => text.slice(at * WIDE, (at + 1) * WIDE));
}

/**
 * Put the first find of a text in every line between marks.
 * @param {Iterable<Element>} lines
 * @param {string} wanted in lower case
 * @returns {Element[]} the lines that have it
 */
function highlight(lines, wanted) {
  const found = [];
  for (const line of lines) {
    const target = line.lastElementChild;
    if (!target?.textContent?.toLowerCase().includes(wanted)) continue;
    found.push(line);
    const walker = document.createTreeWalker(target, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = /** @type {Text} */ (walker.currentNode);
      const index = text.data.toLowerCase().indexOf(wanted);
      if (index < 0) continue;
      const rest = text.splitText(index);
      rest.splitText(wanted.length);
      rest.replaceWith(make("mark", {}, rest.data));
      break;
    }
  }
  return found;
}

/** @param {HTMLElement} root */
export function startLog(root) {
  const body = part(root, "[data-log-body]", HTMLElement);
  const state = part(root, "[data-log-state]", HTMLElement);
  const count = part(root, "[data-log-count]", HTMLElement);
  const field = part(root, "[data-log-search]", HTMLInputElement);
  const hits = part(root, "[data-log-hits]", HTMLElement);
  const followButton = part(root, "[data-log-follow]", HTMLElement);
  const errorButton = part(root, "[data-log-error]", HTMLElement);
  const wrapButton = part(root, "[data-log-wrap]", HTMLElement);
  const live = "live" in root.dataset;
  let offset = 0;
  let number = 0;
  let open = ""; // a last line without its end
  /** @type {HTMLElement | null} */
  let openNode = null;
  let own = false; // whether the line being written is the platform's
  let follow = true;
  let ended = false;
  let asking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Element[]} */
  let found = [];
  let at = -1;

  /** @param {"ended" | "following" | "waiting" | "paused" | "broken"} word */
  const say = (word) => {
    state.textContent = state.dataset[word] || "";
  };
  const sayState = () => say(ended ? "ended" : !follow ? "paused" : number ? "following" : "waiting");
  /** @param {boolean} value */
  const setFollow = (value) => {
    follow = value;
    followButton.setAttribute("aria-pressed", String(value));
    if (value) body.scrollTop = body.scrollHeight;
    sayState();
  };

  /**
   * @param {HTMLElement} node
   * @param {string} text
   */
  function write(node, text) {
    const target = part(node, ":scope > span", HTMLElement);
    target.replaceChildren();
    // A carriage return rewrites the line, as progress bars do: the last state counts.
    const shown = text.slice(text.replace(/\r$/, "").lastIndexOf("\r") + 1).replace(/\r$/, "");
    colour(target, shown);
    if (own) return;
    node.classList.toggle("is-error", ERROR.test(shown));
    node.classList.toggle("is-warn", WARN.test(shown));
    if (node.classList.contains("is-error")) errorButton.hidden = false;
  }
  /** @param {string} text */
  function line(text) {
    number += 1;
    const id = `${root.id}-L${number}`;
    const link = make("a", { href: `#${id}`, tabindex: "-1" }, String(number));
    const node = make("div", { class: "log-line", id }, link, make("span"));
    if (own) {
      node.classList.add("is-own");
      link.after(make("b", {}, root.dataset.own ?? ""));
    }
    write(node, text);
    return node;
  }
  /**
   * @param {string} text
   * @param {{ start: number, length: number }[]} [marks] which characters are the platform's own
   *   words; the text itself proves nothing
   */
  function receive(text, marks) {
    if (!marks?.length) {
      append(text, false);
      return;
    }
    const all = Array.from(text); // counted in characters, as the marks are
    let done = 0;
    for (const mark of marks) {
      append(all.slice(done, mark.start).join(""), false);
      done = mark.start + mark.length;
      append(all.slice(mark.start, done).join(""), true);
    }
    append(all.slice(done).join(""), false);
  }
  /**
   * @param {string} text
   * @param {boolean} platform
   */
  function append(text, platform) {
    if (!text) return;
    if (own !== platform) {
      // A line has one author: what follows is never read as the other's words.
      open = "";
      openNode = null;
    }
    own = platform;
    const parts = (open + text).split("\n").flatMap(cut);
    open = parts.pop() ?? "";
    const fresh = document.createDocumentFragment();
    for (const piece of parts) {
      if (openNode) {
        write(openNode, piece);
        openNode = null;
      } else {
        fresh.append(line(piece));
      }
    }
    if (open && openNode) {
      write(openNode, open);
    } else if (open) {
      openNode = line(open);
      fresh.append(openNode);
    }
    body.append(fresh);
    body.classList.toggle("is-long", body.childElementCount > LONG);
    while (body.childElementCount > KEEP) body.firstElementChild?.remove();
    count.textContent = `${number.toLocaleString(document.documentElement.lang)} ${count.dataset.word}`;
    if (location.hash.startsWith(`#${root.id}-L`)) {
      const target = document.getElementById(location.hash.slice(1));
      if (target && !target.classList.contains("is-target")) {
        target.classList.add("is-target");
        setFollow(false);
        target.scrollIntoView({ block: "center" });
      }
    }
    if (field.value) search();
    if (follow) body.scrollTop = body.scrollHeight;
  }

  async function ask() {
    if (asking || ended) return;
    asking = true;
    clearTimeout(timer);
    let wait = IDLE;
    try {
      const url = new URL(root.dataset.url ?? "", location.href);
      url.searchParams.set("offset", String(offset));
      const response = await fetch(url, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      const piece = await response.json();
      const moved = piece.next > offset;
      offset = piece.next;
      if (piece.text) receive(piece.text, piece.marks);
      // "eof" says that nothing more is there now; the log has ended when nobody writes any more.
      if (piece.eof && (piece.closed || !live)) ended = true;
      else if (moved) wait = piece.eof ? IDLE : 0;
      sayState();
    } catch {
      // No answer, an error, or a page to sign in instead of the log.
      say("broken");
      wait = IDLE * 3;
    } finally {
      asking = false;
    }
    if (!ended && root.isConnected) timer = setTimeout(ask, wait);
  }

  function clearMarks() {
    for (const mark of body.querySelectorAll("mark")) mark.replaceWith(mark.textContent ?? "");
    for (const node of found) {
      node.classList.remove("is-hit");
      node.lastElementChild?.normalize();
    }
  }
  function search() {
    clearMarks();
    const wanted = field.value.toLowerCase();
    const before = found[at];
    found = wanted ? highlight(body.children, wanted) : [];
    at = Math.max(found.indexOf(before), found.length ? 0 : -1);
    hits.textContent = wanted ? `${at + 1}/${found.length}` : "";
  }
  /** @param {number} step */
  function go(step) {
    if (!found.length) return;
    setFollow(false);
    found[at]?.classList.remove("is-hit");
    at = (at + step + found.length) % found.length;
    found[at].classList.add("is-hit");
    found[at].scrollIntoView({ block: "center" });
    hits.textContent = `${at + 1}/${found.length}`;
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let delay;
  field.addEventListener("input", () => {
    clearTimeout(delay);
    delay = setTimeout(() => {
      search();
      at -= 1;
      go(1);
    }, 200);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    go(event.shiftKey ? -1 : 1);
  });
  part(root, "[data-log-next]", HTMLElement).addEventListener("click", () => go(1));
  part(root, "[data-log-prev]", HTMLElement).addEventListener("click", () => go(-1));
  wrapButton.addEventListener("click", () => {
    const wrapped = body.classList.toggle("is-wrapped");
    wrapButton.setAttribute("aria-pressed", String(wrapped));
  });
  errorButton.addEventListener("click", () => {
    setFollow(false);
    body.querySelector(".is-error")?.scrollIntoView({ block: "center" });
  });
  followButton.addEventListener("click", () => setFollow(!follow));
  const atEnd = () => body.scrollHeight - body.scrollTop - body.clientHeight < 24;
  for (const kind of ["wheel", "touchmove", "keydown"]) {
    const moved = () => requestAnimationFrame(() => follow !== atEnd() && setFollow(atEnd()));
    body.addEventListener(kind, moved, { passive: true });
  }
  document.body.addEventListener("live", ask);
  setFollow(true);
  ask();
}
