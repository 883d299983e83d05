import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, sep } from "node:path";
import { guard, writeWhole } from "../../files.js";
import { readSealed, sealed } from "../../sealed.js";
import { sameConfig } from "../plan/cell.js";
import type { CellConfig, CellResult } from "../types.js";

/** Where cells are read from: the folder of a run, or published results. */
export interface Cells {
  readonly folder: string;
  /** The result of a cell that was finished with this configuration. */
  get(name: string, config: CellConfig): CellResult | undefined;
  /** The result of a cell, whatever its configuration; undefined where there is none. */
  read(name: string): CellResult | undefined;
  /** Whether there are any cells of a task. */
  holds(task: string): boolean;
}

/** A run's cells, a JSON file each: `cells/<task>/<method>/run-1.json`. Several processes may write, each its own cell. */
export class CellStore implements Cells {
  /** Cells that were named as damaged. */
  private readonly named = new Set<string>();

  constructor(readonly folder: string) {}

  path(name: string): string {
    return join(this.folder, "cells", `${name}.json`);
  }

  get(name: string, config: CellConfig): CellResult | undefined {
    const result = this.read(name);
    return result && sameConfig(result.config, config) ? result : undefined;
  }

  /** Damaged cells count as missing, and are named once. */
  read(name: string): CellResult | undefined {
    const path = this.path(name);
    return readSealed(path, (why) => {
      if (!this.named.has(name)) console.error(`${path} is damaged (${why}): the cell is trained again`);
      this.named.add(name);
    });
  }

  holds(task: string): boolean {
    return existsSync(join(this.folder, "cells", task));
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  put(result: CellResult): void {
    writeWhole(this.path(result.name), sealed(result));
  }

  remove(name: string): void {
    guard(this.path(name), () => rmSync(this.path(name), { force: true }));
  }

  /** Deletes what writers that were killed left behind; what `daam tune` has in `tune/` is its own to sweep. */
  sweep(): void {
    if (!existsSync(this.folder)) return;
    for (const name of readdirSync(this.folder, { recursive: true, encoding: "utf8" }))
      if (name.endsWith(".part") && !name.startsWith(`tune${sep}`))
        guard(name, () => rmSync(join(this.folder, name), { force: true }));
  }
}
