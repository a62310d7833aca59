// One refresh of the page at a time. htmx drops a request of an element that another answer has
// replaced meanwhile, so what changes while a refresh is on its way is asked for after it.

const RETRY = 5000; // milliseconds until a refresh that failed is tried again
/** @type {Set<XMLHttpRequest>} */
const flights = new Set();
let again = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retry;

/**
 * Tell everything that shows live data to look again.
 * @param {Record<string, unknown>} detail
 */
export function lookAgain(detail = {}) {
  if (flights.size) {
    again = true;
    return;
  }
  document.body.dispatchEvent(new CustomEvent("live", { detail }));
}

/** The same, where a refresh that is on its way is new enough. */
export function poll() {
  if (!document.hidden && !flights.size) lookAgain();
}

/** @param {XMLHttpRequest} xhr */
function landed(xhr) {
  flights.delete(xhr);
  if (xhr.status === 0 || xhr.status >= 500) {
    clearTimeout(retry);
    retry = setTimeout(() => lookAgain(), RETRY);
  }
  if (!again || flights.size) return;
  again = false;
  // htmx hooks up what it swapped in after its own timer of this length, which was set before.
  setTimeout(() => lookAgain(), window.htmx.config.defaultSettleDelay);
}

/** Follow the requests that htmx sends because of `lookAgain`. */
export function startRefresh() {
  document.body.addEventListener("htmx:beforeSend", (event) => {
    if (event.detail.requestConfig?.triggeringEvent?.type !== "live") return;
    const { xhr } = event.detail;
    flights.add(xhr);
    xhr.addEventListener("loadend", () => landed(xhr));
  });
}
