// Log viewer: fetches what is new from `?offset=`, follows while the reader is at the end, pauses
// when the reader scrolls up, finds text, links to lines.
import { make } from "./dom.js";

const KEEP = 20_000; // lines in the page; older ones are in the download
const LONG = 2000; // lines from which those out of sight are not laid out
const WIDE = 16_384; // characters of a line; a longer one goes on in the next
const COLOURS = 8; // codes that are in force at once
const IDLE = 2000; // milliseconds between questions while nothing new comes
const ERROR = /\b(error|exception|fatal|traceback|panic|killed)\b/i;
const WARN = /\bwarn(ing)?\b/i;
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b\[([0-9;]{0,20})m/g;

function colour(target, text) {
  let last = 0;
  let codes = [];
  const add = (piece) => {
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

export function startLog(root) {
  const body = root.querySelector("[data-log-body]");
  const state = root.querySelector("[data-log-state]");
  const count = root.querySelector("[data-log-count]");
  const field = root.querySelector("[data-log-search]");
  const hits = root.querySelector("[data-log-hits]");
  const followButton = root.querySelector("[data-log-follow]");
  const errorButton = root.querySelector("[data-log-error]");
  const live = "live" in root.dataset;
  let offset = 0;
  let number = 0;
  let open = ""; // a last line without its end
  let openNode = null;
  let own = false; // whether the line being written is the platform's
  let follow = true;
  let ended = false;
  let asking = false;
  let timer = null;
  let found = [];
  let at = -1;

  const say = (word) => {
    state.textContent = state.dataset[word] || "";
  };
  const setFollow = (value) => {
    follow = value;
    followButton.setAttribute("aria-pressed", String(value));
    if (value) body.scrollTop = body.scrollHeight;
    say(ended ? "ended" : value ? (number ? "following" : "waiting") : "paused");
  };

  function write(node, text) {
    const target = node.lastElementChild;
    target.replaceChildren();
    // A carriage return rewrites the line, as progress bars do: the last state counts.
    const shown = text.slice(text.replace(/\r$/, "").lastIndexOf("\r") + 1).replace(/\r$/, "");
    colour(target, shown);
    if (own) return;
    node.classList.toggle("is-error", ERROR.test(shown));
    node.classList.toggle("is-warn", WARN.test(shown));
    if (node.classList.contains("is-error")) errorButton.hidden = false;
  }
  function cut(text) {
    if (text.length <= WIDE) return text;
    return Array.from({ length: Math.ceil(text.length / WIDE) }, (_, at) => text.slice(at * WIDE, (at + 1) * WIDE));
  }
  function line(text) {
    number += 1;
    const id = `${root.id}-L${number}`;
    const node = make("div", { class: "log-line", id }, make("a", { href: `#${id}`, tabindex: "-1" }, String(number)), make("span"));
    if (own) {
      node.classList.add("is-own");
      node.firstElementChild.after(make("b", {}, root.dataset.own));
    }
    write(node, text);
    return node;
  }
  // `marks` say which characters are the platform's own words; the text itself proves nothing.
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
  function append(text, platform) {
    if (!text) return;
    own = platform;
    const parts = (open + text).split("\n").flatMap(cut);
    open = parts.pop();
    const fresh = document.createDocumentFragment();
    for (const part of parts) {
      if (openNode) {
        write(openNode, part);
        openNode = null;
      } else {
        fresh.append(line(part));
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
    while (body.childElementCount > KEEP) body.firstElementChild.remove();
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
      const url = new URL(root.dataset.url, location.href);
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
      say(ended ? "ended" : follow ? (number ? "following" : "waiting") : "paused");
    } catch (error) {
      if (!(error instanceof TypeError) && !/^\d+$/.test(error.message)) throw error;
      say("broken");
      wait = IDLE * 3;
    } finally {
      asking = false;
    }
    if (!ended && root.isConnected) timer = setTimeout(ask, wait);
  }

  function clearMarks() {
    for (const mark of body.querySelectorAll("mark")) mark.replaceWith(mark.textContent);
    for (const node of found) {
      node.classList.remove("is-hit");
      node.lastElementChild.normalize();
    }
  }
  function search() {
    clearMarks();
    const wanted = field.value.toLowerCase();
    const before = found[at];
    found = [];
    if (wanted) {
      for (const node of body.children) {
        const target = node.lastElementChild;
        if (!target.textContent.toLowerCase().includes(wanted)) continue;
        found.push(node);
        const walker = document.createTreeWalker(target, NodeFilter.SHOW_TEXT);
        for (let text = walker.nextNode(); text; text = walker.nextNode()) {
          const index = text.data.toLowerCase().indexOf(wanted);
          if (index < 0) continue;
          const rest = text.splitText(index);
          rest.splitText(wanted.length);
          rest.replaceWith(make("mark", {}, rest.data));
          break;
        }
      }
    }
    at = Math.max(found.indexOf(before), found.length ? 0 : -1);
    hits.textContent = wanted ? `${at + 1}/${found.length}` : "";
  }
  function go(step) {
    if (!found.length) return;
    setFollow(false);
    found[at]?.classList.remove("is-hit");
    at = (at + step + found.length) % found.length;
    found[at].classList.add("is-hit");
    found[at].scrollIntoView({ block: "center" });
    hits.textContent = `${at + 1}/${found.length}`;
  }

  let delay = null;
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
  root.querySelector("[data-log-next]").addEventListener("click", () => go(1));
  root.querySelector("[data-log-prev]").addEventListener("click", () => go(-1));
  root.querySelector("[data-log-wrap]").addEventListener("click", (event) => {
    const wrapped = body.classList.toggle("is-wrapped");
    event.currentTarget.setAttribute("aria-pressed", String(wrapped));
  });
  errorButton.addEventListener("click", () => {
    setFollow(false);
    body.querySelector(".is-error")?.scrollIntoView({ block: "center" });
  });
  followButton.addEventListener("click", () => setFollow(!follow));
  const atEnd = () => body.scrollHeight - body.scrollTop - body.clientHeight < 24;
  for (const kind of ["wheel", "touchmove", "keydown"]) {
    body.addEventListener(kind, () => requestAnimationFrame(() => follow !== atEnd() && setFollow(atEnd())), { passive: true });
  }
  document.body.addEventListener("live", ask);
  setFollow(true);
  ask();
}
