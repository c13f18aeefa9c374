// From what stands in the input pane to the body of a call, and back.
import { byId, say } from "./page.js";
import { check, fault, showFault } from "./editor.js";
import { clearRows, readRows, writeRows } from "./rows.js";
import { choose } from "./tabs.js";

/** What was picked in the gallery and on the FHIR server. @type {{fixture: string, server: any}} */
export const picked = { fixture: "", server: null };

/** An input that cannot be sent; its text is for the reader. */
export class Unready extends Error {}

/** The tab that is open: report, gallery, json or server. */
export function openTab() {
  return (document.querySelector("#input [role=tab][aria-selected=true]")?.id ?? "tab-report").replace("tab-", "");
}

/** @param {string} name */
export function showTab(name) {
  choose(byId(`tab-${name}`));
}

function typed() {
  const text = byId("text").value;
  if (!text.trim()) throw new Unready(say("text_empty"));
  const age = byId("age").value.trim();
  const pregnant = { yes: true, no: false }[/** @type {"yes" | "no"} */ (byId("pregnant").value)] ?? null;
  const patient = {
    age: /^\d+$/.test(age) ? Number(age) : age || null,
    sex: byId("sex").value,
    pregnant,
    ...(byId("onset").value && { onset: byId("onset").value }),
  };
  const rows = readRows();
  return {
    text,
    language: byId("language").value,
    patient,
    ...(byId("report-date").value && { reportDate: byId("report-date").value }),
    ...rows,
    ...(rows["orders"] && { orderHook: byId("order-hook").value }),
  };
}

function pasted() {
  const text = byId("json").value;
  if (!text.trim()) throw new Unready(say("json_empty"));
  const wrong = fault(text);
  if (wrong) {
    showFault();
    throw new Unready(say("json_error", wrong));
  }
  const value = JSON.parse(text);
  if (!value || typeof value !== "object" || Array.isArray(value)) throw new Unready(say("json_object"));
  return value;
}

/** The body of a call for the open tab. Throws Unready. @returns {any} */
export function readInput() {
  const tab = openTab();
  if (tab === "gallery") {
    if (!picked.fixture) throw new Unready(say("pick_scenario"));
    return { fixture: picked.fixture };
  }
  if (tab === "server") {
    if (!picked.server) throw new Unready(say("pick_report"));
    return picked.server;
  }
  return tab === "json" ? pasted() : typed();
}

/** @param {any} body */
export function writeTyped(body) {
  byId("text").value = body.text ?? "";
  byId("language").value = body.language ?? "";
  byId("report-date").value = body.reportDate ?? "";
  const patient = body.patient ?? {};
  byId("age").value = patient.age ?? "";
  byId("sex").value = patient.sex ?? "";
  byId("pregnant").value = patient.pregnant === true ? "yes" : patient.pregnant === false ? "no" : "";
  byId("onset").value = patient.onset ?? "";
  byId("order-hook").value = body.orderHook ?? "order-select";
  writeRows(body);
}

/** @param {string} text */
export function writeJson(text) {
  byId("json").value = text;
  check();
}

/** Empty the fields of a typed report. */
export function clearTyped() {
  clearRows();
  writeTyped({});
}
