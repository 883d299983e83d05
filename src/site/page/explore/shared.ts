/** What the views share: their state, the rows that are chosen, sums over runs. */
import type { RowEntry, TaskEntry, TaskResults } from "#src/site/types.js";
import { choice, controls, h } from "../dom.js";

/** Names of the views. */
export const views = {
  curves: "Learning curves",
  costs: "Accuracy against costs",
  confusion: "Confusion matrix",
  importance: "Importance factors",
  shares: "Shares of the layers",
  items: "Single items",
};
export type View = keyof typeof views;
export type State = {
  preset: string;
  task: string;
  view: View;
  rows: string[];
  one: string;
  by: string;
  run: string;
  /** "own", or one that rows were trained at. */
  rate: string;
};

export interface Shown {
  state: State;
  task: TaskEntry;
  results: TaskResults;
  rows: RowEntry[];
  /** Whether the shipped items are those of the results. */
  shipped: boolean;
}

export type Draw = (body: HTMLElement, shown: Shown, redraw: () => void) => void;

/** Keeps what was chosen, and draws anew. */
export const setting =
  (state: State, name: "one" | "by" | "run" | "rate", redraw: () => void) => (value: string) => {
    state[name] = value;
    redraw();
  };

export function rowsOf(state: State, { rows }: Pick<TaskResults, "rows">, redraw: () => void): HTMLElement {
  return h(
    "fieldset",
    {},
    h("legend", {}, "Rows"),
    ...rows.map(({ name, title, note }) => {
      const box = h("input", {
        type: "checkbox",
        id: `row-${name}`,
        checked: state.rows.includes(name),
        change: () => {
          state.rows = rows
            .map(({ name }) => name)
            .filter((other) => (other === name ? box.checked : state.rows.includes(other)));
          redraw();
          document.getElementById(`row-${name}`)?.focus();
        },
      });
      return h("label", note === undefined ? {} : { title: note }, box, title);
    }),
  );
}

/** The row of a view that shows one. */
export function oneOf(
  body: HTMLElement,
  state: State,
  rows: readonly RowEntry[],
  redraw: () => void,
): RowEntry | undefined {
  const row = rows.find(({ name }) => name === state.one) ?? rows[0];
  if (!row) {
    body.append(h("p", {}, "No row of this task has what this view shows."));
    return undefined;
  }
  body.append(
    controls(
      choice(
        "Row",
        rows.map(({ name, title }) => ({ value: name, text: title })),
        row.name,
        setting(state, "one", redraw),
      ),
    ),
  );
  return row;
}

export const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Population standard deviation. */
export const spread = (values: readonly number[]) =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
