/** Curves, costs, confusions, maps and single predictions of the rows that one chooses. */
import type { RowEntry, SiteItems, TaskEntry, TaskResults } from "#src/site/types.js";
import { remember } from "./address.js";
import { bytesOf } from "./bytes.js";
import { load } from "./data.js";
import { choice, fixed, h } from "./dom.js";
import { colour, dashes, Figure, scale, symbols } from "./figure.js";
import type { Page } from "./main.js";

const views = {
  curves: "Learning curves",
  costs: "Accuracy against costs",
  confusion: "Confusion matrix",
  importance: "Importance factors",
  shares: "Shares of the layers",
  items: "Single items",
};
type View = keyof typeof views;
type State = {
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

interface Shown {
  state: State;
  task: TaskEntry;
  results: TaskResults;
  rows: RowEntry[];
  /** Whether the shipped items are those of the results. */
  shipped: boolean;
}

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
      h(
        "div",
        { class: "controls" },
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
        choice(
          "View",
          Object.entries(views).map(([value, text]) => ({ value, text })),
          state.view,
          (view) => {
            state.view = view as View;
            state.by = "";
            redraw();
          },
        ),
        rates.length > 1 &&
          choice(
            "Learning rate",
            ["own", ...rates].map((rate) => ({
              value: rate,
              text: rate === "own" ? "each row's own" : rate,
            })),
            state.rate,
            (rate) => {
              state.rate = rate;
              redraw();
            },
          ),
      ),
      body,
    );
    redraw();
  };
  show().catch((error: Error) => place.replaceChildren(h("p", { role: "alert" }, error.message)));
};

type Draw = (body: HTMLElement, shown: Shown, redraw: () => void) => void;

const draw: Record<View, Draw> = {
  curves(body, { state, results, rows }, redraw) {
    const metrics = {
      accuracy: "test accuracy, %",
      macroF1: "mean F1 of the classes, %",
      trainLoss: "training loss",
      testLoss: "test loss",
    };
    const metric = (state.by in metrics ? state.by : "accuracy") as keyof typeof metrics;
    const percent = metric === "accuracy" || metric === "macroF1" ? 100 : 1;
    const figure = new Figure();
    body.append(
      rowsOf(state, results, redraw),
      h(
        "div",
        { class: "controls" },
        choice(
          "By epoch",
          Object.entries(metrics).map(([value, text]) => ({ value, text })),
          metric,
          (by) => {
            state.by = by;
            redraw();
          },
        ),
      ),
      figure.element,
    );
    const curves = rows.map((row) => {
      const epochs = Math.min(...row.cells.map(({ curve }) => curve.length));
      const at = Array.from({ length: epochs }, (_, i) =>
        row.cells.map(({ curve }) => percent * curve[i]![metric]),
      );
      return { row, mean: at.map(mean), sd: at.map(spread) };
    });
    void figure.draw({
      height: 460,
      alt: `${metrics[metric]} by epoch, mean over runs: ${curves.map(({ row, mean }) => `${row.title} ends at ${mean.at(-1)!.toPrecision(3)}`).join(", ")}`,
      caption: `Mean over ${runsText(rows)}${state.rate === "own" ? "" : ` at the rate ${state.rate}`}; the bands are ± a standard deviation of the runs.`,
      data: curves.flatMap(({ row, mean, sd }, i) => {
        const x = mean.map((_, at) => at + 1);
        return [
          {
            type: "scatter" as const,
            mode: "lines" as const,
            x: [...x, ...[...x].reverse()],
            y: [...mean.map((y, at) => y + sd[at]!), ...mean.map((y, at) => y - sd[at]!).reverse()],
            fill: "toself" as const,
            fillcolor: colour(i),
            opacity: 0.15,
            line: { width: 0, color: colour(i) },
            hoverinfo: "skip" as const,
            showlegend: false,
          },
          {
            type: "scatter" as const,
            mode: "lines" as const,
            name: row.title,
            x,
            y: mean,
            line: { color: colour(i), dash: dashes[i % dashes.length]!, width: 2.5 },
          },
        ];
      }),
      layout: {
        showlegend: true,
        xaxis: {
          title: { text: "epoch" },
          dtick: Math.max(...curves.map(({ mean }) => mean.length)) > 12 ? 5 : 1,
        },
        yaxis: { title: { text: metrics[metric] } },
      },
      numbers: {
        columns: ["epoch", ...curves.map(({ row }) => row.title)],
        rows: Array.from({ length: Math.max(0, ...curves.map(({ mean }) => mean.length)) }, (_, i) => [
          i + 1,
          ...curves.map(({ mean, sd }) =>
            mean[i] === undefined ? "–" : `${mean[i].toPrecision(4)} ± ${sd[i]!.toPrecision(2)}`,
          ),
        ]),
      },
    });
  },

  costs(body, { state, results, rows }, redraw) {
    const costs: Record<string, { title: string; of: (row: RowEntry) => number | undefined }> = {
      total: { title: "trained parameters", of: ({ parameters }) => parameters.total },
      attention: {
        title: "trained parameters of the attention",
        of: ({ parameters }) => parameters.attention || undefined,
      },
      seconds: {
        title: "seconds of a training",
        of: ({ cells }) => {
          const known = cells.flatMap(({ seconds }) => seconds ?? []);
          return known.length ? mean(known) : undefined;
        },
      },
    };
    const by = costs[state.by] ? state.by : "total";
    const { title, of } = costs[by]!;
    const figure = new Figure();
    body.append(
      rowsOf(state, results, redraw),
      h(
        "div",
        { class: "controls" },
        choice(
          "Against",
          Object.entries(costs).map(([value, { title }]) => ({ value, text: title })),
          by,
          (chosen) => {
            state.by = chosen;
            redraw();
          },
        ),
      ),
      figure.element,
    );
    const points = rows
      .map((row) => ({ row, x: of(row), ...accuracyOf(row) }))
      .filter((point): point is typeof point & { x: number } => point.x !== undefined);
    const left = rows.filter((row) => of(row) === undefined).map((row) => row.title);
    void figure.draw({
      height: 460,
      alt: `Accuracy against ${title}: ${points.map(({ row, x, mean }) => `${row.title} ${fixed(mean)} % at ${brief(x)}`).join(", ")}`,
      caption: `Last epoch, mean ± standard deviation of the runs; ${title} on a logarithmic axis.${left.length ? ` Without any: ${left.join(", ")}.` : ""}`,
      data: points.map(({ row, x, mean, sd }, i) => ({
        type: "scatter",
        mode: "markers",
        name: row.title,
        x: [x],
        y: [mean],
        error_y: { type: "data", array: [sd], color: colour(i) },
        marker: { color: colour(i), size: 12, symbol: symbols[i % symbols.length]! },
        hovertemplate: "%{x}, %{y:.1f} %<extra></extra>",
      })),
      layout: {
        showlegend: true,
        xaxis: { title: { text: title }, type: "log" },
        yaxis: { title: { text: "test accuracy, %" } },
      },
      numbers: {
        columns: ["row", title, "accuracy, last epoch"],
        rows: points.map(({ row, x, mean, sd }) => [row.title, brief(x), `${fixed(mean)} ± ${fixed(sd)}`]),
      },
    });
  },

  confusion(body, { state, task, results }, redraw) {
    const row = oneOf(
      body,
      state,
      results.rows.filter(({ confusion }) => confusion),
      redraw,
    );
    if (!row) return;
    const { classes } = task;
    const counts = row.confusion!;
    const shares = counts.map((line) => {
      const sum = line.reduce((a, b) => a + b, 0);
      return line.map((n) => (sum ? (100 * n) / sum : 0));
    });
    const most = counts
      .flatMap((line, t) => line.map((n, p) => ({ n, t, p })))
      .filter(({ t, p }) => t !== p)
      .sort((a, b) => b.n - a.n)
      .slice(0, 10);
    const figure = new Figure();
    body.append(figure.element);
    void figure.draw({
      height: classes.length > 20 ? 640 : 440,
      alt: `Predicted classes by true class of ${row.title}; most often mistaken: ${most
        .slice(0, 3)
        .map(({ t, p }) => `${classes[t]} for ${classes[p]}`)
        .join(", ")}`,
      caption: `${row.title}: of the items of a class (line), the share in % that is predicted to be of another (column); last epoch, all runs.`,
      data: [
        {
          type: "heatmap",
          z: shares,
          x: classes,
          y: classes,
          colorscale: scale(),
          zmin: 0,
          zmax: Math.max(...shares.flat()),
          ...(classes.length <= 20 && { texttemplate: "%{z:.0f}" }),
          hovertemplate: "%{y} as %{x}: %{z:.1f} %<extra></extra>",
        } as never,
      ],
      layout: {
        xaxis: { title: { text: "predicted" }, type: "category" },
        yaxis: { title: { text: "true" }, type: "category", autorange: "reversed" },
      },
      numbers:
        classes.length <= 20
          ? {
              columns: ["true", ...classes],
              rows: shares.map((line, i) => [classes[i]!, ...line.map((value) => fixed(value))]),
            }
          : {
              columns: ["true", "predicted", "items"],
              rows: most.map(({ n, t, p }) => [classes[t]!, classes[p]!, n]),
            },
    });
  },

  importance(body, { state, results }, redraw) {
    const row = oneOf(
      body,
      state,
      results.rows.filter(({ importance }) => importance),
      redraw,
    );
    if (!row) return;
    const map = row.importance!;
    const means = map.map((line) => mean(line));
    const figure = new Figure();
    body.append(figure.element);
    void figure.draw({
      height: 420,
      alt: `Importance factors of ${row.title}: mean of each layer ${means.map((value, i) => `${i + 1}: ${fixed(value, 2)}`).join(", ")}`,
      caption: `${row.title}: the weights averaged over test items and runs, from 0 (smallest) to 1 (largest). A line is a layer of the encoder.`,
      data: [
        {
          type: "heatmap",
          z: map,
          y: map.map((_, i) => i + 1),
          colorscale: scale(),
          zmin: 0,
          zmax: 1,
          hovertemplate: "layer %{y}, feature %{x}: %{z:.2f}<extra></extra>",
        },
      ],
      layout: {
        xaxis: { title: { text: "feature" } },
        yaxis: { title: { text: "layer" }, dtick: 1, autorange: "reversed" },
      },
      numbers: {
        columns: ["layer", "mean factor", "smallest", "largest"],
        rows: map.map((line, i) => [
          i + 1,
          fixed(means[i]!, 2),
          fixed(Math.min(...line), 2),
          fixed(Math.max(...line), 2),
        ]),
      },
    });
  },

  shares(body, { state, results, rows }, redraw) {
    const figure = new Figure();
    body.append(
      rowsOf(state, { ...results, rows: results.rows.filter(({ shares }) => shares) }, redraw),
      figure.element,
    );
    const shown = rows.filter(({ shares }) => shares);
    void figure.draw({
      height: 440,
      alt: `Each layer's share of the attention in %: ${shown.map(({ title, shares }) => `${title} from ${fixed(Math.min(...shares!.mean), 2)} to ${fixed(Math.max(...shares!.mean), 2)}`).join("; ")}`,
      caption:
        "Share of each layer in all weights, mean ± standard deviation of the runs; equal weights would be the dotted line.",
      data: [
        ...shown.map(({ title, shares }, i) => ({
          type: "scatter" as const,
          mode: "lines+markers" as const,
          name: title,
          x: shares!.mean.map((_, layer) => layer + 1),
          y: shares!.mean,
          error_y: { type: "data" as const, array: shares!.sd, color: colour(i) },
          line: { color: colour(i), dash: dashes[i % dashes.length]! },
          marker: { symbol: symbols[i % symbols.length]!, size: 8 },
        })),
        ...shown.slice(0, 1).map(({ shares }) => ({
          type: "scatter" as const,
          mode: "lines" as const,
          name: "equal weights",
          x: [1, shares!.mean.length],
          y: [100 / shares!.mean.length, 100 / shares!.mean.length],
          line: { color: colour(5), dash: "dot" as const, width: 1.5 },
        })),
      ],
      layout: {
        showlegend: true,
        xaxis: { title: { text: "layer" }, dtick: 1 },
        yaxis: { title: { text: "% of the attention" } },
      },
      numbers: {
        columns: ["layer", ...shown.map(({ title }) => title)],
        rows: (shown[0]?.shares!.mean ?? []).map((_, layer) => [
          layer + 1,
          ...shown.map(({ shares }) => `${fixed(shares!.mean[layer]!, 2)} ± ${fixed(shares!.sd[layer]!, 2)}`),
        ]),
      },
    });
  },

  items(body, shown, redraw) {
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
      h(
        "div",
        { class: "controls" },
        choice(
          task.split === "folds" ? "Run (its fold tests)" : "Run",
          runs.map((run) => ({ value: run, text: run })),
          state.run,
          (run) => {
            state.run = run;
            redraw();
          },
        ),
        choice(
          "Items",
          Object.entries(filters).map(([value, text]) => ({ value, text })),
          by,
          (chosen) => {
            state.by = chosen;
            redraw();
          },
        ),
      ),
      list,
    );
    const looks = shown.shipped ? load<SiteItems>(`items-${task.name}`) : Promise.resolve(undefined);
    void looks.then((looks) => listItems(list, shown, by, looks));
  },
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
    const indices =
      sets[task.split === "folds" ? `fold ${1 + ((cell.run - 1) % 5)}` : `of ${predictions.length}`];
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
        {},
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
                h("td", {}, task.classes[line.label]!),
                ...line.guesses.map((guess) =>
                  h("td", { class: "number" }, `${guess === line.label ? "✓" : "✗"} ${task.classes[guess]!}`),
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

function rowsOf(state: State, { rows }: Pick<TaskResults, "rows">, redraw: () => void): HTMLElement {
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
function oneOf(
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
    h(
      "div",
      { class: "controls" },
      choice(
        "Row",
        rows.map(({ name, title }) => ({ value: name, text: title })),
        row.name,
        (name) => {
          state.one = name;
          redraw();
        },
      ),
    ),
  );
  return row;
}

const cellsAt = ({ cells, chosen }: RowEntry, rate: string) =>
  cells.filter((cell) =>
    rate === "own" ? chosen === undefined || cell.rate === chosen : cell.rate.toExponential() === rate,
  );

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
/** Population standard deviation. */
const spread = (values: readonly number[]) =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));

const accuracyOf = ({ cells }: RowEntry) => {
  const values = cells.map(({ last }) => 100 * last.accuracy);
  return { mean: mean(values), sd: spread(values) };
};

const brief = (value: number) =>
  value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);

function runsText(rows: readonly RowEntry[]): string {
  const counts = [...new Set(rows.map(({ cells }) => cells.length))].sort((a, b) => a - b);
  return `${counts.join(" or ")} runs`;
}
