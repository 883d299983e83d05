/** Figures of cost: accuracy against parameters and time. Pure: numbers in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { brief, type Figure, look, type Style, styleAt } from "./figure.js";
import type { Summary } from "../../statistics/summary.js";

export interface EfficiencyPoint {
  label: string;
  /** In %. */
  accuracy: Summary;
  /** Trained ones, the last linear layer among them. */
  parameters: number;
  /** Training of one run. */
  seconds: number;
  /** Whether the row learned nothing in some runs: hollow. */
  collapsed?: boolean;
  /** By its place in the list when left out. */
  style?: Style;
}

const panels = [
  { key: "parameters", title: "trained parameters", suffix: "", domain: [0, 0.48] },
  { key: "seconds", title: "seconds of training a run", suffix: "2", domain: [0.52, 1] },
] as const;

const LEGEND_COLUMNS = 2;

/**
 * Accuracy ± sd against trained parameters (left) and seconds of training (right), on logarithmic axes that share the accuracy; a row that
 * trains nothing stands on the right alone.
 */
export function efficiencyFigure(title: string, points: readonly EfficiencyPoint[]): Figure {
  const bottom = 74 + 20 * Math.ceil(points.length / LEGEND_COLUMNS);
  const height = 380 + bottom;
  const data = panels.flatMap(({ key, suffix }) =>
    points.map(({ label, accuracy, collapsed, style, ...point }, i) => {
      const { colour, symbol } = style ?? styleAt(i);
      return {
        type: "scatter",
        mode: "markers",
        name: label,
        x: [point[key] > 0 ? brief(point[key]) : null],
        y: [brief(accuracy.mean)],
        error_y: { type: "data", array: [brief(accuracy.sd)], thickness: 1.2, width: 3 },
        marker: {
          color: colour,
          symbol: symbol + (collapsed ? "-open" : ""),
          size: 10,
          ...(collapsed && { line: { width: 2, color: colour } }),
        },
        xaxis: `x${suffix}`,
        yaxis: `y${suffix}`,
        legendgroup: label,
        showlegend: !suffix,
        hovertemplate: `${label}: %{y} %, %{x}<extra></extra>`,
      } as Data;
    }),
  );
  const axes = panels.flatMap(({ key, title, suffix, domain }) => [
    [
      `xaxis${suffix}`,
      {
        type: "log",
        domain,
        anchor: `y${suffix}`,
        title: { text: title },
        ...ticks(points.map((p) => p[key]).filter((value) => value > 0)),
      },
    ],
    [
      `yaxis${suffix}`,
      suffix
        ? { anchor: "x2", matches: "y", showticklabels: false }
        : { anchor: "x", title: { text: "test accuracy, %" } },
    ],
  ]);
  return {
    data,
    layout: look(title, {
      width: 960,
      height,
      margin: { l: 70, r: 24, t: 56, b: bottom },
      legend: {
        orientation: "h",
        x: 0,
        y: -58 / (height - 56 - bottom),
        yanchor: "top",
        entrywidth: 1 / LEGEND_COLUMNS - 0.01,
        entrywidthmode: "fraction",
      } as Layout["legend"],
      ...(Object.fromEntries(axes) as Partial<Layout>),
    }),
  };
}

/** 1, 2 and 5 of each decade within the values, with room at both ends: Plotly's own ticks crowd or vanish on a short logarithmic axis. */
function ticks(values: readonly number[]) {
  const [low, high] = [Math.min(...values) / 1.25, Math.max(...values) * 1.25];
  const decades = Array.from({ length: 16 }, (_, i) => 10 ** (i - 4));
  const tickvals = decades
    .flatMap((decade) => [1, 2, 5].map((step) => step * decade))
    .filter((value) => value >= low && value <= high);
  const short = (value: number) =>
    value >= 1e6 ? `${value / 1e6}M` : value >= 1e3 ? `${value / 1e3}k` : `${value}`;
  return {
    range: [Math.log10(low), Math.log10(high)],
    tickvals: tickvals.map(brief),
    ticktext: tickvals.map((value) => short(brief(value))),
  };
}
