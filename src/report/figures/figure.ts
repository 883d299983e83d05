/** The look that all figures share. */
import type { Data, Layout } from "plotly.js";

/** A Plotly figure as plain JSON. */
export interface Figure {
  data: Data[];
  layout: Partial<Layout> & { width: number; height: number };
}

/** Shipped from npm for static pictures; Verdana has the same widths where a viewer lacks it. */
export const FONT_FAMILY = "DejaVu Sans";
const fonts = `${FONT_FAMILY}, Verdana, sans-serif`;
export const ink = "#222222";
export const muted = "#8a8a8a";

/** Paul Tol's "muted" scheme from dark to light: told apart by the colour-blind, and ordered in greyscale. */
export const colours = ["#332288", "#882255", "#117733", "#cc6677", "#44aa99", "#d0a72b"];
export const dashes = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"] as const;
export const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "star-diamond"] as const;

/** How a series looks. */
export interface Style {
  colour: string;
  dash: string;
  symbol: string;
}

/** A decoder of the tables each. */
const hues = [...colours, "#4a90c4", "#aa4499", "#999933", "#7a7a7a", ink, "#b35806"];
const marks = [...symbols, "x"];

/** Of the i-th of a list: twelve colours, each round of them with other symbols. */
export const styleAt = (i: number): Style => ({
  colour: hues[i % hues.length]!,
  dash: dashes[i % dashes.length]!,
  symbol: marks[i % marks.length]!,
});

const axis = {
  showline: true,
  linecolor: ink,
  ticks: "outside",
  tickcolor: ink,
  gridcolor: "#e4e4e4",
  zeroline: false,
  title: { standoff: 8 },
  // Without a layout engine (static export) every label seems to overflow.
  ticklabeloverflow: "allow",
};

/** Plotly's own way to set defaults that a figure may override. */
const template = {
  layout: {
    font: { family: fonts, size: 12, color: ink },
    title: { x: 0, xref: "paper", xanchor: "left", font: { size: 15 } },
    paper_bgcolor: "white",
    plot_bgcolor: "white",
    colorway: colours,
    xaxis: axis,
    yaxis: axis,
    hoverlabel: { font: { family: fonts } },
  },
  data: {
    heatmap: [
      { colorscale: "Cividis", colorbar: { ticklabeloverflow: "allow", thickness: 14, outlinewidth: 0 } },
    ],
  },
};

/** A layout with the shared look. Margins are explicit: `automargin` needs a browser to measure. */
export function look(
  title: string,
  layout: Partial<Layout> & { width: number; height: number },
): Figure["layout"] {
  return {
    margin: { l: 70, r: 24, t: 56, b: 56 },
    ...layout,
    title: { text: title },
    template: template as Layout["template"],
  };
}

/** Text above a panel, in fractions of the paper. */
export function panelTitle(text: string, x: number, y: number, xanchor: "left" | "center" = "left") {
  return { text, x, y, xref: "paper", yref: "paper", xanchor, yanchor: "bottom", showarrow: false } as const;
}

/** What the colours of a heatmap mean, beside its colour bar: Plotly's own title there needs a browser to be placed. */
export function colourTitle(text: string) {
  return {
    ...panelTitle(text, 1, 0.5, "center"),
    xshift: 72,
    yanchor: "middle",
    textangle: "90",
  } as const;
}

/** Four significant digits: figures travel as JSON in notebooks. */
export const brief = (value: number): number => Number(value.toPrecision(4));

/** "#rrggbb" with opacity. */
export function translucent(colour: string, opacity: number): string {
  const channel = (at: number) => parseInt(colour.slice(at, at + 2), 16);
  return `rgba(${channel(1)},${channel(3)},${channel(5)},${opacity})`;
}
