// The tabs of the reasons that ask the service again: what would change this, and comparing.
import { askFragment, Refused } from "./ask.js";
import { byId, element, language, say, state } from "./page.js";

/** What the reasons on the page belong to. @type {any} */
let body = null;
let asked = false;

/** @param {any} evaluated */
export function reasonsFor(evaluated) {
  body = evaluated;
  asked = false;
  byId("result").classList.remove("comparing");
}

/**
 * Fill ``id`` with a fragment of the service, or with what it says instead.
 * @param {string} id
 * @param {string} path
 * @param {unknown} question
 */
async function fill(id, path, question) {
  const place = byId(id);
  place.replaceChildren(element("p", { class: "hint" }, say("evaluating")));
  try {
    // Made by the service's own templates, which escape everything; the content policy runs no script of it.
    place.innerHTML = await askFragment(path, question);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.fragment) place.innerHTML = error.fragment;
    else place.replaceChildren(element("p", { class: "problems", role: "alert" }, error.message));
  }
}

/** The right side of a comparison, as the form says. */
function rightSide() {
  const what = byId("compare-what").value;
  if (what === "language") return { language: byId("compare-language").value };
  if (what === "overlay") return { overlay: byId("compare-overlay").value };
  if (what === "day") return { asOf: byId("compare-day").value };
  const text = byId("compare-report").value;
  return { input: "text" in body ? { ...body, text } : { text } };
}

async function compare() {
  if (!body) return state(say("text_empty"), "bad");
  const asOf = byId("as-of").value;
  const left = { input: body, language, ...(asOf && { asOf }) };
  await fill("comparison", "/preview/compare", { left, right: { language, ...(asOf && { asOf }), ...rightSide() } });
}

/** Listen to the tabs and the form; those that come later too. */
export function listenToReasons() {
  const result = byId("result");
  result.addEventListener("chosen", (/** @type {CustomEvent} */ event) => {
    result.classList.toggle("comparing", event.detail === "compare");
    if (event.detail !== "changes" || asked) return;
    asked = true;
    void fill("changes", "/preview/changes", body);
  });
  result.addEventListener("change", (/** @type {Event} */ event) => {
    const choice = /** @type {HTMLSelectElement} */ (event.target);
    if (choice.id !== "compare-what") return;
    for (const field of result.querySelectorAll("#compare [data-for]")) field.hidden = field.dataset.for !== choice.value;
  });
  result.addEventListener("submit", (/** @type {Event} */ event) => {
    if (/** @type {HTMLElement} */ (event.target).id !== "compare") return;
    event.preventDefault();
    void compare();
  });
}
