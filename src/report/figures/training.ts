/** Figures of training: learning curves and confusion matrices. Pure: numbers in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { type ColourScale, inkOn } from "./contrast.js";
import {
  brief,
  colourTitle,
  type Figure,
  look,
  panelTitle,
  type Style,
  styleAt,
  translucent,
} from "./figure.js";

/** One method's curve: mean over runs and its standard deviation, one value an epoch, in %. */
export interface Curve {
  name: string;
  mean: number[];
  sd: number[];
  /** Whether the method learned nothing in some runs: its points are hollow. */
  collapsed?: boolean;
  /** By its place in the panel when left out. */
  style?: Style;
}

/** Panels of curves beside each other on one y axis; each has its legend below it, outside of the data. x are epochs unless named. */
export function learningCurves(
  title: string,
  panels: { title: string; curves: Curve[]; axis?: { title: string; labels: string[] } }[],
  yTitle = "test accuracy, %",
): Figure {
  const entries = Math.max(...panels.map((panel) => panel.curves.length));
  const bottom = 70 + 20 * entries;
  const height = 400 + bottom;
  const gap = 0.07;
  const width = (1 - gap * (panels.length - 1)) / panels.length;
  const data: Data[] = [];
  const layout: Record<string, unknown> = {};
  panels.forEach((panel, p) => {
    const [suffix, left] = [p ? String(p + 1) : "", p * (width + gap)];
    layout[`xaxis${suffix}`] = {
      domain: [left, left + width],
      title: { text: panel.axis?.title ?? "epoch" },
      anchor: `y${suffix}`,
      ...(panel.axis ? namedTicks(panel.axis.labels) : epochTicks(panel.curves)),
    };
    layout[`yaxis${suffix}`] = {
      anchor: `x${suffix}`,
      ...(p ? { matches: "y", showticklabels: false } : { title: { text: yTitle } }),
    };
    layout[`legend${suffix}`] = { x: left, y: -60 / (height - 76 - bottom), yanchor: "top", xanchor: "left" };
    panel.curves.forEach((curve, i) => data.push(...curveTraces(curve, i, suffix)));
  });
  return {
    data,
    layout: look(title, {
      width: Math.max(720, 430 * panels.length + 60),
      height,
      margin: { l: 64, r: 20, t: 76, b: bottom },
      annotations: panels.map((panel, p) => panelTitle(panel.title, p * (width + gap), 1.01)),
      ...(layout as Partial<Layout>),
    }),
  };
}

function epochTicks(curves: Curve[]): object {
  const epochs = Math.max(1, ...curves.map((curve) => curve.mean.length));
  return { range: [0.6, epochs + 0.4], dtick: Math.ceil(epochs / 10), tick0: epochs > 10 ? 0 : 1 };
}

const namedTicks = (labels: string[]) => ({
  range: [0.6, labels.length + 0.4],
  tickvals: labels.map((_, i) => i + 1),
  ticktext: labels,
});

function curveTraces({ name, mean, sd, collapsed, style }: Curve, index: number, suffix: string): Data[] {
  const { colour, dash, symbol } = style ?? styleAt(index);
  const x = mean.map((_, epoch) => epoch + 1);
  const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}`, legend: `legend${suffix}` };
  const band = [...mean.map((m, i) => m + sd[i]!), ...mean.map((m, i) => m - sd[i]!).reverse()].map(brief);
  return [
    {
      type: "scatter",
      x: [...x, ...[...x].reverse()],
      y: band,
      fill: "toself",
      fillcolor: translucent(colour, 0.1),
      line: { width: 0 },
      mode: "lines",
      hoverinfo: "skip",
      showlegend: false,
      ...axes,
    },
    {
      type: "scatter",
      mode: "lines+markers",
      name,
      x,
      y: mean.map(brief),
      line: { color: colour, dash, width: 2 },
      marker: { color: colour, symbol: symbol + (collapsed ? "-open" : ""), size: 7 },
      ...axes,
    },
  ] as Data[];
}

/** Few of a hundred are told from none. */
const fromWhite: ColourScale = [
  [0, "#ffffff"],
  [0.1, "#c6dbef"],
  [0.3, "#6baed6"],
  [0.6, "#2171b5"],
  [1, "#08306b"],
];

const cellText = (x: number, y: number, n: number, share: number) => ({
  x,
  y,
  text: `${n}<br>${share.toFixed(0)} %`,
  showarrow: false,
  font: { size: 12, color: inkOn(fromWhite, share / 100).ink },
});

/**
 * Counts [true class][predicted class], coloured by the share of the true class. Up to 20 classes are named and
 * annotated; beyond, classes go by their number.
 */
export function confusionMatrix(title: string, classes: string[], counts: number[][]): Figure {
  const shares = counts.map((row) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.map((n) => brief(total ? (100 * n) / total : 0));
  });
  const named = classes.length <= 20;
  const labels = named ? classes : classes.map((_, i) => i + 1);
  const side = named ? Math.max(300, 60 * classes.length) : 460;
  const left = named ? 24 + 8 * Math.max(...classes.map((name) => name.length)) + 24 : 64;
  const tick = named ? {} : { tickmode: "linear", tick0: 10, dtick: 10 };
  return {
    data: [
      {
        type: "heatmap",
        z: shares,
        x: labels,
        y: labels,
        zmin: 0,
        // With many classes even the diagonal is far from 100 %.
        zmax: named ? 100 : Math.max(...shares.flat()),
        colorscale: fromWhite,
        xgap: named ? 2 : 0.01,
        ygap: named ? 2 : 0.01,
        hovertemplate: "true %{y}<br>predicted %{x}<br>%{z:.1f} %<extra></extra>",
      } as unknown as Data,
    ],
    layout: {
      ...look(title, {
        width: left + side + 110,
        height: side + 120,
        margin: { l: left, r: 110, t: 56, b: 64 },
        annotations: [
          colourTitle("% of the true class"),
          ...(named ? counts.flatMap((row, i) => row.map((n, j) => cellText(j, i, n, shares[i]![j]!))) : []),
        ],
        xaxis: {
          title: { text: named ? "predicted" : "predicted class, by number" },
          showgrid: false,
          ...tick,
        },
        yaxis: {
          title: { text: named ? "true" : "true class, by number" },
          autorange: "reversed",
          showgrid: false,
          ...tick,
        },
      } as Partial<Layout> & { width: number; height: number }),
      // From the edge of the picture: a small matrix is narrower than its title.
      title: { text: title, x: 0.03, xref: "container" },
    },
  };
}
