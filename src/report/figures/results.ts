/** Figures of results: every row, paper beside here, and ablations. Pure: numbers in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { brief, colours, type Figure, ink, look, muted, panelTitle } from "./figure.js";
import { notRun } from "../tables/words.js";
import type { Summary } from "../../statistics/summary.js";

/** A row of the verdict figure: accuracies in %, whatever is missing is left out. */
export interface VerdictRow {
  label: string;
  group: "recorded" | "published" | "corrected" | "ablation";
  paper?: Summary;
  best?: Summary;
  last?: Summary;
  /** What is said where there is nothing. */
  missing?: string;
}

export interface VerdictTask {
  title: string;
  paper: string;
  here: string;
  rows: VerdictRow[];
}

const ROW = 21;
const HEAD = 66;
const groupColours = {
  recorded: muted,
  published: colours[0]!,
  corrected: colours[3]!,
  ablation: colours[4]!,
};

/** Every row of every task: the paper's mean ± sd on the left, ours on the right, each on an axis of its own. */
export function verdictFigure(title: string, tasks: VerdictTask[]): Figure {
  const [top, bottom] = [50, 96];
  const left = 30 + 7.3 * Math.max(...tasks.flatMap(({ rows }) => rows.map(({ label }) => label.length)));
  const heights = tasks.map(({ rows }) => HEAD + ROW * rows.length);
  const inner = heights.reduce((sum, height) => sum + height, 0);
  const data: Data[] = [];
  const layout: Record<string, unknown> = {};
  const annotations: object[] = [];
  let above = 0;
  tasks.forEach((task, t) => {
    const yTop = 1 - (above + HEAD - 28) / inner;
    const yBottom = 1 - (above + heights[t]! - 28) / inner;
    above += heights[t]!;
    const labels = task.rows.map((row) => row.label);
    (["paper", "here"] as const).forEach((side, s) => {
      const suffix = 2 * t + s ? String(2 * t + s + 1) : "";
      const domain = s ? [0.53, 1] : [0, 0.47];
      layout[`xaxis${suffix}`] = { domain, anchor: `y${suffix}`, nticks: 7 };
      layout[`yaxis${suffix}`] = {
        domain: [yBottom, yTop],
        anchor: `x${suffix}`,
        categoryorder: "array",
        categoryarray: labels,
        range: [labels.length - 0.4, -0.6],
        ...(s && { showticklabels: false }),
      };
      annotations.push(panelTitle(`${task.title}: ${side} (${task[side]})`, domain[0]!, yTop + 3 / inner));
      data.push(...sideTraces(task.rows, side, suffix));
    });
  });
  return {
    data: onceInLegend(data),
    layout: look(title, {
      width: 720 + left,
      height: inner + top + bottom,
      margin: { l: left, r: 24, t: top, b: bottom },
      annotations: annotations as Layout["annotations"],
      legend: { x: 0, y: -28 / inner, yanchor: "top", xanchor: "left", orientation: "h" },
      ...(layout as Partial<Layout>),
    }),
  };
}

function sideTraces(rows: VerdictRow[], side: "paper" | "here", suffix: string): Data[] {
  const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}` };
  const dots = (
    name: string,
    key: "paper" | "best" | "last",
    symbol: string,
    group?: VerdictRow["group"],
  ): Data => {
    const found = rows.filter((row) => row[key] && (!group || row.group === group));
    const colour = found.map((row) => (key === "paper" ? ink : groupColours[row.group]));
    return {
      type: "scatter",
      mode: "markers",
      name,
      x: found.map((row) => brief(row[key]!.mean)),
      y: found.map((row) => row.label),
      error_x: {
        type: "data",
        array: found.map((row) => brief(row[key]!.sd)),
        visible: key !== "last",
        color: muted,
        thickness: 1.4,
        width: 3,
      },
      marker: { symbol, size: key === "last" ? 11 : 7, color: colour, line: { width: 1.4, color: colour } },
      hovertemplate: "%{y}: %{x} %<extra></extra>",
      ...axes,
    } as Data;
  };
  if (side === "paper") return [dots("paper, mean ± sd", "paper", "square-open")];
  const missing = rows.filter((row) => !row.best);
  const start = Math.min(
    ...rows.flatMap(({ best, last }) => (best && last ? [best.mean - best.sd, last.mean] : [])),
  );
  const note: Data = {
    type: "scatter",
    mode: "text",
    x: missing.map(() => (Number.isFinite(start) ? start : 0)),
    y: missing.map((row) => row.label),
    text: missing.map((row) => row.missing ?? notRun),
    textposition: "middle right",
    textfont: { color: muted, size: 11 },
    showlegend: false,
    hoverinfo: "skip",
    ...axes,
  } as Data;
  return [
    dots("here, best epoch ± sd: published rows", "best", "circle", "published"),
    dots("here, best epoch ± sd: corrected or added rows", "best", "circle", "corrected"),
    dots("here, last epoch", "last", "diamond-open"),
    ...(missing.length ? [note] : []),
  ];
}

/** Traces of one name share the legend's entry of the first that has points. */
function onceInLegend(traces: Data[]): Data[] {
  const named = new Set<string>();
  return (traces as { name?: string; x: unknown[]; showlegend?: boolean }[]).map((trace) => {
    if (trace.name === undefined) return trace as Data;
    const first = trace.x.length > 0 && !named.has(trace.name);
    if (first) named.add(trace.name);
    return { ...trace, showlegend: first } as Data;
  });
}

export interface AblationPoint {
  label: string;
  best?: Summary;
  last?: Summary;
}

/**
 * Variants of one thing as dots with intervals, best and last epoch; a dashed line is the row they compare with, a band the smallest to the
 * largest of a row's runs: what differs by less may be another seed.
 */
export function ablationFigure(
  title: string,
  points: AblationPoint[],
  reference?: { label: string; value: number },
  noise?: { label: string; range: readonly [low: number, high: number] },
): Figure {
  const left = 30 + 7.2 * Math.max(...points.map(({ label }) => label.length));
  const labels = points.map(({ label }) => label);
  const dots = (name: string, key: "best" | "last", symbol: string, colour: string): Data => {
    const found = points.filter((point) => point[key]);
    return {
      type: "scatter",
      mode: "markers",
      name,
      x: found.map((point) => brief(point[key]!.mean)),
      y: found.map(({ label }) => label),
      error_x: {
        type: "data",
        array: found.map((point) => brief(point[key]!.sd)),
        visible: found.some((point) => point[key]!.n > 1),
        color: colour,
        thickness: 1.4,
        width: 4,
      },
      marker: { symbol, size: key === "last" ? 12 : 8, color: colour, line: { width: 1.6, color: colour } },
      hovertemplate: "%{y}: %{x} %<extra></extra>",
    } as Data;
  };
  const line = reference && {
    shape: upright([reference.value, reference.value], {
      type: "line",
      line: { color: ink, dash: "dash", width: 1.2 },
    }),
    annotation: {
      ...panelTitle(`${reference.label}: ${reference.value.toFixed(1)} %`, reference.value, 1.01, "center"),
      xref: "x",
      font: { size: 11 },
    },
  };
  const band = noise && {
    shape: upright(noise.range, { fillcolor: "#e9e9e9", layer: "below", line: { width: 0 } }),
    annotation: {
      ...panelTitle(`band: ${noise.label}`, 0, -94 / (34 * points.length)),
      yanchor: "top",
      font: { size: 11 },
    },
  };
  return {
    data: [
      dots("best epoch", "best", "circle", colours[0]!),
      dots("last epoch", "last", "diamond-open", colours[3]!),
    ],
    layout: look(title, {
      // A title of 15 pixels has letters of 8.4 on average.
      width: left + Math.max(540, 8.4 * title.length + 30),
      height: (noise ? 212 : 190) + 34 * points.length,
      margin: { l: left, r: 30, t: 82, b: noise ? 130 : 108 },
      xaxis: { title: { text: "test accuracy, %" } },
      yaxis: { categoryorder: "array", categoryarray: labels, range: [labels.length - 0.4, -0.6] },
      legend: { x: 0, y: -64 / (34 * points.length), yanchor: "top", orientation: "h" },
      shapes: [band, line].flatMap((mark) => mark?.shape ?? []),
      annotations: [line, band].flatMap((mark) => mark?.annotation ?? []),
    } as Partial<Layout> & { width: number; height: number }),
  };
}

/** From the floor of a panel to its top. */
const upright = ([x0, x1]: readonly [number, number], more: object) => ({
  type: "rect",
  x0,
  x1,
  yref: "paper",
  y0: 0,
  y1: 1,
  ...more,
});
