/**
 * What notebooks need beyond `console.log`: figures, tables, Markdown and a progress line.
 *
 * tslab's public `display.*` sends one type an output. Several types in one output let each viewer pick the best it can show;
 * tslab's internal sender does that.
 */
import * as tslab from "tslab";
// The default import is the live CommonJS exports; a named import would keep the first cell's sender.
import jupyter from "tslab/dist/jupyter.js";
import type { DataFrame } from "danfojs-node";
import type { Figure } from "../report/figures/figure.js";
import { saveFigure } from "../report/figures/save.js";
import { toPng, toSvg } from "../report/figures/static.js";
import { duration } from "../terminal.js";

type MimeBundle = Record<string, unknown>;

/** Outside of a kernel (tests, scripts) nothing is shown. */
const inKernel = (): boolean => (jupyter.lastWriteDisplayData as unknown) !== null;

function send(data: MimeBundle): void {
  if (inKernel())
    jupyter.lastWriteDisplayData(
      {
        data: data as Record<string, string>,
        metadata: metadataOf(data) as Record<string, never>,
        transient: {},
      },
      false,
    );
}

/** What viewers say of a picture to who does not see it. */
const metadataOf = (data: MimeBundle): Record<string, object> =>
  "image/png" in data ? { "image/png": { alt: String(data["text/plain"]).replace(/^\[\w+\] /, "") } } : {};

/**
 * Shows a figure: interactive where Plotly's renderer is there, as a PNG elsewhere (plain JupyterLab, code hosts).
 * @param path also saves `path`.svg, .png and .html.
 */
export async function show(figure: Figure, path?: string): Promise<void> {
  if (path) await saveFigure(figure, path);
  if (inKernel()) send(await figureBundle(figure));
}

/** PNG, not SVG or HTML: viewers show it in untrusted notebooks too. */
export async function figureBundle({ data, layout }: Figure): Promise<MimeBundle> {
  return {
    "application/vnd.plotly.v1+json": { config: { displaylogo: false }, data, layout },
    "image/png": (await toPng(await toSvg({ data, layout }), 1)).toString("base64"),
    "text/plain": `[figure] ${(layout.title as { text: string }).text}`,
  };
}

/** Shows a PNG. */
export function showPicture(png: Buffer, caption: string): void {
  send({ "image/png": png.toString("base64"), "text/plain": `[picture] ${caption}` });
}

/** Shows Markdown. */
export function markdown(text: string): void {
  send({ "text/markdown": text, "text/plain": text });
}

/** Shows a data frame as a table, its first column as row heads. */
export function table(frame: DataFrame): void {
  send(tableBundle(frame));
}

/** The table as HTML (no scripts or styles: code hosts strip them) and as aligned text. */
export function tableBundle(frame: DataFrame): MimeBundle {
  const columns = frame.columns.map(String);
  const rows = (frame.values as unknown[][]).map((row) => row.map(cellText));
  const head = columns.map((name) => `<th align="left">${escapeHtml(name)}</th>`).join("");
  const body = rows.map(([first = "", ...rest]) => {
    const cells = rest.map((cell) => `<td align="right">${escapeHtml(unbroken(cell))}</td>`).join("");
    return `<tr><th align="left">${escapeHtml(first)}</th>${cells}</tr>`;
  });
  return {
    "text/html": `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join("\n")}\n</tbody>\n</table>`,
    "text/plain": alignedText(columns, rows),
  };
}

/** A mean and its spread stay on one line. */
const unbroken = (text: string) => text.replaceAll(" ± ", "\u00a0±\u00a0");

const cellText = (value: unknown): string =>
  typeof value === "number" && !Number.isInteger(value)
    ? String(Number(value.toPrecision(4)))
    : String(value ?? "");

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Columns aligned with spaces; heads that are longer than what stands below them go over several lines. */
function alignedText(columns: string[], rows: string[][]): string {
  const width = (text: string) => [...text].length;
  const below = columns.map((_, i) => Math.max(12, ...rows.map((row) => width(row[i]!))));
  const heads = columns.map((head, i) => wrap(head, below[i]!));
  const height = Math.max(...heads.map((lines) => lines.length));
  const headRows = Array.from({ length: height }, (_, line) =>
    heads.map((lines) => lines[line - height + lines.length] ?? ""),
  );
  const all = [...headRows, ...rows];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => width(row[i]!))));
  const pad = (cell: string, i: number) => {
    const space = " ".repeat(widths[i]! - width(cell));
    return i ? space + cell : cell + space;
  };
  return all.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= width || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Where a run stands; `Progress` of a run has all of it. */
export interface Stage {
  done: number;
  total: number;
  secondsLeft: number;
  running: { name: string; epochs: number; record?: { epoch: number } }[];
}

/**
 * Trains with a progress line, redrawn at most ten times a second: `await withProgress("speech", (show) => speech.finish(show))`.
 * What remains in the saved notebook is the number of cells, whether they were trained now or before.
 */
export async function withProgress<T>(
  label: string,
  train: (show: (stage: Stage) => void) => Promise<T[]>,
): Promise<T[]> {
  const line = inKernel() ? tslab.newDisplay() : undefined;
  let last = 0;
  const results = await train((stage) => {
    if (performance.now() - last < 100) return;
    last = performance.now();
    line?.text(`${label} ${stageText(stage)}`);
  });
  line?.text(`${label}: ${results.length} cells finished`);
  return results;
}

function stageText({ done, total, secondsLeft, running }: Stage): string {
  const filled = Math.round((20 * done) / total);
  const cells = running.map(({ name, epochs, record }) => `${name} ${record?.epoch ?? 0}/${epochs}`);
  return `[${"#".repeat(filled)}${".".repeat(20 - filled)}] ${done}/${total}, ${duration(secondsLeft)} left ${cells.join(", ")}`;
}
