// The gallery of synthetic patients.
import { catalogue } from "./ask.js";
import { picked } from "./input.js";
import { byId, element, language, say } from "./page.js";

/** @param {Record<string, string>} texts */
const inLanguage = (texts) => texts[language] ?? texts["en"] ?? "";

/** @param {string} id */
export function pickFixture(id) {
  picked.fixture = id;
  for (const button of byId("gallery").querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.dataset.fixture === id));
}

/**
 * Show the scenarios; ``chosen`` is called after a click.
 * @param {() => void} chosen
 */
export async function showGallery(chosen) {
  const { fixtures } = await catalogue();
  const list = byId("gallery");
  const filter = byId("gallery-filter");
  list.replaceChildren(...fixtures.map((/** @type {any} */ one) => {
    const button = element("button", { type: "button", "data-fixture": one.id, "aria-pressed": String(one.id === picked.fixture) },
      element("strong", {}, inLanguage(one.title)),
      element("span", {}, `${one.hook} · ${one.language.toUpperCase()} · ${one.asOf.slice(0, 10)}`),
      element("span", {}, inLanguage(one.description)));
    button.addEventListener("click", () => {
      pickFixture(one.id);
      chosen();
    });
    return element("li", {}, button);
  }));
  const narrow = () => {
    const wanted = filter.value.trim().toLowerCase();
    let shown = 0;
    for (const item of list.children) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted) && !item.firstChild.dataset.fixture.includes(wanted);
      if (!item.hidden) shown += 1;
    }
    byId("gallery-count").textContent = say("scenarios", { count: shown });
  };
  filter.addEventListener("input", narrow);
  narrow();
}
