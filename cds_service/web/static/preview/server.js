// Patients and reports of a FHIR server; the service asks it, this page does not.
import { askJson, catalogue, query, Refused } from "./ask.js";
import { picked } from "./input.js";
import { byId, element, say } from "./page.js";

/** Offer the servers that may be asked; who knows the secret sees them. */
export async function offerServers(again = false) {
  const { servers, local } = await catalogue(again);
  byId("servers").replaceChildren(...servers.map((/** @type {string} */ one) => element("option", { value: one })));
  if (servers.length === 1 && !byId("server").value) byId("server").value = servers[0];
  if (local && !servers.length) byId("server").placeholder = "http://127.0.0.1:8080/fhir";
}

/**
 * @param {any} patient
 * @param {string} server
 * @param {() => void} chosen
 */
function entry(patient, server, chosen) {
  /** @param {any} [report] */
  const button = (report) => {
    const made = element("button", { type: "button", class: "quiet", ...(report && { "data-report": report.id }) },
      report ? [report.date?.slice(0, 10), report.title].filter(Boolean).join(" · ") : say("whole_chart"));
    made.addEventListener("click", () => {
      picked.server = { server, patient: patient.id, ...(report && { report: report.id }) };
      chosen();
    });
    return element("li", {}, made);
  };
  return element("article", { "data-patient": patient.id },
    element("strong", {}, patient.name || patient.id),
    element("span", { class: "hint" }, ` ${patient.birthDate ? say("born", { date: patient.birthDate }) : ""}`),
    element("ul", { "aria-label": say("report_pick") }, button(), ...patient.reports.map(button)));
}

/**
 * Search, and show what was found.
 * @param {() => void} chosen
 */
export async function searchPatients(chosen) {
  const place = byId("patients");
  const server = byId("server").value.trim();
  picked.server = null;
  place.setAttribute("aria-busy", "true");
  try {
    const found = await askJson(`/preview/patients${query()}`, { server, query: byId("server-query").value.trim() });
    place.replaceChildren(...found.patients.map((/** @type {any} */ one) => entry(one, server, chosen)));
    if (!found.patients.length) place.append(element("p", { class: "note" }, say("patients_none")));
    if (found.more) place.append(element("p", { class: "hint" }, say("more_patients")));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    place.replaceChildren(element("p", { class: "problems", role: "alert" }, error.message));
  } finally {
    place.removeAttribute("aria-busy");
  }
}
