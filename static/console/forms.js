// Forms: typed confirmation, unsaved changes, selects that submit, rows of tags.
import { each } from "./dom.js";

function typed(form) {
  const field = form.querySelector("#confirm-typed");
  const button = form.querySelector("[data-confirm-button]");
  if (!field || !button) return;
  const check = () => {
    button.disabled = field.value !== form.dataset.confirmTyped;
  };
  field.addEventListener("input", check);
  check();
}

function guard(form) {
  let dirty = false;
  form.addEventListener("input", () => {
    dirty = true;
  });
  form.addEventListener("submit", () => {
    dirty = false;
  });
  addEventListener("beforeunload", (event) => {
    if (dirty) event.preventDefault();
  });
}

function tags(form) {
  const rows = form.querySelector("[data-tags-rows]");
  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-tags-add]")) {
      const row = form.querySelector("[data-tags-template]").content.firstElementChild.cloneNode(true);
      rows.append(row);
      row.querySelector("input").focus();
    }
    event.target.closest("[data-tags-remove]")?.closest("[data-tags-row]").remove();
  });
}

export function startForms() {
  each("form[data-confirm-typed]", typed);
  each("form[data-guard]", guard);
  each("form[data-tags-editor]", tags);
  each("[data-problem-summary]", (summary) => summary.focus());
  document.addEventListener("change", (event) => {
    event.target.closest("form[data-submit-on-change]")?.requestSubmit();
  });
  // A second click on a slow answer must not send a form twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    // A download answers without leaving the page; then the form must work again.
    setTimeout(() => delete form.dataset.sent, 8000);
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
}
