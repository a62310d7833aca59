// The set-up link carries its token behind "#", which browsers send to nobody: it is moved into
// the form here and taken out of the address, so that neither log nor history keeps it.
const field = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-setup-token]"));
const token = window.location.hash.slice(1);
if (field && token && !field.value) {
  field.value = decodeURIComponent(token);
  window.history.replaceState(null, "", window.location.pathname);
}
