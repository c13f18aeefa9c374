// Type-ahead: a field with a list below it, by the ARIA pattern of an editable combobox.
import { element, language, say } from "./page.js";

const MOST = 12;
let made = 0;

/**
 * @typedef {{id: string, kind?: string, label: Record<string, string>, words?: Record<string, string[]>}} Entry
 */

/** @param {Entry} entry */
export const nameOf = (entry) => entry.label[language] ?? entry.label["en"] ?? entry.id;

/** @param {string} text */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * Entries that begin with the text first, then those that hold it anywhere, in a word of any language.
 * @param {Entry[]} entries
 * @param {string} typed
 */
export function matches(entries, typed) {
  const wanted = plain(typed.trim());
  if (!wanted) return entries.slice(0, MOST);
  /** @type {[number, Entry][]} */
  const found = [];
  for (const entry of entries) {
    const texts = [...Object.values(entry.label), entry.id.replaceAll("_", " "), ...Object.values(entry.words ?? {}).flat()];
    const places = texts.map((text) => plain(text).indexOf(wanted)).filter((place) => place >= 0);
    if (places.length) found.push([Math.min(...places) === 0 ? 0 : 1, entry]);
  }
  return found.sort((one, other) => one[0] - other[0]).slice(0, MOST).map(([, entry]) => entry);
}

/**
 * Make ``field`` a combobox over ``entries``; the picked id stands in ``field.dataset.picked``.
 * @param {HTMLInputElement} field
 * @param {Entry[]} entries
 * @param {(entry: Entry) => void} [picked]
 */
export function makePicker(field, entries, picked = () => {}) {
  const id = `options-${(made += 1)}`;
  const list = element("ul", { id, role: "listbox", class: "options", "aria-label": field.getAttribute("aria-label") ?? "" });
  list.hidden = true;
  field.after(list);
  for (const [name, value] of Object.entries({ "aria-controls": id, "aria-autocomplete": "list", "aria-expanded": "false" })) field.setAttribute(name, value);
  let at = -1;
  /** @type {Entry[]} */
  let shown = [];
  const close = () => {
    list.hidden = true;
    at = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };
  const mark = () => {
    for (const [index, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(index === at));
    if (at < 0) return;
    field.setAttribute("aria-activedescendant", `${id}-${at}`);
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const open = () => {
    shown = matches(entries, field.value);
    list.replaceChildren(...shown.map((entry, index) => {
      const kind = entry.kind ? [element("small", {}, say(`kind_${entry.kind}`))] : [];
      const option = element("li", { role: "option", id: `${id}-${index}`, "aria-selected": "false" }, ...kind, nameOf(entry));
      option.addEventListener("mousedown", (/** @type {Event} */ event) => {
        event.preventDefault();
        take(entry);
      });
      return option;
    }));
    list.hidden = shown.length === 0;
    field.setAttribute("aria-expanded", String(!list.hidden));
    at = -1;
    field.removeAttribute("aria-activedescendant");
  };
  /** @param {Entry} entry */
  const take = (entry) => {
    field.value = nameOf(entry);
    field.dataset["picked"] = entry.id;
    field.dataset["kind"] = entry.kind ?? "";
    close();
    picked(entry);
  };
  field.addEventListener("input", () => {
    delete field.dataset["picked"];
    open();
  });
  field.addEventListener("click", open);
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) open();
      if (!shown.length) return;
      at = (at + (event.key === "ArrowDown" ? 1 : shown.length + (at < 0 ? 0 : -1))) % shown.length;
      mark();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      // A row is filled, nothing is sent: the form is sent by its button or with Ctrl.
      event.preventDefault();
      const entry = shown[at];
      if (!list.hidden && entry) take(entry);
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      close();
    }
  });
}
