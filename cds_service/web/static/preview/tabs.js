// Tabs with the keys that people know: arrows, Home and End.
import { byId } from "./page.js";

/** @param {Element} tab */
const panelOf = (tab) => byId(tab.getAttribute("aria-controls") ?? "");

/**
 * @param {HTMLElement} tab
 * @param {boolean} [focus]
 */
export function choose(tab, focus = false) {
  const list = /** @type {HTMLElement} */ (tab.closest("[role=tablist]"));
  for (const one of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("[role=tab]"))) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    const panel = panelOf(one);
    panel.hidden = !chosen;
    panel.classList.toggle("chosen", chosen);
  }
  if (focus) tab.focus();
  tab.dispatchEvent(new CustomEvent("chosen", { bubbles: true, detail: tab.id.replace("tab-", "") }));
}

/** Listen for clicks and keys on every list of tabs, also on those that come later. */
export function listenForTabs() {
  document.addEventListener("click", (event) => {
    const tab = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[role=tab]"));
    if (tab) choose(tab);
  });
  document.addEventListener("keydown", (event) => {
    const tab = /** @type {Element} */ (event.target).closest("[role=tab]");
    if (!tab) return;
    const all = /** @type {HTMLElement[]} */ ([...(tab.parentElement?.children ?? [])]);
    const at = all.indexOf(/** @type {HTMLElement} */ (tab));
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 };
    const next = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (next === undefined) return;
    event.preventDefault();
    choose(/** @type {HTMLElement} */ (all[next % all.length]), true);
  });
}
