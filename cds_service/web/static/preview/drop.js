// Files that are dropped anywhere: JSON goes to the JSON field, other text to the report.
import { byId, say, state } from "./page.js";
import { showTab, writeJson } from "./input.js";

const MEBIBYTE = 1024 * 1024;
const LARGEST_MEBIBYTES = 10;

/**
 * @param {File} file
 * @param {() => void} taken
 */
async function take(file, taken) {
  if (file.size > LARGEST_MEBIBYTES * MEBIBYTE) return state(say("file_too_large", { size: LARGEST_MEBIBYTES }), "bad");
  const text = await file.text();
  if (text.includes("\u0000") || text.includes("\ufffd")) return state(say("file_not_text"), "bad");
  if (/^\s*[{[]/.test(text)) {
    showTab("json");
    writeJson(text);
  } else {
    showTab("report");
    byId("text").value = text;
  }
  state(say("file_read", { name: file.name }), "good");
  taken();
}

/**
 * Listen on the whole page.
 * @param {() => void} taken
 */
export function listenForFiles(taken) {
  const pane = /** @type {HTMLElement} */ (document.querySelector(".input-pane"));
  const holdsFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    pane.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) pane.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    pane.classList.remove("dropping");
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    void take(file, taken);
  });
}
