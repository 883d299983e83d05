/** Figures of what attention learned. Pure: numbers in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { brief, colours, colourTitle, type Figure, ink, look, muted, panelTitle } from "./figure.js";

/** Wider maps are averaged over adjacent features: a figure is about a thousand pixels wide. */
const MAX_COLUMNS = 512;

/** Importance factors [layers][features] in 0–1 (section "Importance factor"): feature on x, layer on y. */
export function importanceHeatmap(title: string, factors: number[][]): Figure {
  const features = factors[0]!.length;
  const step = Math.ceil(features / MAX_COLUMNS);
  const starts = Array.from({ length: Math.ceil(features / step) }, (_, i) => i * step);
  const pooled = factors.map((row) =>
    starts.map((start) => {
      const part = row.slice(start, start + step);
      return brief(part.reduce((sum, value) => sum + value, 0) / part.length);
    }),
  );
  const xTitle = step > 1 ? `feature (means of ${step} adjacent ones)` : "feature";
  return {
    data: [
      {
        type: "heatmap",
        z: pooled,
        x: starts.map((start) => start + (step + 1) / 2),
        y: factors.map((_, layer) => layer + 1),
        zmin: 0,
        zmax: 1,
        // A gap, however small, makes Plotly draw cells that a static export can show.
        xgap: 0.01,
        ygap: 0.01,
        hovertemplate: "layer %{y}, feature %{x}: %{z:.2f}<extra></extra>",
      } as unknown as Data,
    ],
    layout: look(title, {
      width: 820,
      height: 130 + Math.max(200, 20 * factors.length),
      margin: { l: 64, r: 110, t: 56, b: 56 },
      annotations: [colourTitle("importance factor")],
      xaxis: { title: { text: xTitle }, showgrid: false },
      yaxis: { title: { text: "layer" }, showgrid: false, dtick: factors.length > 16 ? 4 : 1 },
    }),
  };
}

/** Each layer's percentage of the total attention, mean ± sd over runs; a dashed line where all would be equal. */
export function layerShares(
  title: string,
  shares: { mean: number[]; sd?: number[] },
  colour = colours[4]!,
): Figure {
  const layers = shares.mean.length;
  const equal = 100 / layers;
  const tops = shares.mean.map((share, i) => share + (shares.sd?.[i] ?? 0));
  return {
    data: [
      {
        type: "bar",
        x: shares.mean.map((_, layer) => layer + 1),
        y: shares.mean.map(brief),
        marker: { color: colour, line: { color: ink, width: 1 } },
        ...(shares.sd && {
          error_y: { type: "data", array: shares.sd.map(brief), color: ink, thickness: 1.2, width: 4 },
        }),
        hovertemplate: "layer %{x}: %{y:.2f} %<extra></extra>",
        showlegend: false,
      } as Data,
    ],
    layout: look(title, {
      width: 820,
      height: 360,
      margin: { l: 64, r: 110, t: 56, b: 56 },
      xaxis: { title: { text: "layer" }, dtick: layers > 16 ? 4 : 1, showgrid: false },
      yaxis: { title: { text: "% of total attention" }, range: [0, 1.12 * Math.max(equal, ...tops)] },
      shapes: [horizontal(equal)],
      annotations: [
        {
          ...panelTitle(`equal: ${equal.toFixed(1)} %`, 1.01, equal),
          yref: "y",
          yanchor: "middle",
          font: { size: 11 },
        },
      ],
    }),
  };
}

function horizontal(y: number): NonNullable<Layout["shapes"]>[number] {
  return {
    type: "line",
    xref: "paper",
    x0: 0,
    x1: 1,
    yref: "y",
    y0: y,
    y1: y,
    line: { color: ink, dash: "dash", width: 1.2 },
  } as NonNullable<Layout["shapes"]>[number];
}

/** Learned mean offsets and scaled variances of one model, [min, max]. */
export interface LearnedRange {
  task: string;
  paper?: { meanOffset: [number, number]; scaledVariance: [number, number] };
  here?: { meanOffset: [number, number]; scaledVariance: [number, number] };
}

/** Ranges of δ (left) and c (right) per task, the paper's beside ours; start values as vertical lines. */
export function learnedRanges(title: string, ranges: LearnedRange[]): Figure {
  const rows = ranges
    .flatMap(({ task, paper, here }) => [
      { label: `${task}, paper`, range: paper, colour: muted, symbol: "square-open" },
      { label: `${task}, here`, range: here, colour: colours[0]!, symbol: "circle" },
    ])
    .filter(({ range }) => range);
  const panels = [
    { key: "meanOffset", text: "mean offset δ (starts at 0)", start: 0, suffix: "" },
    { key: "scaledVariance", text: "scaled variance c (starts at 2)", start: 2, suffix: "2" },
  ] as const;
  const data = panels.flatMap(({ key, suffix }) =>
    rows.map(
      ({ label, range, colour, symbol }) =>
        ({
          type: "scatter",
          mode: "lines+markers",
          x: range![key].map(brief),
          y: [label, label],
          line: { color: colour, width: 3 },
          marker: { color: colour, symbol, size: 9 },
          xaxis: `x${suffix}`,
          showlegend: false,
          hovertemplate: "%{y}: %{x}<extra></extra>",
        }) as Data,
    ),
  );
  const left = 30 + 7 * Math.max(...rows.map((row) => row.label.length));
  return {
    data,
    layout: look(title, {
      width: 820,
      height: 140 + 34 * rows.length,
      margin: { l: left, r: 24, t: 56, b: 56 },
      xaxis: { domain: [0, 0.47], title: { text: panels[0].text } },
      xaxis2: { domain: [0.53, 1], title: { text: panels[1].text } },
      yaxis: {
        categoryorder: "array",
        categoryarray: rows.map((row) => row.label),
        range: [rows.length - 0.5, -0.5],
      },
      shapes: panels.map(({ start, suffix }) => ({
        type: "line",
        xref: `x${suffix}` as "x",
        x0: start,
        x1: start,
        yref: "paper",
        y0: 0,
        y1: 1,
        line: { color: ink, width: 1.4, dash: "dot" },
      })),
    } as Partial<Layout> & { width: number; height: number }),
  };
}
