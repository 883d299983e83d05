/** Predictions of single items. */
import type { SiteItems, TaskEntry } from "#src/site/types.js";
import { bytesOf } from "../bytes.js";
import { load } from "../data.js";
import { choice, controls, h, optionsOf } from "../dom.js";
import { type Draw, rowsOf, setting, type Shown } from "./shared.js";

export const items: Draw = (body, shown, redraw) => {
  const { state, task, results } = shown;
  const list = h("div", {}, h("p", {}, "loading the items"));
  const runs = [...new Set(results.rows.flatMap(({ cells }) => cells.map(({ run }) => String(run))))];
  const filters = {
    all: "all",
    differ: "those on which the rows differ",
    wrong: "those that all rows miss",
  };
  const by = state.by in filters ? state.by : "differ";
  body.append(
    rowsOf(state, results, redraw),
    controls(
      choice(
        task.split === "folds" ? "Run (its fold tests)" : "Run",
        runs.map((run) => ({ value: run, text: run })),
        state.run,
        setting(state, "run", redraw),
      ),
      choice("Items", optionsOf(filters), by, setting(state, "by", redraw)),
    ),
    list,
  );
  const looks = shown.shipped ? load<SiteItems>(`items-${task.name}`) : Promise.resolve(undefined);
  void looks.then((looks) => listItems(list, shown, by, looks));
};

/** At most so many lines; more would be read by nobody. */
const LINES = 30;

function listItems(
  place: HTMLElement,
  { state, task, results, rows }: Shown,
  by: string,
  looks?: SiteItems,
): void {
  const { positions, labels, sets } = results.items;
  const columns = rows.flatMap((row) => {
    const cell = row.cells.find(({ run }) => String(run) === state.run);
    if (!cell) return [];
    const predictions = [...bytesOf(cell.predictions.last)];
    const indices = sets[cell.set];
    return indices
      ? [{ title: row.title, of: new Map(indices.map((index, i) => [index, predictions[i]!])) }]
      : [];
  });
  const known = new Map(looks?.items.map((item) => [item.position, item]));
  const all = positions.flatMap((position, index) => {
    const guesses = columns.map(({ of }) => of.get(index));
    if (!guesses.length || guesses.some((guess) => guess === undefined)) return [];
    return [{ position, label: labels[index]!, guesses: guesses as number[], item: known.get(position) }];
  });
  const kept = all
    .filter(
      ({ label, guesses }) =>
        by === "all" ||
        (by === "wrong" ? guesses.every((guess) => guess !== label) : new Set(guesses).size > 1),
    )
    .sort((a, b) => Number(!!b.item) - Number(!!a.item) || a.position - b.position);
  const seen = kept.some(({ item }) => item?.text !== undefined || item?.image !== undefined);
  const look = ({ item, position }: (typeof kept)[number]) =>
    item?.image
      ? h("img", { class: "item", src: item.image, alt: `test item ${position}, an image of 32 × 32 pixels` })
      : (item?.text ?? "");
  place.replaceChildren(
    h(
      "p",
      {},
      `${kept.length} of ${all.length} test items of this run${kept.length > LINES ? `, the first ${LINES}` : ""}. ` +
        "✓ and ✗: right and wrong by the last epoch.",
    ),
    h("p", { class: "soft" }, termsOf(task, looks, seen)),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Predictions of single items" },
      h(
        "table",
        { class: "items" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ...[
              "item",
              ...(seen ? [task.name === "text" ? "text" : "image"] : []),
              "class",
              ...columns.map(({ title }) => title),
            ].map((text) => h("th", { scope: "col" }, text)),
          ),
        ),
        h(
          "tbody",
          {},
          ...kept
            .slice(0, LINES)
            .map((line) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, String(line.position)),
                seen && h("td", { class: line.item?.text === undefined ? "look" : "look text" }, look(line)),
                h("td", { "data-column": "class" }, task.classes[line.label]!),
                ...line.guesses.map((guess, i) =>
                  h(
                    "td",
                    { class: "number", "data-column": columns[i]!.title },
                    `${guess === line.label ? "✓" : "✗"} ${task.classes[guess]!}`,
                  ),
                ),
              ),
            ),
        ),
      ),
    ),
  );
}

function termsOf(task: TaskEntry, looks: SiteItems | undefined, seen: boolean): string {
  if (seen) return `Terms of ${task.data}: ${looks!.terms}.`;
  return looks
    ? `Items are numbered as in the shipped feature file. What they were made from is not shown: ${task.name === "speech" ? "recordings are left to their own archive" : "the raw data was not at hand when this site was built (DAAM_DATA)"}.`
    : "Items are numbered as in this preset's feature file, which is not shipped.";
}
