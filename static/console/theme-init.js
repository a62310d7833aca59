// Classic script in <head>: sets the theme before the first paint, so nothing flashes.
(function () {
  "use strict";
  var choice;
  try {
    choice = localStorage.getItem("modelyard.theme") || "auto";
  } catch {
    // Storage is forbidden in some private windows; then the system decides.
    choice = "auto";
  }
  var dark = choice === "dark" || (choice === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
})();
