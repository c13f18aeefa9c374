// Accepting and overriding, told to the service as an EHR tells it: first the hook call, then the feedback on its cards.
import { askJson, query, Refused } from "./ask.js";
import { say } from "./page.js";

/** @type {Map<string, Promise<any>>} */
let calls = new Map();
/** @type {Promise<any> | null} */
let exported = null;
/** @type {any} */
let body = null;

/** @param {any} evaluated what the cards on the page were made of */
export function feedbackFor(evaluated) {
  body = evaluated;
  calls = new Map();
  exported = null;
}

/** The same input as hook requests, Bundle and test case; asked once for each evaluation. @returns {Promise<any>} */
export function exportOf() {
  exported ??= askJson(`/preview/export${query()}`, body);
  return exported;
}

/**
 * The cards that the service gives an EHR for the same input.
 * @param {string} service
 * @returns {Promise<any>}
 */
function called(service) {
  let call = calls.get(service);
  if (!call) {
    call = exportOf().then((all) => {
      const request = all.hookRequests.find((/** @type {any} */ one) => one.service === service);
      if (!request) throw new Refused(say("no_feedback"));
      return askJson(`/cds-services/${encodeURIComponent(service)}`, request.body);
    });
    calls.set(service, call);
  }
  return call;
}

/**
 * The same card in the answer of the hook; a card that was acknowledged before is held back there.
 * @param {HTMLElement} card
 */
async function issued(card) {
  const { service = "", summary, topic } = card.dataset;
  const answer = await called(service);
  const same = answer.cards.find((/** @type {any} */ one) => one.summary === summary && (one.source?.topic?.code ?? "") === topic);
  if (!same) throw new Refused(say("card_held"));
  return { service, same };
}

/** @param {string} service @param {any} item */
async function send(service, item) {
  await askJson(`/cds-services/${encodeURIComponent(service)}/feedback`, { feedback: [{ ...item, outcomeTimestamp: new Date().toISOString() }] });
}

/** @param {HTMLElement} card @param {number} index of the suggestion */
export async function accept(card, index) {
  const { service, same } = await issued(card);
  await send(service, { card: same.uuid, outcome: "accepted", acceptedSuggestions: [{ id: same.suggestions[index].uuid }] });
}

/** @param {HTMLElement} card @param {{system: string, code: string, display: string}} reason @param {string} userComment */
export async function override(card, reason, userComment) {
  const { service, same } = await issued(card);
  await send(service, { card: same.uuid, outcome: "overridden", overrideReason: { reason, ...(userComment && { userComment }) } });
}
