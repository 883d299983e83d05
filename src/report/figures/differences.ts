/** Figure of differences between rows against the learning rate. Pure: numbers in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { brief, type Figure, look, muted, panelTitle, styleAt } from "./figure.js";

/** A difference in points, its 95 % interval where there is one, and whether runs in which a row learned nothing are in it. */
export interface DifferencePoint {
  /** One of the figure's places. */
  at: string;
  mean: number;
  interval?: readonly [low: number, high: number];
  collapsed: boolean;
}

export interface DifferenceLine {
  name: string;
  points: DifferencePoint[];
}

export interface DifferencePanel {
  title: string;
  lines: DifferenceLine[];
}

const PANEL = { width: 330, height: 250, gap: 0.06 };
const LEGEND_ROW = 29;
/** Of a legend: an entry's line and mark, and a letter of its name. */
const [MARK, LETTER] = [56, 7.2];
/** Room below the panels of a row for ticks and axis title, and above for titles. */
const [BELOW, ABOVE] = [56, 34];
/** Lines stand beside each other, so that their intervals do. */
const APART = 0.11;

/**
 * Panels side by side in rows; those of a row have the same lines, and one legend. x are the places in their order; the last is apart from
 * the others where `own` says so, as it is no rate. The band is ± `margin` points.
 */
export function differencesFigure(
  title: string,
  rows: readonly (readonly DifferencePanel[])[],
  { places, own, margin: equal }: { places: readonly string[]; own?: string; margin: number },
): Figure {
  const names = rows.map((panels) => [
    ...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name))),
  ]);
  const columns = Math.max(...rows.map((panels) => panels.length));
  const margin = { l: 64, r: 20, t: 56, b: 44 };
  const across = Math.max(760, 90 + PANEL.width * columns);
  const legendColumns = names.map((lines) => {
    const entry = MARK + LETTER * Math.max(...lines.map(({ length }) => length));
    return Math.max(1, Math.floor((across - margin.l - margin.r) / entry));
  });
  const heights = names.map(
    (lines, r) => ABOVE + PANEL.height + BELOW + LEGEND_ROW * Math.ceil(lines.length / legendColumns[r]!),
  );
  const inner = heights.reduce((sum, height) => sum + height, 0);
  const width = (1 - PANEL.gap * (columns - 1)) / columns;
  const all = [...places, ...(own === undefined ? [] : [own])];
  const data: Data[] = [];
  const layout: Record<string, unknown> = {};
  const annotations: object[] = [];
  const shapes: object[] = [];
  let [above, count] = [0, 0];
  rows.forEach((panels, r) => {
    const top = 1 - (above + ABOVE) / inner;
    const bottom = top - PANEL.height / inner;
    above += heights[r]!;
    const legend = `legend${r ? r + 1 : ""}`;
    layout[legend] = {
      x: 0,
      y: bottom - BELOW / inner,
      yanchor: "top",
      orientation: "h",
      entrywidth: 1 / legendColumns[r]! - 0.01,
      entrywidthmode: "fraction",
    };
    const shown = new Set<string>();
    panels.forEach(({ title, lines }, p) => {
      const suffix = count ? String(count + 1) : "";
      count += 1;
      const left = p * (width + PANEL.gap);
      layout[`xaxis${suffix}`] = {
        domain: [left, left + width],
        anchor: `y${suffix}`,
        range: [-0.5, all.length - 0.5],
        tickvals: all.map((_, i) => i),
        ticktext: all,
        showgrid: false,
        title: { text: "learning rate" },
      };
      layout[`yaxis${suffix}`] = {
        domain: [bottom, top],
        anchor: `x${suffix}`,
        nticks: 7,
        zeroline: true,
        zerolinecolor: muted,
        ...(p === 0 && { title: { text: "difference, points" } }),
      };
      annotations.push(panelTitle(title, left, top + 4 / inner));
      shapes.push(band(suffix, equal));
      lines.forEach((line) => {
        const at = names[r]!.indexOf(line.name);
        const offset = APART * (at - (names[r]!.length - 1) / 2);
        const first = !shown.has(line.name);
        shown.add(line.name);
        data.push(...lineTraces(line, { all, own, at, offset, suffix, legend, first }));
      });
    });
  });
  return {
    data,
    layout: look(title, {
      width: across,
      height: inner + margin.t + margin.b,
      margin,
      shapes: shapes as Layout["shapes"],
      annotations: [
        ...annotations,
        {
          ...panelTitle(
            `Bars: 95 % intervals; band: ± ${equal} point; hollow: a row learned nothing in some runs` +
              (own === undefined ? "." : `;<br>${own}: each row at the rate that it chose.`),
            0,
            -26 / inner,
          ),
          align: "left",
          font: { size: 11, color: muted },
        },
      ] as Layout["annotations"],
      ...(layout as Partial<Layout>),
    }),
  };
}

const band = (suffix: string, margin: number) => ({
  type: "rect",
  layer: "below",
  xref: `x${suffix} domain`,
  yref: `y${suffix}`,
  x0: 0,
  x1: 1,
  y0: -margin,
  y1: margin,
  fillcolor: "#e9e9e9",
  line: { width: 0 },
});

interface Place {
  all: readonly string[];
  own?: string;
  at: number;
  offset: number;
  suffix: string;
  legend: string;
  first: boolean;
}

/** The rates are joined by a line; what stands at each row's own rate is a point of its own. */
function lineTraces({ name, points }: DifferenceLine, place: Place): Data[] {
  const { all, own, at, offset, suffix, legend, first } = place;
  const { colour, dash, symbol } = styleAt(at);
  const trace = (some: readonly DifferencePoint[], mode: string, showlegend: boolean): Data[] => {
    const ordered = [...some].sort((a, b) => all.indexOf(a.at) - all.indexOf(b.at));
    const reach = (point: DifferencePoint, end: 0 | 1) =>
      point.interval ? brief(Math.abs(point.interval[end] - point.mean)) : 0;
    return ordered.length
      ? [
          {
            type: "scatter",
            mode,
            name,
            x: ordered.map((point) => brief(all.indexOf(point.at) + offset)),
            y: ordered.map(({ mean }) => brief(mean)),
            error_y: {
              type: "data",
              symmetric: false,
              array: ordered.map((point) => reach(point, 1)),
              arrayminus: ordered.map((point) => reach(point, 0)),
              thickness: 1.4,
              width: 3,
              color: colour,
            },
            line: { color: colour, dash, width: 1.4 },
            marker: {
              color: colour,
              symbol: ordered.map(({ collapsed }) => (collapsed ? `${symbol}-open` : symbol)),
              size: 8,
              line: { width: 1.5, color: colour },
            },
            hovertemplate: `${name}: %{y}<extra></extra>`,
            xaxis: `x${suffix}`,
            yaxis: `y${suffix}`,
            legend,
            legendgroup: name,
            showlegend,
          } as unknown as Data,
        ]
      : [];
  };
  const joined = points.filter(({ at }) => at !== own);
  return [
    ...trace(joined, "lines+markers", first),
    ...trace(
      points.filter(({ at }) => at === own),
      "markers",
      first && !joined.length,
    ),
  ];
}
