/** Confusion matrices, importance factors, shares of the layers. */
import { fixed } from "../dom.js";
import { colour, dashes, Figure, layerMap, scale, shade, symbols } from "../figure.js";
import { inkOn } from "#src/report/figures/contrast.js";
import { type Draw, mean, oneOf, rowsOf } from "./shared.js";

export const confusion: Draw = (body, { state, task, results }, redraw) => {
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
  const top = Math.max(...shares.flat());
  const named = classes.length <= 20;
  const figure = new Figure();
  body.append(figure.element);
  void figure.draw({
    height: named ? 440 : 640,
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
        zmax: top,
        hovertemplate: "%{y} as %{x}: %{z:.1f} %<extra></extra>",
      } as never,
    ],
    layout: {
      xaxis: { title: { text: "predicted" }, type: "category" },
      yaxis: { title: { text: "true" }, type: "category", autorange: "reversed" },
      ...(named && {
        annotations: shares.flatMap((line, t) =>
          line.map((share, p) => ({
            x: p,
            y: t,
            text: share.toFixed(0),
            showarrow: false,
            font: { color: inkOn(scale(), share / top).ink },
          })),
        ),
      }),
    },
    numbers: named
      ? {
          columns: ["true", ...classes],
          rows: shares.map((line, i) => [classes[i]!, ...line.map((value) => fixed(value))]),
        }
      : {
          columns: ["true", "predicted", "items"],
          rows: most.map(({ n, t, p }) => [classes[t]!, classes[p]!, n]),
        },
  });
};

export const importance: Draw = (body, { state, results }, redraw) => {
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
    ...layerMap(map),
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
};

export const shares: Draw = (body, { state, results, rows }, redraw) => {
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
      "Share of each layer in all weights, mean ± standard deviation of the runs; equal weights would be the grey line.",
    data: [
      ...shown.map(({ title, place, shares }) => ({
        type: "scatter" as const,
        mode: "lines+markers" as const,
        name: title,
        x: shares!.mean.map((_, layer) => layer + 1),
        y: shares!.mean,
        error_y: { type: "data" as const, array: shares!.sd, color: colour(place) },
        line: { color: colour(place), dash: dashes[place % dashes.length]! },
        marker: { symbol: symbols[place % symbols.length]!, size: 8 },
      })),
      ...shown.slice(0, 1).map(({ shares }) => ({
        type: "scatter" as const,
        mode: "lines" as const,
        name: "equal weights",
        x: [1, shares!.mean.length],
        y: [100 / shares!.mean.length, 100 / shares!.mean.length],
        line: { color: shade("soft"), width: 1.5 },
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
};
