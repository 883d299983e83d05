/** Figures that explain density attention on a few numbers (notebook 00). Pure: numbers in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { gaussianEntropy, productOfGaussians, shannonEntropy } from "../../attention/analysis.js";
import { brief, colours, dashes, type Figure, ink, look, panelTitle, symbols } from "./figure.js";

export interface Line {
  name: string;
  x: number[];
  y: number[];
  /** Points that stand out on the line. */
  points?: { x: number[]; y: number[] };
}

interface Panel {
  title?: string;
  xTitle: string;
  yTitle: string;
  lines: Line[];
  /** Dashed levels with a label at the right edge. */
  levels?: { y: number; label: string }[];
  yRange?: [number, number];
}

/** Lines in one panel or in panels side by side; legends below, outside of the data. */
function linePanels(title: string, panels: Panel[]): Figure {
  const rows = Math.max(...panels.map((panel) => panel.lines.length));
  const bottom = 64 + 20 * rows;
  const height = 360 + bottom;
  const gap = panels.length > 1 ? 0.14 : 0;
  const width = (1 - gap * (panels.length - 1)) / panels.length;
  const layout: Record<string, unknown> = {};
  const data: Data[] = [];
  const annotations: object[] = [];
  const shapes: object[] = [];
  panels.forEach((panel, p) => {
    const [suffix, left] = [p ? String(p + 1) : "", p * (width + gap)];
    const domain = [left, left + width];
    layout[`xaxis${suffix}`] = { domain, title: { text: panel.xTitle }, anchor: `y${suffix}` };
    layout[`yaxis${suffix}`] = {
      anchor: `x${suffix}`,
      title: { text: panel.yTitle },
      ...(panel.yRange && { range: panel.yRange }),
    };
    layout[`legend${suffix}`] = { x: left, y: -60 / (height - 72 - bottom), yanchor: "top", xanchor: "left" };
    if (panel.title) annotations.push(panelTitle(panel.title, left, 1.01));
    for (const { y, label } of panel.levels ?? []) {
      shapes.push({
        type: "line",
        xref: "paper",
        x0: left,
        x1: left + width,
        yref: `y${suffix}`,
        y0: y,
        y1: y,
        line: { color: ink, dash: "dash", width: 1 },
      });
      annotations.push({
        ...panelTitle(label, left + width + 0.006, y),
        yref: `y${suffix}`,
        yanchor: "middle",
        font: { size: 11 },
      });
    }
    panel.lines.forEach((line, i) => data.push(...traces(line, i, suffix)));
  });
  return {
    data,
    layout: look(title, {
      width: panels.length > 1 ? 940 : 720,
      height,
      margin: { l: 72, r: panels.some((panel) => panel.levels) ? 70 : 24, t: 72, b: bottom },
      showlegend: true,
      annotations: annotations as Layout["annotations"],
      shapes: shapes as Layout["shapes"],
      ...(layout as Partial<Layout>),
    }),
  };
}

function traces(line: Line, index: number, suffix: string): Data[] {
  const [color, axes] = [colours[index % colours.length]!, { xaxis: `x${suffix}`, yaxis: `y${suffix}` }];
  const all: Data[] = [
    {
      type: "scatter",
      mode: "lines",
      name: line.name,
      x: line.x.map(brief),
      y: line.y.map(brief),
      line: { color, dash: dashes[index % dashes.length], width: 2.2 },
      legend: `legend${suffix}`,
      ...axes,
    } as Data,
  ];
  if (line.points)
    all.push({
      type: "scatter",
      mode: "markers",
      x: line.points.x.map(brief),
      y: line.points.y.map(brief),
      marker: { color, symbol: symbols[index % symbols.length], size: 11, line: { color: ink, width: 1 } },
      showlegend: false,
      hovertemplate: "x = %{x}, w = %{y}<extra></extra>",
      ...axes,
    } as Data);
  return all;
}

/** `count` numbers from `from` to `to`, both included. */
export function span(from: number, to: number, count = 121): number[] {
  return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}

/** w(z) = exp(−z² / 2c) for several scaled variances c. */
export function densityWeights(scaledVariances: number[], limit = 4): Figure {
  const z = span(-limit, limit);
  return linePanels("The weight of a value, by its distance from the mean", [
    {
      xTitle: "z = (x − mean − δ) / standard deviation",
      yTitle: "weight w",
      yRange: [0, 1.05],
      lines: scaledVariances.map((c) => ({
        name: `c = ${c}`,
        x: z,
        y: z.map((value) => Math.exp(-(value ** 2) / (2 * c))),
      })),
    },
  ]);
}

/** The weights of `values` for several mean offsets δ, at scaled variance c; markers are the values themselves. */
export function meanOffsets(values: number[], offsets: number[], c = 2): Figure {
  const { mean, sd } = moments(values);
  const weight = (x: number, offset: number) => Math.exp(-(((x - mean - offset) / sd) ** 2) / (2 * c));
  const x = span(Math.min(...values) - sd, Math.max(...values) + sd);
  return linePanels("A mean offset chooses which values count", [
    {
      xTitle: "value x",
      yTitle: "weight w",
      yRange: [0, 1.05],
      lines: offsets.map((offset) => ({
        name: `δ = ${offset}`.replace("-", "−"),
        x,
        y: x.map((value) => weight(value, offset)),
        points: { x: values, y: values.map((value) => weight(value, offset)) },
      })),
    },
  ]);
}

/** One of three values moves, the others stay at 0 and 1: no z leaves ±√2, however far it goes. */
export function boundedScores(limit = 12): Figure {
  const x = span(-limit, limit, 241);
  const scores = x.map((moving) => standardise([moving, 0, 1]));
  const bound = Math.SQRT2;
  return linePanels("Three values a head: |z| stays below √2", [
    {
      xTitle: "x₁, while x₂ = 0 and x₃ = 1",
      yTitle: "z",
      yRange: [-1.7, 1.7],
      levels: [
        { y: bound, label: "√2" },
        { y: -bound, label: "−√2" },
      ],
      lines: ["x₁ (moves)", "x₂ = 0", "x₃ = 1"].map((name, i) => ({
        name: `z of ${name}`,
        x,
        y: scores.map((score) => score[i]!),
      })),
    },
  ]);
}

/**
 * Two views of entropy in nats: of the Gaussian that K equal Gaussians of one head act as, and of the weights of `values` under
 * softmax(s · x) and under density weights of scaled variance c = 1/s, normalised, as the sharpness s grows.
 */
export function entropies(values: number[], gaussians: number[] = [1, 2, 4]): Figure {
  const sd = span(0.2, 2, 91);
  const sharpness = span(0, 8, 161);
  const z = standardise(values);
  const softmax = (s: number) => shannonEntropy(values.map((x) => Math.exp(s * x)));
  const density = (s: number) => shannonEntropy(z.map((score) => Math.exp((-s * score ** 2) / 2)));
  return linePanels("Entropy of density attention and of softmax", [
    {
      title: "a head of K Gaussians",
      xTitle: "standard deviation of each Gaussian",
      yTitle: "entropy, nats",
      lines: gaussians.map((k) => ({
        name: k === 1 ? "K = 1" : `K = ${k}: variance σ² / ${k}`,
        x: sd,
        y: sd.map((each) =>
          gaussianEntropy(productOfGaussians(Array(k).fill({ mean: 0, variance: each ** 2 })).variance),
        ),
      })),
    },
    {
      title: `weights of ${values.length} values`,
      xTitle: "sharpness s",
      yTitle: "entropy, nats",
      yRange: [0, 1.15 * Math.log(values.length)],
      levels: [{ y: Math.log(values.length), label: `log ${values.length}` }],
      lines: [
        { name: "softmax(s · x)", x: sharpness, y: sharpness.map(softmax) },
        {
          name: "density, c = 1 / s (starts at s = 0.5)",
          x: sharpness,
          y: sharpness.map(density),
          points: { x: [0.5], y: [density(0.5)] },
        },
      ],
    },
  ]);
}

/** Scores with population statistics, as density attention takes them at δ = 0. */
export function standardise(values: number[]): number[] {
  const { mean, sd } = moments(values);
  return values.map((value) => (value - mean) / sd);
}

function moments(values: number[]): { mean: number; sd: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return { mean, sd: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length) };
}
