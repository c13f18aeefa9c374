// Runs before the page is drawn: the chosen appearance, and that scripts run at all. Nothing else is kept in the browser.
(() => {
  const root = document.documentElement;
  const show = (/** @type {string} */ theme) => {
    if (theme === "light" || theme === "dark") root.dataset["theme"] = theme;
    else delete root.dataset["theme"];
  };
  root.classList.add("js");
  let kept = "";
  try {
    kept = localStorage.getItem("theme") ?? "";
  } catch {
    // Storage is closed to this page: the appearance of the system holds.
  }
  show(kept);
  document.addEventListener("DOMContentLoaded", () => {
    const choice = /** @type {HTMLSelectElement | null} */ (document.getElementById("theme"));
    if (!choice) return;
    choice.value = root.dataset["theme"] ?? "";
    choice.addEventListener("change", () => {
      show(choice.value);
      try {
        localStorage.setItem("theme", choice.value);
      } catch {
        // It holds until the page is left.
      }
    });
  });
})();
