import { copyFileSync, existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { guard, writeWhole } from "../../files.js";
import type { Figure } from "./figure.js";
import { PLOTLY_FILE, toHtml, toPng, toSvg } from "./static.js";

/**
 * Saves a figure as `path`.svg, .png (2 pixels a unit) and .html, the last with plotly.min.js in its folder.
 * @throws UserError where the folder cannot be written.
 */
export async function saveFigure(figure: Figure, path: string): Promise<void> {
  const svg = await toSvg(figure);
  writeWhole(`${path}.svg`, svg);
  writeWhole(`${path}.png`, await toPng(svg));
  writeWhole(`${path}.html`, toHtml(figure, basename(path)));
  const plotly = join(dirname(path), "plotly.min.js");
  if (!existsSync(plotly)) guard(plotly, () => copyFileSync(PLOTLY_FILE, plotly));
}
