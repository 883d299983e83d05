import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UserError } from "../errors.js";
import type { Figure } from "./figure.js";
import { PLOTLY_FILE, toHtml, toPng, toSvg } from "./static.js";

/**
 * Writes a file beside its place and renames it, so that nobody ever reads half of one. Makes the folder.
 * @throws UserError naming the file, when the folder cannot be written to.
 */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const part = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(part, content);
    renameSync(part, path);
  } catch (error) {
    if (existsSync(part)) rmSync(part);
    throw cannotWrite(path, error);
  }
}

/** Turns what the file system says into a line with a remedy. */
export function cannotWrite(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const why: Record<string, string> = {
    EACCES: "permission denied: make its folder writable or choose another",
    EPERM: "permission denied: make its folder writable or choose another",
    EROFS: "the file system is read-only: choose another folder",
    ENOSPC: "the disk is full: free some space and run again",
    ENOTDIR: "a part of its path is a file: remove or rename that file",
    EEXIST: "a part of its path is a file: remove or rename that file",
  };
  return code && code in why ? new UserError(`cannot write ${path}: ${why[code]}`) : error;
}

/** Saves a figure as `path`.svg, .png (2 pixels a unit) and .html, the last with plotly.min.js in its folder. */
export async function saveFigure(figure: Figure, path: string): Promise<void> {
  const svg = await toSvg(figure);
  writeWhole(`${path}.svg`, svg);
  writeWhole(`${path}.png`, toPng(svg));
  writeWhole(`${path}.html`, toHtml(figure, basename(path)));
  const plotly = join(dirname(path), "plotly.min.js");
  if (!existsSync(plotly)) copyFileSync(PLOTLY_FILE, plotly);
}
