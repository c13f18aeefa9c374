// What every part of the page needs: elements by name, words, and one place that speaks to screen readers.

/** @type {Record<string, string>} */
const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

/** The language of the page and of the cards. */
export const language = document.documentElement.lang;

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * The element with this id. What the page cannot do without is there by the template.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found;
}

/**
 * A new element with text (never markup) in it.
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** @param {string} text */
export function announce(text) {
  byId("said").textContent = text;
}

/**
 * Show a state below the form: good, bad or neither.
 * @param {string} text
 * @param {"good" | "bad" | ""} [tone]
 * @param {string} [id]
 */
export function state(text, tone = "", id = "input-state") {
  const place = byId(id);
  place.textContent = text;
  place.className = `state ${tone}`;
}

/**
 * Whether the element is on the screen of the narrow layout, where panes stand below each other.
 */
export function stacked() {
  return matchMedia("(max-width: 59.99rem)").matches;
}
