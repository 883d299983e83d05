/** Figures of Plotly in the colours of the page, each with a text in its place and its numbers as a table. */
import type { Data, Layout } from "plotly.js";
import { script } from "./data.js";
import { h, table, type TextTable } from "./dom.js";

export interface Picture {
  data: Data[];
  layout?: Partial<Layout>;
  height?: number;
  /** What is to be seen, for those who do not see it. */
  alt: string;
  caption?: string;
  numbers?: TextTable;
}

interface Plotly {
  react(place: HTMLElement, data: Data[], layout: Partial<Layout>, config: object): Promise<void>;
  purge(place: HTMLElement): void;
}

let plotly: Promise<Plotly> | undefined;
const loadPlotly = () =>
  (plotly ??= script("plotly.js").then(() => (globalThis as unknown as { Plotly: Plotly }).Plotly));

// prettier-ignore
const light = ["#332288", "#882255", "#117733", "#b0413e", "#0f766e", "#8a6d00", "#2f74b5", "#9a3a8f", "#6b6b00", "#6a6a6a", "#1d1d22", "#b35806"];
// prettier-ignore
const dark = ["#a9a4ff", "#ff9ac1", "#72d38f", "#ffab91", "#62d6c9", "#e8c658", "#7fbdf0", "#e59be0", "#cfcf6a", "#b9b9b9", "#f4f4f4", "#ffa95a"];
export const dashes = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"] as const;
export const symbols = ["circle", "square", "diamond", "triangle-up", "cross", "star", "x"] as const;

export const isDark = () => document.documentElement.dataset.theme === "dark";
const palette = () => (isDark() ? dark : light);
export const colour = (i: number) => palette()[i % palette().length]!;
export const shade = (name: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
/** Of heatmaps: dark is little on dark, light is little on light. */
export const scale = (): [number, string][] =>
  isDark()
    ? [
        [0, "#15161b"],
        [0.5, "#5a5fc4"],
        [1, "#ffe08a"],
      ]
    : [
        [0, "#ffffff"],
        [0.5, "#7f86d6"],
        [1, "#1a1450"],
      ];

/** A figure of values in 0–1, [layers][features]: a line a layer. */
export const layerMap = (values: number[][]): Pick<Picture, "data" | "layout"> => ({
  data: [
    {
      type: "heatmap",
      z: values,
      y: values.map((_, i) => i + 1),
      colorscale: scale(),
      zmin: 0,
      zmax: 1,
      hovertemplate: "layer %{y}, feature %{x}: %{z:.2f}<extra></extra>",
    },
  ],
  layout: {
    xaxis: { title: { text: "feature" } },
    yaxis: { title: { text: "layer" }, dtick: 1, autorange: "reversed" },
  },
});

function layoutOf({ layout = {}, height = 380 }: Picture): Partial<Layout> {
  const axis = {
    gridcolor: shade("line"),
    linecolor: shade("soft"),
    tickcolor: shade("soft"),
    zerolinecolor: shade("soft"),
    zeroline: false,
    automargin: true,
  };
  const { xaxis, yaxis, ...rest } = layout;
  // A title without a standoff lies over labels that are longer than most.
  const titled = ({ title, ...own }: Partial<Layout["xaxis"]> = {}) => ({
    ...axis,
    ...own,
    ...(title && { title: { standoff: 10, ...title } }),
  });
  return {
    height,
    margin: { l: 56, r: 16, t: 16, b: 58 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: shade("ink") },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, xanchor: "left" },
    hoverlabel: { bgcolor: shade("raised"), font: { color: shade("ink") } },
    ...rest,
    xaxis: titled(xaxis),
    yaxis: titled(yaxis),
  };
}

/** A place that a figure is drawn into, again and again. */
export class Figure {
  /** Hidden until something is drawn. */
  readonly element = h("figure", { hidden: true });
  private readonly plot = h("div", { class: "plot", role: "img" });
  private readonly caption = h("figcaption");
  private readonly numbers = h("details", {}, h("summary", {}, "The same as a table"));
  private latest?: Picture;

  constructor() {
    this.element.append(this.plot, this.caption, this.numbers);
    addEventListener("theme", () => this.element.isConnected && this.latest && void this.draw(this.latest));
  }

  async draw(picture: Picture): Promise<void> {
    this.latest = picture;
    this.element.hidden = false;
    this.plot.setAttribute("aria-label", picture.alt);
    this.plot.style.minHeight = `${picture.height ?? 380}px`;
    this.caption.textContent = picture.caption ?? "";
    this.numbers.hidden = !picture.numbers;
    while (this.numbers.children.length > 1) this.numbers.lastChild!.remove();
    if (picture.numbers) this.numbers.append(table(picture.numbers, picture.alt));
    const { react } = await loadPlotly();
    if (this.latest !== picture || !this.element.isConnected) return;
    await react(this.plot, picture.data, layoutOf(picture), { responsive: true, displayModeBar: false });
  }
}
