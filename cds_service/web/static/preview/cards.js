// The buttons on the cards.
import { Refused } from "./ask.js";
import { accept, override } from "./feedback.js";
import { announce, byId, say } from "./page.js";

/**
 * @param {HTMLElement} card
 * @param {string} text
 * @param {boolean} [bad]
 */
function tell(card, text, bad = false) {
  const place = /** @type {HTMLElement} */ (card.querySelector(".outcome"));
  place.textContent = text;
  place.classList.toggle("bad", bad);
}

/**
 * Do what goes to the service, and say what became of it.
 * @param {HTMLElement} card
 * @param {() => Promise<void>} work
 */
async function told(card, work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    tell(card, error.status ? `${say("feedback_failed", { status: error.status })} ${error.message}` : error.message, true);
    return false;
  }
}

/** @param {HTMLElement} card @param {HTMLButtonElement} button */
async function acceptStep(card, button) {
  const item = /** @type {HTMLElement} */ (button.closest("[data-suggestion]"));
  const resource = item.querySelector("details");
  if (resource) resource.open = true;
  button.disabled = true;
  if (await told(card, () => accept(card, Number(item.dataset["suggestion"])))) {
    item.classList.add("taken");
    tell(card, say("accepted"));
  } else button.disabled = false;
}

/** @param {HTMLFormElement} form */
async function overrideCard(form) {
  const card = /** @type {HTMLElement} */ (form.closest(".card"));
  const choice = form.elements.namedItem("reason");
  const comment = form.elements.namedItem("comment");
  if (!(choice instanceof HTMLSelectElement) || !(comment instanceof HTMLInputElement)) return;
  const chosen = choice.selectedOptions[0];
  if (!chosen) return;
  if (chosen.value === "other" && !comment.value.trim()) {
    comment.focus();
    return tell(card, say("comment_needed"), true);
  }
  const reason = { system: chosen.dataset["system"] ?? "", code: chosen.value, display: chosen.textContent ?? "" };
  if (!(await told(card, () => override(card, reason, comment.value.trim())))) return;
  card.classList.add("overridden");
  form.hidden = true;
  const button = /** @type {HTMLButtonElement} */ (card.querySelector("[data-act=override]"));
  button.disabled = true;
  button.setAttribute("aria-expanded", "false");
  tell(card, say("overridden"));
}

/** @param {HTMLElement} card @param {boolean} open */
function openOverride(card, open) {
  const form = /** @type {HTMLElement} */ (card.querySelector("form.override"));
  const button = /** @type {HTMLElement} */ (card.querySelector("[data-act=override]"));
  form.hidden = !open;
  button.setAttribute("aria-expanded", String(open));
  (open ? form.querySelector("select") : button)?.focus();
}

/** Listen to the cards; those that come later too. */
export function listenToCards() {
  const result = byId("result");
  result.addEventListener("click", (/** @type {Event} */ event) => {
    const button = /** @type {HTMLButtonElement | null} */ (/** @type {Element} */ (event.target).closest("[data-act]"));
    const card = /** @type {HTMLElement | null} */ (button?.closest(".card") ?? null);
    if (!button || !card) return;
    const act = button.dataset["act"];
    if (act === "accept") void acceptStep(card, button);
    else if (act === "override") openOverride(card, button.getAttribute("aria-expanded") !== "true");
    else if (act === "cancel-override") openOverride(card, false);
  });
  result.addEventListener("submit", (/** @type {Event} */ event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (!form.matches("form.override")) return;
    event.preventDefault();
    void overrideCard(form);
  });
  result.addEventListener("change", (/** @type {Event} */ event) => {
    const box = /** @type {HTMLInputElement} */ (event.target);
    if (box.id === "narrow") sideBar(box.checked);
  });
}

/** Show the cards as a narrow side bar of an EHR, or wide. @param {boolean} narrow */
export function sideBar(narrow) {
  byId("cards").classList.toggle("narrow", narrow);
}

/** Say how many cards came. */
export function announceCards() {
  const count = byId("cards").querySelectorAll(".card").length;
  announce(count === 0 ? say("cards_none") : count === 1 ? say("cards_one") : say("cards_many", { count }));
}
