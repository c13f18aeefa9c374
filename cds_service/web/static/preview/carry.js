// Taking an evaluation along: as link, as curl command, as hook request, as test case.
import { query, Refused } from "./ask.js";
import { exportOf } from "./feedback.js";
import { showTab, writeJson } from "./input.js";
import { announce, language, say, state } from "./page.js";

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    state(say("copied"), "good");
    announce(say("copied"));
  } catch {
    state(say("not_copied"), "bad");
  }
}

/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** @param {any} body */
export function curl(body) {
  const headers = ["Content-Type: application/json", `Accept-Language: ${language}`].map((one) => `-H ${quoted(one)}`);
  return `curl -s ${quoted(`${location.origin}/preview${query()}`)} ${headers.join(" ")} -d ${quoted(JSON.stringify(body))}`;
}

/** @param {string} name @param {string} text @param {string} type */
function download(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

/** @param {unknown} value */
const pretty = (value) => `${JSON.stringify(value, null, 2)}\n`;

async function downloadHooks() {
  for (const one of (await exportOf()).hookRequests) download(`${one.service}.json`, pretty(one.body), "application/json");
}

async function downloadCase() {
  const { testCase, bundle } = await exportOf();
  if (testCase) return download(testCase.name, testCase.text, "text/plain");
  download("bundle.json", pretty(bundle), "application/json");
  state(say("case_bundle"), "good");
}

async function editAsJson() {
  const { bundle, hookRequests } = await exportOf();
  showTab("json");
  writeJson(JSON.stringify(bundle ?? hookRequests[0].body, null, 2));
}

/**
 * @param {string} act
 * @param {any} body
 * @returns {Promise<boolean>} whether it was one of these
 */
export async function carry(act, body) {
  /** @type {Record<string, () => Promise<void>>} */
  const ways = {
    "copy-link": () => (location.hash ? copy(location.href) : Promise.resolve(state(say("too_long"), "bad"))),
    "copy-curl": () => copy(curl(body)),
    "download-hook": downloadHooks,
    "download-case": downloadCase,
    "edit-json": editAsJson,
  };
  const way = ways[act];
  if (!way) return false;
  try {
    await way();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    state(error.message, "bad");
  }
  return true;
}
