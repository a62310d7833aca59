// Copy buttons and the secret that is shown once.
import { icon, make, near, part } from "./dom.js";

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard && isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http on another host has no clipboard API; a selected text field still copies.
  const area = make("textarea", { class: "visually-hidden", readonly: true });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/**
 * The field of the secret that a button belongs to.
 * @param {HTMLElement} button
 */
function secret(button) {
  return part(button.closest("[data-secret]") ?? document, "[data-secret-value]", HTMLInputElement);
}

export function startCopy() {
  document.addEventListener("click", async (event) => {
    const button = near(event, "[data-copy]");
    if (button) {
      event.preventDefault();
      await copy(button.dataset.copy ?? "");
      const old = button.querySelector("svg");
      const mark = icon("check");
      old?.replaceWith(mark);
      button.classList.add("is-copied");
      setTimeout(() => {
        if (old) mark.replaceWith(old);
        button.classList.remove("is-copied");
      }, 1500);
      return;
    }
    const reveal = near(event, "[data-secret-reveal]");
    if (reveal) {
      const field = secret(reveal);
      const shown = field.type === "password";
      field.type = shown ? "text" : "password";
      reveal.setAttribute("aria-pressed", String(shown));
      return;
    }
    const save = near(event, "[data-secret-save]");
    if (save) {
            const link = make("a", {
        href: URL.createObjectURL(new Blob([`${secret(save).value}\n`], { type: "text/plain" })),
        download: save.dataset.secretSave,
      });
      link.click();
      URL.revokeObjectURL(link.href);
    }
  });
}
