// Forms: typed confirmation, unsaved changes, selects that submit, rows of tags.
import { each, near, part } from "./dom.js";

/** @param {HTMLFormElement} form */
function typed(form) {
  const field = form.querySelector("#confirm-typed");
  const button = form.querySelector("[data-confirm-button]");
  if (!(field instanceof HTMLInputElement && button instanceof HTMLButtonElement)) return; // it cannot be done
  const check = () => {
    button.disabled = field.value !== form.dataset.confirmTyped;
  };
  field.addEventListener("input", check);
  check();
}

/** @param {HTMLFormElement} form */
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

/** @param {HTMLFormElement} form */
function tags(form) {
  const rows = part(form, "[data-tags-rows]", HTMLElement);
  form.addEventListener("click", (event) => {
    if (near(event, "[data-tags-add]")) {
      const model = part(form, "[data-tags-template]", HTMLTemplateElement);
      rows.append(document.importNode(model.content, true));
      rows.lastElementChild?.querySelector("input")?.focus();
    }
    near(event, "[data-tags-remove]")?.closest("[data-tags-row]")?.remove();
  });
}

export function startForms() {
  each("form[data-confirm-typed]", HTMLFormElement, typed);
  each("form[data-guard]", HTMLFormElement, guard);
  each("form[data-tags-editor]", HTMLFormElement, tags);
  each("[data-problem-summary]", HTMLElement, (summary) => summary.focus());
  document.addEventListener("change", (event) => {
    const form = near(event, "form[data-submit-on-change]");
    if (form instanceof HTMLFormElement) form.requestSubmit();
  });
  // A second click on a slow answer must not send a form twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    // A download answers without leaving the page; then the form must work again.
    setTimeout(() => delete form.dataset.sent, 8000);
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });
}
