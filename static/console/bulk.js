// Choice of rows and the bar of what can be done with them.
const rows = () => [...document.querySelectorAll("[data-bulk-one]")];

function draw() {
  const bar = document.querySelector("[data-bulk]");
  if (!bar) return;
  const all = rows();
  const chosen = all.filter((box) => box.checked).length;
  bar.hidden = chosen === 0;
  bar.querySelector("[data-bulk-count]").textContent = String(chosen);
  const head = document.querySelector("[data-bulk-all]");
  head.checked = chosen > 0 && chosen === all.length;
  head.indeterminate = chosen > 0 && chosen < all.length;
}

export function startBulk() {
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-bulk-all]")) {
      for (const box of rows()) box.checked = event.target.checked;
      draw();
    } else if (event.target.matches("[data-bulk-one]")) {
      draw();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-bulk-clear]")) return;
    for (const box of rows()) box.checked = false;
    draw();
  });
  addEventListener("pageshow", draw);
}
