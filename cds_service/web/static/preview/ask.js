// Calls to this service; nothing else is ever called.
import { byId, language, say } from "./page.js";

/** An answer that is no result: its text is for the reader. */
export class Refused extends Error {
  /**
   * @param {string} message
   * @param {number} [status]
   * @param {string} [fragment] what the service says as HTML of its own templates
   */
  constructor(message, status = 0, fragment = "") {
    super(message);
    this.status = status;
    this.fragment = fragment;
  }
}

/** @returns {Record<string, string>} */
function secret() {
  const field = /** @type {HTMLInputElement | null} */ (document.getElementById("secret"));
  return field?.value ? { Authorization: `Bearer ${field.value}` } : {};
}

/** The day the chart is looked at, as a query; no data of a patient. */
export function query() {
  const day = byId("as-of").value;
  return `?language=${language}${day ? `&asOf=${day}` : ""}`;
}

/**
 * @param {string} path
 * @param {unknown} body
 * @param {string} accept
 * @param {AbortSignal} [signal]
 */
async function post(path, body, accept, signal) {
  try {
    return await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: accept, "Accept-Language": language, ...secret() },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(say("unreachable"));
  }
}

/**
 * What the service says of a refusal, in its own words.
 * @param {string} text
 * @param {number} status
 */
function reason(text, status) {
  try {
    const issues = JSON.parse(text).issue.map((/** @type {any} */ issue) => issue.details.text);
    return issues.join(" ");
  } catch {
    return say("refused", { status });
  }
}

/**
 * A fragment of the page, made by the service.
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal} [signal]
 */
export async function askFragment(path, body, signal) {
  const answer = await post(`${path}${query()}`, body, "text/html", signal);
  const text = await answer.text();
  if (answer.ok) return text;
  const html = answer.headers.get("Content-Type")?.startsWith("text/html") ?? false;
  throw new Refused(html ? say("refused", { status: answer.status }) : reason(text, answer.status), answer.status, html ? text : "");
}

/**
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<any>}
 */
export async function askJson(path, body) {
  const answer = await post(path, body, "application/json");
  const text = await answer.text();
  if (!answer.ok) throw new Refused(reason(text, answer.status), answer.status);
  return JSON.parse(text);
}

/** @type {Promise<any> | null} */
let asked = null;

/** What there is to pick from; asked once, and again with another secret. @returns {Promise<any>} */
export function catalogue(again = false) {
  if (again) asked = null;
  asked ??= fetch("/preview/catalogue", { headers: { Accept: "application/json", ...secret() } }).then((answer) => {
    if (!answer.ok) throw new Refused(say("refused", { status: answer.status }), answer.status);
    return answer.json();
  });
  return asked;
}
