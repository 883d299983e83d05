/** Small panels in rows and columns with one legend. Pure: numbers in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { brief, type Figure, look, muted, panelTitle, type Style, styleAt } from "./figure.js";

/** A line with intervals: a point a label of its panel, missing ones left out. */
export interface GridCurve {
  name: string;
  points: ({ mean: number; low: number; high: number } | undefined)[];
  /** By its place among the names when left out. */
  style?: Style;
}

export interface GridPanel {
  title: string;
  /** Ticks of the x axis. */
  labels: string[];
  /** What stands below the axis in the last row. */
  xTitle: string;
  curves: GridCurve[];
  /** A level across the panel: that of chance, or the paper's. */
  level?: { value: number; name: string };
}

/** Panels that share a y axis. */
export interface GridRow {
  yTitle: string;
  panels: GridPanel[];
}

const PANEL = { width: 236, height: 190, across: 22, down: 76 };

/** Curves of one name look the same in all panels. */
export function panelGrid(title: string, rows: GridRow[]): Figure {
  const names = [
    ...new Set(rows.flatMap(({ panels }) => panels.flatMap(({ curves }) => curves)).map(nameOf)),
  ];
  const columns = Math.max(...rows.map(({ panels }) => panels.length));
  const margin = { l: 64, r: 20, t: 84, b: 96 + 20 * Math.ceil(names.length / 3) };
  const inner = {
    width: columns * PANEL.width + (columns - 1) * PANEL.across,
    height: rows.length * PANEL.height + (rows.length - 1) * PANEL.down,
  };
  const data: Data[] = [];
  const layout: Record<string, unknown> = {};
  const annotations: object[] = [];
  const shown = new Set<string>();
  const firstTime = (name: string) => !shown.has(name) && Boolean(shown.add(name));
  rows.forEach((row, r) => {
    const top = 1 - (r * (PANEL.height + PANEL.down)) / inner.height;
    const first = r * columns;
    row.panels.forEach((panel, c) => {
      const number = first + c;
      const suffix = number ? String(number + 1) : "";
      const left = (c * (PANEL.width + PANEL.across)) / inner.width;
      layout[`xaxis${suffix}`] = {
        domain: [left, left + PANEL.width / inner.width],
        anchor: `y${suffix}`,
        range: [-0.4, panel.labels.length - 0.6],
        tickvals: panel.labels.map((_, i) => i),
        ticktext: panel.labels,
        ...(r === rows.length - 1 && { title: { text: panel.xTitle } }),
      };
      layout[`yaxis${suffix}`] = {
        domain: [top - PANEL.height / inner.height, top],
        anchor: `x${suffix}`,
        nticks: 6,
        ...(c
          ? { matches: `y${first ? first + 1 : ""}`, showticklabels: false }
          : { title: { text: row.yTitle } }),
      };
      annotations.push(panelTitle(panel.title, left, top + 4 / inner.height));
      if (panel.level) {
        const { value, name } = panel.level;
        data.push(levelTrace(panel, value, name, suffix, firstTime(name)));
      }
      for (const curve of panel.curves)
        data.push(curveTrace(curve, names.indexOf(curve.name), suffix, firstTime(curve.name)));
    });
  });
  return {
    data,
    layout: look(title, {
      width: inner.width + margin.l + margin.r,
      height: inner.height + margin.t + margin.b,
      margin,
      annotations: annotations as Layout["annotations"],
      legend: { x: 0, y: -60 / inner.height, yanchor: "top", xanchor: "left", orientation: "h" },
      ...(layout as Partial<Layout>),
    }),
  };
}

const nameOf = ({ name }: GridCurve) => name;

function levelTrace(
  { labels }: GridPanel,
  value: number,
  name: string,
  suffix: string,
  showlegend: boolean,
): Data {
  return {
    type: "scatter",
    mode: "lines",
    name,
    legendgroup: name,
    showlegend,
    x: [-0.4, labels.length - 0.6],
    y: [brief(value), brief(value)],
    line: { color: muted, dash: "dot", width: 1.5 },
    hoverinfo: "skip",
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
  } as Data;
}

function curveTrace(
  { name, points, style }: GridCurve,
  index: number,
  suffix: string,
  showlegend: boolean,
): Data {
  const { colour, dash, symbol } = style ?? styleAt(index);
  const there = points.flatMap((point, x) => (point ? [{ x, ...point }] : []));
  return {
    type: "scatter",
    mode: "lines+markers",
    name,
    legendgroup: name,
    showlegend,
    // beside each other, so that intervals do not cover each other
    x: there.map(({ x }) => brief(x + 0.05 * (index - 2.5))),
    y: there.map(({ mean }) => brief(mean)),
    error_y: {
      type: "data",
      symmetric: false,
      array: there.map(({ mean, high }) => brief(high - mean)),
      arrayminus: there.map(({ mean, low }) => brief(mean - low)),
      color: colour,
      thickness: 1.2,
      width: 2,
    },
    line: { color: colour, dash, width: 1.6 },
    marker: { color: colour, symbol, size: 7 },
    xaxis: `x${suffix}`,
    yaxis: `y${suffix}`,
  } as Data;
}
