// What a highlight of the report means, beside it on hover and focus; report and spine light up together.
import { byId } from "./page.js";

const GAP = 6;

/** @param {Element} mark @returns {string[]} */
const idsOf = (mark) => (mark.getAttribute("data-findings") ?? "").split(" ").filter(Boolean);

/** @param {Set<string>} ids @param {boolean} fade */
function link(ids, fade) {
  const result = byId("result");
  for (const one of result.querySelectorAll("mark, .cue, .vertebra, .disc")) {
    const own = [...idsOf(one), ...(one.getAttribute("data-cues") ?? "").split(" ")];
    one.classList.toggle("linked", own.some((id) => ids.has(id)));
  }
  for (const report of result.querySelectorAll(".report-text")) report.classList.toggle("faded", fade && ids.size > 0);
}

/** @param {HTMLElement} mark */
function show(mark) {
  const box = byId("finding-detail");
  const report = mark.dataset["report"];
  const details = idsOf(mark).map((id) => document.getElementById(`detail-${report}-${id}`)).filter((one) => one !== null);
  box.replaceChildren(...details.map((one) => {
    const copy = /** @type {HTMLElement} */ (one.cloneNode(true));
    copy.removeAttribute("id");
    return copy;
  }));
  box.showPopover();
  const at = mark.getClientRects()[0] ?? mark.getBoundingClientRect();
  const height = box.offsetHeight;
  const below = at.bottom + GAP + height < innerHeight;
  box.style.left = `${Math.max(GAP, Math.min(at.left, innerWidth - box.offsetWidth - GAP))}px`;
  box.style.top = `${below ? at.bottom + GAP : Math.max(GAP, at.top - height - GAP)}px`;
  link(new Set(idsOf(mark)), false);
}

function hide() {
  const box = byId("finding-detail");
  if (box.matches(":popover-open")) box.hidePopover();
  link(new Set(), false);
}

/** Listen to highlights and vertebrae; those that come later too. */
export function listenToHighlights() {
  const result = byId("result");
  const box = byId("finding-detail");
  let leaving = 0;
  const at = (/** @type {Event} */ event, /** @type {string} */ what) => /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest?.(what) ?? null);
  const enter = (/** @type {Event} */ event) => {
    const mark = at(event, "mark[data-findings]");
    const level = at(event, ".vertebra, .disc");
    if (!mark && !level) return;
    clearTimeout(leaving);
    if (mark) return show(mark);
    hide();
    if (level) link(new Set(idsOf(level)), true);
  };
  const leave = (/** @type {Event} */ event) => {
    // A moment to reach the box with the pointer.
    if (at(event, "mark, .vertebra, .disc")) leaving = setTimeout(hide, 150);
  };
  result.addEventListener("mouseover", enter);
  result.addEventListener("focusin", enter);
  result.addEventListener("mouseout", leave);
  result.addEventListener("focusout", leave);
  box.addEventListener("mouseenter", () => clearTimeout(leaving));
  box.addEventListener("mouseleave", hide);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  addEventListener("scroll", (event) => {
    if (event.target !== box) hide();
  }, { capture: true, passive: true });
}
