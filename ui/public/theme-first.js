// Runs before the first paint, so that a light page never flashes dark. The key is that of src/app/theme.ts.
(function () {
  var choice = null;
  try {
    choice = localStorage.getItem("mistudio.theme");
  } catch (_) {
    // Storage is closed to us: the default theme will do.
  }
  var light = choice === "light" || (choice === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
})();
