/** Published cells: a compressed file a row, and what they cost in a file of its own. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { UserError } from "../../errors.js";
import { guard, writeWhole } from "../../files.js";
import { sameConfig } from "../plan/cell.js";
import type { CellConfig, CellCosts, CellResult } from "../types.js";
import { costsOf, readCosts, writeCosts } from "./costs.js";
import { mapsRead } from "./maps.js";
import type { Cells } from "./store.js";

/** What two trainings with the same configuration have in common where they agree: a cell without its costs and the maps that nothing reads. */
export type CellDigits = Omit<CellResult, keyof CellCosts>;

/** A row's published cells by name: each with its line. */
type Row = Map<string, { line: string; digits: CellDigits }>;

const order = new Intl.Collator("en", { numeric: true });

/**
 * The cells of a published folder: `cells/<task>/<method>.jsonl.gz`, gzip of a JSON line a cell in the order of their names, and `costs.json`.
 * What is written again with equal digits keeps its bytes (compressed ones differ between builds of zlib) and its costs, so that a run that
 * agrees leaves nothing to commit.
 */
export class PublishedCells implements Cells {
  private readonly rows = new Map<string, { stamp: string; row: Row }>();
  private costs?: { stamp: string; cells: Map<string, CellCosts> };

  constructor(readonly folder: string) {}

  get(name: string, config: CellConfig): CellResult | undefined {
    const found = this.row(name).get(name);
    return found && sameConfig(found.digits.config, config) ? this.read(name) : undefined;
  }

  /** @throws UserError where the file of its row is damaged */
  read(name: string): CellResult | undefined {
    const found = this.row(name).get(name);
    return found && { ...found.digits, ...(this.costsOf(name) ?? unknown) };
  }

  holds(task: string): boolean {
    return existsSync(join(this.folder, "cells", task));
  }

  /** All cells of a task, row by row. */
  all(task: string): CellResult[] {
    const files = readdirSync(join(this.folder, "cells", task)).sort();
    return files.flatMap((file) =>
      [...this.row(`${task}/${file.replace(".jsonl.gz", "")}`).keys()].map((name) => this.read(name)!),
    );
  }

  /** A finished cell as it would be published: where its digits are those that stand here, with the costs of these. */
  settled(result: CellResult): CellResult {
    const costs = this.costsOf(result.name);
    const found = this.row(result.name).get(result.name);
    if (!costs || !found || !isDeepStrictEqual(found.digits, digitsOf(result))) return result;
    return { ...digitsAndMaps(result), ...costs };
  }

  /** Writes cells to `cells/` and `costs.json` of a folder, this one or the one that takes its place. */
  write(folder: string, results: readonly CellResult[]): void {
    const sorted = [...results].sort((a, b) => order.compare(a.name, b.name));
    const texts = new Map<string, string>();
    for (const cell of sorted) {
      const path = rowPath(cell.name);
      texts.set(path, `${texts.get(path) ?? ""}${this.line(cell)}\n`);
    }
    for (const [path, text] of texts) {
      const [from, to] = [join(this.folder, path), join(folder, path)];
      if (textOf(from) !== text) writeWhole(to, gzipSync(text, { level: 9 }));
      else if (from !== to)
        guard(to, () => {
          mkdirSync(dirname(to), { recursive: true });
          copyFileSync(from, to);
        });
    }
    writeCosts(folder, sorted);
  }

  /** The line that stands here where it says the same, so that an order of entries does not matter. */
  private line(result: CellResult): string {
    const found = this.row(result.name).get(result.name);
    const digits = digitsOf(result);
    return found && isDeepStrictEqual(found.digits, digits) ? found.line : JSON.stringify(digits);
  }

  private row(name: string): Row {
    const path = join(this.folder, rowPath(name));
    const stamp = stampOf(path);
    const known = this.rows.get(path);
    if (known?.stamp === stamp) return known.row;
    const row: Row = new Map();
    for (const line of (textOf(path) ?? "").split("\n").filter((text) => text)) {
      const digits = parsed(path, line);
      row.set(digits.name, { line, digits });
    }
    this.rows.set(path, { stamp, row });
    return row;
  }

  private costsOf(name: string): CellCosts | undefined {
    const stamp = stampOf(join(this.folder, "costs.json"));
    if (this.costs?.stamp !== stamp) this.costs = { stamp, cells: readCosts(this.folder) };
    return this.costs.cells.get(name);
  }
}

/** Of cells whose costs were not kept. */
const unknown: CellCosts = { seconds: 0, peakMemoryMB: 0, backend: "unknown", versions: {} };

const rowPath = (name: string) => join("cells", `${name.split("/").slice(0, 2).join("/")}.jsonl.gz`);

function digitsAndMaps(result: CellResult): CellDigits {
  const rest: Partial<CellResult> = { ...result };
  for (const key of Object.keys(costsOf(result))) delete rest[key as keyof CellResult];
  return rest as CellDigits;
}

function digitsOf(result: CellResult): CellDigits {
  const digits = digitsAndMaps(result);
  const attention = mapsRead(result);
  if (attention) return { ...digits, attention };
  delete digits.attention;
  return digits;
}

/** Tells whether a file is another one than before. */
function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? [found.ino, found.mtimeMs, found.size].join() : "";
}

function textOf(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return gunzipSync(readFileSync(path)).toString("utf8");
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

function parsed(path: string, line: string): CellDigits {
  try {
    return JSON.parse(line) as CellDigits;
  } catch (error) {
    throw damaged(path, (error as Error).message);
  }
}

const damaged = (path: string, why: string) =>
  new UserError(
    `${path} cannot be read (${why}): restore it (git checkout -- ${path}), or delete it, and its cells are trained anew`,
  );
