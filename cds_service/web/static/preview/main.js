// The preview page: input on the left, cards in the middle, reasons on the right. Starts everything else.
import { askFragment, Refused } from "./ask.js";
import { announceCards, listenToCards, sideBar } from "./cards.js";
import { carry } from "./carry.js";
import { listenForFiles } from "./drop.js";
import { listenToEditor } from "./editor.js";
import { example } from "./example.js";
import { feedbackFor } from "./feedback.js";
import { packed, unpacked } from "./fragment.js";
import { pickFixture, showGallery } from "./gallery.js";
import { listenToHighlights } from "./highlights.js";
import { clearTyped, openTab, picked, readInput, showTab, Unready, writeJson, writeTyped } from "./input.js";
import { byId, element, say, stacked, state } from "./page.js";
import { listenToReasons, reasonsFor } from "./reasons.js";
import { addRow, loadChoices, removeRow } from "./rows.js";
import { offerServers, searchPatients } from "./server.js";
import { listenForTabs } from "./tabs.js";

/** The call whose answer is awaited, and the body of the answer on the page. */
let running = new AbortController();
/** @type {any} */
let evaluated = null;

/** @param {string} html @param {string} took */
function show(html, took) {
  const narrow = /** @type {HTMLInputElement | null} */ (document.getElementById("narrow"))?.checked ?? false;
  // Made by the service's own templates, which escape everything; the content policy runs no script of it.
  byId("result").innerHTML = html;
  const place = document.getElementById("took");
  if (!place) return;
  place.textContent = ` · ${took}`;
  byId("narrow").checked = narrow;
  sideBar(narrow);
  announceCards();
}

/** Evaluate what stands in the input pane. */
async function evaluate() {
  running.abort();
  const mine = (running = new AbortController());
  const result = byId("result");
  try {
    const body = readInput();
    state(say("evaluating"));
    result.setAttribute("aria-busy", "true");
    await remember(body);
    const began = performance.now();
    const html = await askFragment("/preview", body, mine.signal);
    const ms = Math.round(performance.now() - began);
    evaluated = body;
    feedbackFor(body);
    reasonsFor(body);
    show(html, say("answered", { ms }));
    state("");
    if (stacked()) byId("cards-heading").scrollIntoView();
  } catch (error) {
    if (mine.signal.aborted) return;
    if (error instanceof Refused && error.fragment) {
      reasonsFor(null);
      result.innerHTML = error.fragment;
    } else if (!(error instanceof Unready || error instanceof Refused)) throw error;
    state(error.message, "bad");
  } finally {
    if (mine === running) result.setAttribute("aria-busy", "false");
  }
}

/** Write the state into the address; the part after # stays in the browser. @param {any} body */
async function remember(body) {
  const asOf = byId("as-of").value;
  const simple = body.fixture && !asOf ? `#fixture=${body.fixture}` : await packed({ tab: openTab(), body, ...(asOf && { asOf }) });
  history.replaceState(null, "", `${location.pathname}${location.search}${simple ?? ""}`);
}

/**
 * Fill the input pane from the address, and evaluate. Anybody may have made the address: what asks a server or brings
 * other numbers waits for the person.
 */
async function restore() {
  const kept = await unpacked(location.hash);
  if (!kept) return;
  byId("as-of").value = kept.asOf ?? "";
  showTab(["report", "gallery", "json", "server"].includes(kept.tab) ? kept.tab : "report");
  if (kept.tab === "gallery") pickFixture(kept.body.fixture);
  else if (kept.tab === "json") writeJson(JSON.stringify(kept.body, null, 2));
  else if (kept.tab === "server") {
    picked.server = kept.body;
    byId("server").value = kept.body.server ?? "";
  } else writeTyped(kept.body);
  if ("server" in kept.body || "overlay" in kept.body) state(say("link_filled"));
  else await evaluate();
}

/** @param {string} act @param {HTMLElement} button */
async function perform(act, button) {
  if (act === "example") {
    showTab("report");
    writeTyped(example());
    await evaluate();
  } else if (act === "clear") {
    clearTyped();
    byId("text").focus();
  } else if (act === "remove") removeRow(/** @type {Element} */ (button.closest(".entry")));
  else if (act === "search") await searchPatients(evaluate);
  else await carry(act, evaluated);
}

function listen() {
  document.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-act], [data-add]"));
    if (!button) return;
    const { act, add } = button.dataset;
    if (add) /** @type {HTMLElement | null} */ (addRow(add).querySelector("input, textarea"))?.focus();
    else if (act) void perform(act, button);
  });
  byId("input").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    void evaluate();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void evaluate();
    }
  });
  byId("server-query").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.ctrlKey) return;
    event.preventDefault();
    void searchPatients(evaluate);
  });
  document.getElementById("secret")?.addEventListener("change", () => void offerServers(true));
  // Another language is another page; what was entered goes along in the fragment.
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".languages a"))) {
    link.addEventListener("click", () => {
      link.hash = location.hash;
    });
  }
  addEventListener("hashchange", () => void restore());
}

async function start() {
  listenForTabs();
  listenToEditor();
  listenForFiles(evaluate);
  listenToCards();
  listenToHighlights();
  listenToReasons();
  listen();
  try {
    await loadChoices();
    await Promise.all([showGallery(evaluate), offerServers()]);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    byId("gallery").replaceChildren(element("li", { class: "problems" }, error.message));
  }
  await restore();
  document.documentElement.dataset["ready"] = "yes";
}

void start();
