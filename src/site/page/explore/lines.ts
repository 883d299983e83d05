/** Learning curves, and accuracy against costs. */
import type { RowEntry } from "#src/site/types.js";
import { choice, controls, fixed, optionsOf } from "../dom.js";
import { colour, dashes, Figure, symbols } from "../figure.js";
import { type Draw, mean, rowsOf, setting, spread } from "./shared.js";

export const curves: Draw = (body, { state, results, rows }, redraw) => {
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
    controls(choice("By epoch", optionsOf(metrics), metric, setting(state, "by", redraw))),
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
    data: curves.flatMap(({ row, mean, sd }) => {
      const x = mean.map((_, at) => at + 1);
      return [
        {
          type: "scatter" as const,
          mode: "lines" as const,
          x: [...x, ...[...x].reverse()],
          y: [...mean.map((y, at) => y + sd[at]!), ...mean.map((y, at) => y - sd[at]!).reverse()],
          fill: "toself" as const,
          fillcolor: colour(row.place),
          opacity: 0.15,
          line: { width: 0, color: colour(row.place) },
          hoverinfo: "skip" as const,
          showlegend: false,
        },
        {
          type: "scatter" as const,
          mode: "lines" as const,
          name: row.title,
          x,
          y: mean,
          line: { color: colour(row.place), dash: dashes[row.place % dashes.length]!, width: 2.5 },
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
};

export const costs: Draw = (body, { state, results, rows }, redraw) => {
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
    controls(
      choice(
        "Against",
        Object.entries(costs).map(([value, { title }]) => ({ value, text: title })),
        by,
        setting(state, "by", redraw),
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
    data: points.map(({ row, x, mean, sd }) => ({
      type: "scatter",
      mode: "markers",
      name: row.title,
      x: [x],
      y: [mean],
      error_y: { type: "data", array: [sd], color: colour(row.place) },
      marker: { color: colour(row.place), size: 12, symbol: symbols[row.place % symbols.length]! },
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
};

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
