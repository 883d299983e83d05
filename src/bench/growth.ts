/** How the cost of a training step grows with items and layers. Pure: measured times in, a Plotly figure out. */
import type { Data, Layout } from "plotly.js";
import { linearRegression, linearRegressionLine, rSquared } from "simple-statistics";
import { brief, colours, type Figure, look, muted, panelTitle } from "../report/figures/figure.js";

/** Times of one step, in ms. */
export interface GrowthPoint {
  batch: number;
  layers: number;
  ms: number;
}

/** A straight line by least squares: ms at 0, ms for each more, and the share of the variance that it explains. */
export function straight(points: readonly [x: number, ms: number][]) {
  const line = linearRegression(points.map((point) => [...point]));
  const r2 = rSquared(
    points.map((point) => [...point]),
    linearRegressionLine(line),
  );
  return { slope: line.m, start: line.b, r2 };
}

/** Points that differ in one of the two alone: those of the other's commonest value. */
export function along(points: readonly GrowthPoint[], by: "batch" | "layers"): [x: number, ms: number][] {
  const other = by === "batch" ? "layers" : "batch";
  const count = (value: number) => points.filter((point) => point[other] === value).length;
  const common = points.map((point) => point[other]).sort((a, b) => count(b) - count(a))[0];
  const chosen = new Map(points.filter((point) => point[other] === common).map((p) => [p[by], p.ms]));
  return [...chosen].sort(([a], [b]) => a - b);
}

const PANELS = [
  { by: "batch", x: "items of a batch", suffix: "", domain: [0, 0.46] },
  { by: "layers", x: "layers", suffix: "2", domain: [0.54, 1] },
] as const;

/** Measured points, each panel with its straight line. */
export function growthFigure(points: readonly GrowthPoint[]): Figure {
  const panels = PANELS.map((panel) => {
    const measured = along(points, panel.by);
    return { ...panel, measured, line: straight(measured) };
  });
  const data = panels.flatMap(({ measured, line, suffix }) => {
    const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}`, showlegend: false };
    const ends = [0, Math.max(...measured.map(([x]) => x))];
    return [
      {
        ...{ type: "scatter", mode: "lines", ...axes, line: { color: muted, width: 1.5, dash: "dot" } },
        x: ends,
        y: ends.map((x) => brief(line.start + line.slope * x)),
      },
      {
        ...{ type: "scatter", mode: "markers", ...axes, marker: { color: colours[0], size: 8 } },
        x: measured.map(([x]) => x),
        y: measured.map(([, ms]) => brief(ms)),
      },
    ] as Data[];
  });
  const axes = panels.flatMap(({ x, measured, suffix, domain }) => [
    [
      `xaxis${suffix}`,
      {
        domain,
        anchor: `y${suffix}`,
        title: { text: x },
        tickvals: measured.map(([x]) => x),
        rangemode: "tozero",
      },
    ],
    [`yaxis${suffix}`, { anchor: `x${suffix}`, title: { text: "ms a step" }, rangemode: "tozero" }],
  ]);
  return {
    data,
    layout: look("A training step of the small decoder, density attention", {
      width: 860,
      height: 400,
      margin: { l: 64, r: 24, t: 84, b: 60 },
      annotations: panels.map(({ line, domain }) =>
        panelTitle(
          `${line.start.toFixed(2)} ms + ${line.slope.toPrecision(3)} ms each, R² ${line.r2.toFixed(4)}`,
          domain[0],
          1.01,
        ),
      ) as Layout["annotations"],
      ...(Object.fromEntries(axes) as Partial<Layout>),
    }),
  };
}
