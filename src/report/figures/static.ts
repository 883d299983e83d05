/// <reference lib="dom" />
/**
 * Static pictures of Plotly figures without a browser: Plotly draws into jsdom, resvg rasterises, sharp writes PNG.
 *
 * jsdom lays nothing out, so text is measured with @napi-rs/canvas. One font, DejaVu Sans from npm, serves for measuring
 * and for rasterising: a picture does not depend on the machine that made it.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Canvas, createCanvas, GlobalFonts } from "@napi-rs/canvas";
import { Resvg } from "@resvg/resvg-js";
import { JSDOM } from "jsdom";
import sharp from "sharp";
import { type Figure, FONT_FAMILY } from "./figure.js";

const require = createRequire(import.meta.url);
const FONT_FILE = require.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf");

/** Plotly for browsers, to lie beside interactive pages. */
export const PLOTLY_FILE = require.resolve("plotly.js-dist-min/plotly.min.js");

interface PlotlyWindow {
  Plotly: { toImage(figure: object, options: object): Promise<string> };
  eval(code: string): void;
}

let browser: PlotlyWindow | undefined;

function openBrowser(): PlotlyWindow {
  const { window } = new JSDOM("<!doctype html><body></body>", {
    runScripts: "outside-only",
    pretendToBeVisual: true,
  });
  backCanvas(window as unknown as typeof globalThis);
  measureText(window as unknown as typeof globalThis);
  window.URL.createObjectURL = () => "";
  window.eval(readFileSync(PLOTLY_FILE, "utf8"));
  return window as unknown as PlotlyWindow;
}

/** Plotly paints heatmap cells on a <canvas>. */
function backCanvas(window: typeof globalThis): void {
  const canvases = new WeakMap<object, Canvas>();
  const canvasOf = (element: HTMLCanvasElement): Canvas => {
    let canvas = canvases.get(element);
    if (!canvas) canvases.set(element, (canvas = createCanvas(element.width, element.height)));
    if (canvas.width !== element.width) canvas.width = element.width;
    if (canvas.height !== element.height) canvas.height = element.height;
    return canvas;
  };
  const prototype = window.HTMLCanvasElement.prototype as any;
  prototype.getContext = function (kind: string) {
    return kind === "2d" ? canvasOf(this).getContext("2d") : null;
  };
  prototype.toDataURL = function () {
    return canvasOf(this).toDataURL("image/png");
  };
}

/** Gives SVG elements the box of the text in them: all that Plotly measures. */
function measureText(window: typeof globalThis): void {
  GlobalFonts.registerFromPath(FONT_FILE, FONT_FAMILY);
  const context = createCanvas(1, 1).getContext("2d");

  /** Corners of a text in its own coordinates; lines are 1.3 em high, the first one rests on y. */
  const corners = (text: SVGTextElement): Point[] => {
    const size = parseFloat(text.style.fontSize) || 12;
    context.font = `${size}px "${FONT_FAMILY}"`;
    const lines = [...text.querySelectorAll("tspan.line")];
    const rows = (lines.length ? lines : [text]).map((row) => row.textContent ?? "");
    const width = Math.max(...rows.map((row) => context.measureText(row).width));
    const before = { middle: 0.5, end: 1 }[text.getAttribute("text-anchor") ?? ""] ?? 0;
    const left = (parseFloat(text.getAttribute("x") ?? "") || 0) - before * width;
    const top = (parseFloat(text.getAttribute("y") ?? "") || 0) - size;
    const bottom = top + 1.3 * size * rows.length;
    return [
      [left, top],
      [left + width, top],
      [left, bottom],
      [left + width, bottom],
    ];
  };

  const box = (element: Element, outer: Element | null) => {
    const texts = element.tagName === "text" ? [element] : [...element.querySelectorAll("text")];
    const points = (texts as SVGTextElement[])
      .filter((text) => text.textContent)
      .flatMap((text) => corners(text).map((point) => toAncestor(point, text, outer)));
    if (!points.length) points.push(toAncestor([0, 0], element, outer));
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    return { x: left, y: top, left, right, top, bottom, width: right - left, height: bottom - top };
  };
  const prototype = window.SVGElement.prototype as any;
  prototype.getBBox = function () {
    return box(this, this);
  };
  prototype.getBoundingClientRect = function () {
    return box(this, null);
  };
  prototype.getComputedTextLength = function () {
    return box(this, this).width;
  };
}

type Point = [x: number, y: number];

/** Carries a point from an element's coordinates to those of `ancestor` (the page for null). */
function toAncestor(point: Point, element: Element, ancestor: Element | null): Point {
  for (let node: Element | null = element; node && node !== ancestor; node = node.parentElement) {
    const steps = [...(node.getAttribute("transform") ?? "").matchAll(/(\w+)\(([^)]*)\)/g)];
    for (const [, kind, text] of steps.reverse()) {
      const numbers = text!.split(/[\s,]+/).map(Number);
      if (kind === "translate") point = [point[0] + numbers[0]!, point[1] + (numbers[1] ?? 0)];
      if (kind === "rotate") point = rotate(point, numbers);
    }
  }
  return point;
}

function rotate([x, y]: Point, [degrees = 0, cx = 0, cy = 0]: number[]): Point {
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  return [cx + cos * (x - cx) - sin * (y - cy), cy + sin * (x - cx) + cos * (y - cy)];
}

/** Plotly names clip paths with Math.random(): the same figure gets the same names. */
const SEED_RANDOM = "{ let s = 1; Math.random = () => (s = (s * 16807) % 2147483647) / 2147483647; }";

/** The figure as SVG text; equal figures give equal text. */
export async function toSvg({ data, layout }: Figure): Promise<string> {
  browser ??= openBrowser();
  browser.eval(SEED_RANDOM);
  const { width, height } = layout;
  // Plotly fills in what it is handed.
  const copy = structuredClone({ data, layout });
  const uri = await browser.Plotly.toImage(copy, { format: "svg", width, height });
  return (
    decodeURIComponent(uri.slice(uri.indexOf(",") + 1))
      // resvg reads url(#id) only without quotes.
      .replace(/url\('(#[^']+)'\)/g, "url($1)")
  );
}

/**
 * PNG of an SVG at `scale` pixels a unit, in the 256 colours that suit it best: a third of the bytes of all colours. Areas of one colour
 * stay so without dithering, which takes twice the time and more bytes.
 */
export async function toPng(svg: string, scale = 2): Promise<Buffer> {
  const { pixels, width, height } = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scale },
    font: { fontFiles: [FONT_FILE], loadSystemFonts: false, defaultFontFamily: FONT_FAMILY },
  }).render();
  return sharp(pixels, { raw: { width, height, channels: 4 } })
    .png({ palette: true, effort: 3, dither: 0, compressionLevel: 9 })
    .toBuffer();
}

/** An interactive page that loads `plotly.min.js` from its own folder: no network, works from file://. */
export function toHtml({ data, layout }: Figure, title: string): string {
  const escape = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  // JSON may hold "</script>"; an escaped "<" means the same to JavaScript.
  const json = JSON.stringify({ data, layout }).replace(/</g, "\\u003c");
  return `<!doctype html>
<meta charset="utf-8">
<title>${escape(title)}</title>
<script src="plotly.min.js"></script>
<div id="figure"></div>
<script>const { data, layout } = ${json}; Plotly.newPlot("figure", data, layout);</script>
`;
}
