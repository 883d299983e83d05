/** Curves, costs, confusions, maps and single predictions of the rows that one chooses. */
import type { RowEntry, TaskResults } from "#src/site/types.js";
import { remember } from "./address.js";
import { load } from "./data.js";
import { choice, controls, h, optionsOf } from "./dom.js";
import { items } from "./explore/items.js";
import { costs, curves } from "./explore/lines.js";
import { confusion, importance, shares } from "./explore/maps.js";
import { type Draw, setting, type State, type View, views } from "./explore/shared.js";
import type { Page } from "./page.js";

const draw: Record<View, Draw> = { curves, costs, confusion, importance, shares, items };

export const explore: Page = (root, query, index) => {
  const preset = index.presets.find(({ name }) => name === query.get("preset")) ?? index.presets[0]!;
  const asked = query.get("view") as View;
  const state: State = {
    preset: preset.name,
    task: preset.tasks.find((name) => name === query.get("task")) ?? preset.tasks[0]!,
    view: asked in views ? asked : "curves",
    rows: (query.get("rows") ?? "daam-v1,no-attention,mha-layers,mha").split(","),
    one: query.get("one") ?? "daam-v1",
    by: query.get("by") ?? "",
    run: query.get("run") ?? "1",
    rate: query.get("rate") ?? "own",
  };
  const place = h("div");
  root.append(h("h1", {}, "Explore the results"), place);
  const keep = () => {
    const { rows, one, by, run, rate, ...rest } = state;
    const used = state.view === "confusion" || state.view === "importance";
    remember("explore", {
      ...rest,
      ...(used ? { one } : { rows: rows.join() }),
      ...(by && { by }),
      ...(rate !== "own" && { rate }),
      ...(state.view === "items" && { run }),
    });
  };
  const show = async () => {
    const own = `${state.preset}-${state.task}`;
    const results = await load<TaskResults>(own);
    if (own !== `${state.preset}-${state.task}`) return;
    const task = index.tasks.find(({ name }) => name === state.task)!;
    const { trainable } = index.presets.find(({ name }) => name === state.preset)!;
    const rates = [...new Set(results.rows.flatMap(({ cells }) => cells.map(({ rate }) => rate)))]
      .sort((a, b) => a - b)
      .map((rate) => rate.toExponential());
    if (!rates.includes(state.rate)) state.rate = "own";
    const body = h("div");
    const redraw = () => {
      keep();
      const rows = results.rows
        .filter(({ name }) => state.rows.includes(name))
        .map((row) => ({ ...row, cells: cellsAt(row, state.rate) }))
        .filter(({ cells }) => cells.length);
      body.replaceChildren();
      draw[state.view](body, { state, task, results, rows, shipped: trainable }, redraw);
    };
    const anew = (change: Partial<State>) => {
      Object.assign(state, change);
      keep();
      void show();
    };
    place.replaceChildren(
      controls(
        choice(
          "Preset",
          index.presets.map(({ name }) => ({ value: name, text: name })),
          state.preset,
          (preset) => anew({ preset, run: "1" }),
        ),
        choice(
          "Task",
          index.tasks.map(({ name, title, data }) => ({ value: name, text: `${title} (${data})` })),
          state.task,
          (task) => anew({ task, run: "1" }),
        ),
        choice("View", optionsOf(views), state.view, (view) => {
          state.view = view as View;
          state.by = "";
          redraw();
        }),
        rates.length > 1 &&
          choice(
            "Learning rate",
            ["own", ...rates].map((rate) => ({
              value: rate,
              text: rate === "own" ? "each row's own" : rate,
            })),
            state.rate,
            setting(state, "rate", redraw),
          ),
      ),
      body,
    );
    redraw();
  };
  show().catch((error: Error) => place.replaceChildren(h("p", { role: "alert" }, error.message)));
};

const cellsAt = ({ cells, chosen }: RowEntry, rate: string) =>
  cells.filter((cell) =>
    rate === "own" ? chosen === undefined || cell.rate === chosen : cell.rate.toExponential() === rate,
  );
