// Rows that can be added and removed: results, history, medication, orders, earlier reports.
import { catalogue } from "./ask.js";
import { byId } from "./page.js";
import { makePicker, nameOf } from "./picker.js";

/** @typedef {import("./picker.js").Entry} Entry */

/** @type {Record<string, Entry[]>} */
let choices = { labs: [], history: [], medications: [], orders: [], reports: [] };

/** Load what the rows offer. */
export async function loadChoices() {
  const all = await catalogue();
  const drugs = all.groups.filter((/** @type {Entry} */ one) => one.kind === "drug");
  const history = all.groups.filter((/** @type {Entry} */ one) => one.kind !== "drug");
  choices = { labs: all.analytes, history, medications: drugs, orders: all.orders, reports: [] };
}

/** @param {string} name */
const listOf = (name) => /** @type {HTMLElement} */ (document.querySelector(`[data-rows="${name}"] .list`));

/**
 * @param {Element} row
 * @param {string} part
 * @returns {any}
 */
const part = (row, part) => row.querySelector(`[data-part="${part}"]`);

/**
 * Add a row, filled with ``values``.
 * @param {string} name
 * @param {Record<string, string>} [values]
 * @returns {HTMLElement}
 */
export function addRow(name, values = {}) {
  const row = /** @type {HTMLElement} */ (byId(`row-${name}`).content.firstElementChild.cloneNode(true));
  for (const [key, value] of Object.entries(values)) if (part(row, key)) part(row, key).value = value;
  const field = part(row, "name");
  if (field) {
    if (values["picked"]) field.dataset.picked = values["picked"];
    if (values["kind"]) field.dataset.kind = values["kind"];
    makePicker(field, choices[name] ?? [], (entry) => {
      const unit = part(row, "unit");
      if (unit && !unit.value) unit.value = /** @type {any} */ (entry).unit ?? "";
    });
  }
  listOf(name).append(row);
  if (name === "orders") byId("order-hook-field").hidden = false;
  return row;
}

/** @param {Element} row */
export function removeRow(row) {
  const next = /** @type {HTMLElement | null} */ (row.closest("fieldset")?.querySelector("[data-add]") ?? null);
  row.remove();
  next?.focus();
  byId("order-hook-field").hidden = !listOf("orders").children.length;
}

/** Remove every row. */
export function clearRows() {
  for (const name of Object.keys(choices)) listOf(name).replaceChildren();
  byId("order-hook-field").hidden = true;
}

/** @param {string} text */
function number(text) {
  const written = text.trim().replace(",", ".");
  return /^-?\d+(\.\d+)?$/.test(written) ? Number(written) : text.trim();
}

/** What the rows say, as members of a typed preview. */
export function readRows() {
  /** @type {Record<string, any[]>} */
  const body = { labs: [], conditions: [], medications: [], history: [], orders: [], reports: [] };
  /** @param {string} name @param {any} value */
  const put = (name, value) => body[name]?.push(value);
  for (const row of listOf("labs").children) {
    const field = part(row, "name");
    if (!field.value.trim()) continue;
    const unit = part(row, "unit").value.trim();
    const date = part(row, "date").value;
    const test = field.dataset.picked ? { analyte: field.dataset.picked } : { name: field.value.trim() };
    put("labs", { ...test, value: number(part(row, "value").value), ...(unit && { unit }), ...(date && { date }) });
  }
  for (const row of listOf("history").children) {
    const field = part(row, "name");
    const on = part(row, "date").value;
    if (field.dataset.picked) put("history", { group: field.dataset.picked, kind: field.dataset.kind, ...(on && { on }) });
    else if (field.value.trim()) put("conditions", field.value.trim());
  }
  for (const row of listOf("medications").children) {
    const field = part(row, "name");
    if (field.dataset.picked) put("history", { group: field.dataset.picked, kind: "drug" });
    else if (field.value.trim()) put("medications", field.value.trim());
  }
  for (const row of listOf("orders").children) {
    const field = part(row, "name");
    if (field.value.trim()) put("orders", field.dataset.picked ? { kind: field.dataset.picked } : field.value.trim());
  }
  for (const row of listOf("reports").children) {
    const date = part(row, "date").value;
    if (part(row, "text").value.trim()) put("reports", { text: part(row, "text").value, ...(date && { date }) });
  }
  return Object.fromEntries(Object.entries(body).filter(([, values]) => values.length));
}

/**
 * The name of a picked id in the language of the page.
 * @param {string} list
 * @param {string} id
 */
function named(list, id) {
  const entry = (choices[list] ?? []).find((one) => one.id === id);
  return entry ? nameOf(entry) : id;
}

/**
 * Write rows for the members of a typed preview.
 * @param {any} body
 */
export function writeRows(body) {
  clearRows();
  for (const lab of body.labs ?? []) {
    const name = lab.analyte ? named("labs", lab.analyte) : (lab.name ?? lab.code ?? "");
    addRow("labs", { name, picked: lab.analyte ?? "", value: String(lab.value ?? ""), unit: lab.unit ?? "", date: lab.date ?? "" });
  }
  for (const one of body.history ?? []) {
    const list = one.kind === "drug" || (choices["medications"] ?? []).some((entry) => entry.id === one.group) ? "medications" : "history";
    addRow(list, { name: named(list, one.group), picked: one.group, kind: one.kind ?? "", date: one.on ?? "" });
  }
  for (const name of body.conditions ?? []) addRow("history", { name });
  for (const name of body.medications ?? []) addRow("medications", { name });
  for (const one of body.orders ?? []) addRow("orders", typeof one === "string" ? { name: one } : { name: named("orders", one.kind), picked: one.kind });
  for (const one of body.reports ?? []) addRow("reports", { text: one.text ?? "", date: one.date ?? "" });
}
