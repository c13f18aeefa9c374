// The field for JSON: line numbers, and what is wrong with it at which line, while it is typed.
import { byId, say, state } from "./page.js";

/**
 * Where JSON stops being JSON, found by a small reader of our own: browsers word their errors each in another way.
 * @param {string} text
 * @returns {{line: number, column: number, text: string} | null}
 */
export function fault(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const message = String(/** @type {Error} */ (error).message);
    const at = place(text);
    const before = text.slice(0, at).split("\n");
    return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, text: /^Unexpected token '[^]'/.exec(message)?.[0] ?? message.split(/ in JSON| \(line/)[0] ?? message };
  }
}

/**
 * The place of the first character that cannot stand where it stands.
 * @param {string} text
 */
function place(text) {
  const token = /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/y;
  /** @type {string[]} */
  const open = [];
  let wanted = "value";
  let at = 0;
  for (;;) {
    const start = at + (/^\s*/.exec(text.slice(at, at + 100_000))?.[0].length ?? 0);
    token.lastIndex = at;
    const match = token.exec(text);
    if (!match) return start;
    const mark = match[1] ?? (match[2] ? '"' : "0");
    const next = follow(wanted, mark, open);
    if (!next) return start;
    wanted = next;
    at = token.lastIndex;
  }
}

/**
 * What may come after ``mark``; "" when it must not stand here.
 * @param {string} wanted
 * @param {string} mark
 * @param {string[]} open
 */
function follow(wanted, mark, open) {
  const inside = () => (open.length ? "rest" : "end");
  if (wanted === "colon") return mark === ":" ? "value" : "";
  if (wanted === "rest") {
    if (mark === ",") return open.at(-1) === "{" ? "name" : "value";
    return mark === (open.at(-1) === "{" ? "}" : "]") ? (open.pop(), inside()) : "";
  }
  if (wanted === "name" || wanted === "first name") {
    if (mark === '"') return "colon";
    return mark === "}" && wanted === "first name" ? (open.pop(), inside()) : "";
  }
  if (wanted === "end") return "";
  if (mark === "{") return open.push("{"), "first name";
  if (mark === "[") return open.push("["), "first value";
  if (mark === "]" && wanted === "first value") return open.pop(), inside();
  return mark === '"' || mark === "0" ? inside() : "";
}

/** @param {any} value */
function described(value) {
  if (value.resourceType === "Bundle") return say("kind_bundle", { count: value.entry?.length ?? 0 });
  return typeof value.hook === "string" ? say("kind_request", { hook: value.hook }) : say("kind_other");
}

const LONGEST_CHECKED = 2_000_000;

/** Number the lines and tell whether they are JSON. @returns {boolean} */
export function check() {
  const field = byId("json");
  const numbers = document.querySelector(".numbers");
  const wrong = field.value.trim() && field.value.length < LONGEST_CHECKED ? fault(field.value) : null;
  const count = field.value.split("\n").length;
  numbers?.replaceChildren(...lines(count, wrong?.line ?? 0));
  field.setAttribute("aria-invalid", String(wrong !== null));
  if (wrong) state(say("json_error", wrong), "bad", "json-state");
  else if (!field.value.trim()) state("", "", "json-state");
  else if (field.value.length < LONGEST_CHECKED) state(say("json_good", { what: described(JSON.parse(field.value)) }), "good", "json-state");
  return wrong === null;
}

/**
 * @param {number} count
 * @param {number} at
 * @returns {(Node | string)[]}
 */
function lines(count, at) {
  const numbers = (/** @type {number} */ from, /** @type {number} */ to) => Array.from({ length: Math.max(to - from + 1, 0) }, (_, index) => from + index).join("\n");
  if (!at) return [numbers(1, count)];
  const mark = document.createElement("span");
  mark.className = "at";
  mark.textContent = String(at);
  return [numbers(1, at - 1) + (at > 1 ? "\n" : ""), mark, (at < count ? "\n" : "") + numbers(at + 1, count)];
}

/** Put the cursor where the fault is. */
export function showFault() {
  const field = byId("json");
  const wrong = fault(field.value);
  if (!wrong) return;
  const start = field.value.split("\n").slice(0, wrong.line - 1).reduce((/** @type {number} */ sum, /** @type {string} */ line) => sum + line.length + 1, 0);
  field.focus();
  field.setSelectionRange(start + wrong.column - 1, start + wrong.column);
}

/** Listen to the field. */
export function listenToEditor() {
  const field = byId("json");
  field.addEventListener("input", check);
  field.addEventListener("scroll", () => {
    const numbers = document.querySelector(".numbers");
    if (numbers) numbers.scrollTop = field.scrollTop;
  });
}
