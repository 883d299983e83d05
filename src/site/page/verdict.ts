/** The claims of the paper and what was found; a click opens a comparison. */
import type { ClaimEntry, PresetEntry, TaskEntry } from "#src/site/types.js";
import { link } from "./address.js";
import { choice, controls, h } from "./dom.js";
import type { Page } from "./page.js";
import { comparison } from "./verdict/comparison.js";

export const verdict: Page = (root, query, index) => {
  const preset = index.presets.find(({ name }) => name === query.get("preset")) ?? index.presets[0]!;
  const claim = preset.claims.find(({ claim }) => claim === query.get("claim"));
  const task = index.tasks.find(({ name }) => name === query.get("task"));
  root.append(
    h("h1", {}, "Does density adaptive attention beat what it is compared with?"),
    h(
      "p",
      {},
      "The paper reports up to 19 points over dot-product attention on frozen encoders. Here each of its comparisons is run again, " +
        "on hidden states of small encoders over real speech, text and images, and judged by differences between rows that share " +
        "data, test items and seeds. ",
      preset.claims.length > 0 && h("strong", {}, summaryOf(preset)),
    ),
    controls(
      choice(
        "Results of preset",
        index.presets.map(({ name }) => ({ value: name, text: name })),
        preset.name,
        (name) => (location.hash = link("verdict", { preset: name })),
      ),
    ),
    h("p", { class: "soft" }, `${preset.name}: ${preset.what}.`),
    preset.claims.length
      ? verdicts(preset, index.tasks, claim?.claim, task?.name)
      : h("p", {}, "No comparison of this preset is published yet."),
  );
  if (claim && task && isThere(claim.tasks[task.name]?.verdict ?? "–")) {
    const section = h("section", { id: "comparison", tabindex: -1, "aria-labelledby": "comparison-title" });
    root.append(section);
    comparison(section, preset, claim, task, index.notes);
    requestAnimationFrame(() => section.scrollIntoView({ block: "nearest" }));
  } else root.append(h("p", { class: "soft" }, "Each verdict opens its comparison."));
};

/** "Of 45 comparisons, 4 are better, …": counted, not told. */
function summaryOf({ name, claims }: PresetEntry): string {
  const words = claims.flatMap(({ tasks }) => Object.values(tasks).map(({ verdict }) => wordOf(verdict)));
  const counts = [...new Set(words)].map((word) => ({
    word,
    n: words.filter((other) => other === word).length,
  }));
  const list = counts.sort((a, b) => b.n - a.n).map(({ word, n }) => `${n} ${word}`);
  const open = claims.some(({ tasks }) =>
    Object.values(tasks).some(({ verdict }) => !isThere(verdict) || /incomplete/.test(verdict)),
  );
  return `In preset ${name}${open ? ", of which cells are missing yet" : ""}, of ${words.length} comparisons: ${list.join(", ")}.`;
}

/** The verdict without what it rests on; where nothing is found yet, that. */
const wordOf = (text: string) =>
  isThere(text) ? text.replace(/ \(.*/, "").replace(/[,:].*/, "") : "not run yet";

const isThere = (verdict: string) => verdict !== "–";

const looks: [start: RegExp, look: string, sign: string][] = [
  [/^better/, "good", "▲"],
  [/^worse/, "bad", "▼"],
  [/^equivalent/, "even", "="],
  [/^depends/, "open", "◇"],
  [/./, "open", "?"],
];
const lookOf = (text: string) => looks.find(([start]) => start.test(text))!;

function verdicts(
  preset: PresetEntry,
  tasks: readonly TaskEntry[],
  claim: string | undefined,
  task: string | undefined,
): HTMLElement {
  const columns = tasks.filter(({ name }) => preset.tasks.includes(name));
  const cell = (entry: ClaimEntry, { name, title }: TaskEntry) => {
    const found = entry.tasks[name];
    if (!found || !isThere(found.verdict))
      return h("td", { "data-column": title }, h("span", { class: "soft" }, wordOf("–")));
    const [, look, sign] = lookOf(found.verdict);
    const current = entry.claim === claim && name === task;
    return h(
      "td",
      { "data-column": title },
      h(
        "a",
        {
          class: look,
          href: link("verdict", { preset: preset.name, claim: entry.claim, task: name }),
          "aria-current": current ? "true" : undefined,
          "aria-label": `${found.verdict}: ${entry.claim}, ${title}`,
        },
        `${sign} ${wordOf(found.verdict)}`,
      ),
    );
  };
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      { class: "verdicts" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["The paper's claim", ...columns.map(({ title, data }) => `${title} (${data})`)].map((text) =>
            h("th", { scope: "col" }, text),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        ...preset.claims.map((entry) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, entry.claim),
            ...columns.map((column) => cell(entry, column)),
          ),
        ),
      ),
    ),
  );
}
