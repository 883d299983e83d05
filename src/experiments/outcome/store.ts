import { existsSync, readdirSync, rmSync } from "node:fs";
import { join, sep } from "node:path";
import { UserError } from "../../errors.js";
import { guard, writeWhole } from "../../files.js";
import { resultsFolder } from "../../folders.js";
import { readSealed, sealed } from "../../sealed.js";
import { sameConfig } from "../plan/cell.js";
import type { CellConfig, CellResult } from "../types.js";

/** The cells' JSON files of a folder: `cells/<task>/<method>/run-1.json`. */
export class CellStore {
  /** Cells that were named as damaged. */
  private readonly named = new Set<string>();

  constructor(readonly folder: string) {}

  path(name: string): string {
    return join(this.folder, "cells", `${name}.json`);
  }

  /** The result of a cell that was finished with this configuration. */
  get(name: string, config: CellConfig): CellResult | undefined {
    const result = this.read(name);
    return result && sameConfig(result.config, config) ? result : undefined;
  }

  /** The result of a cell, whatever its configuration; undefined where there is none, and where it is damaged, which is said once. */
  read(name: string): CellResult | undefined {
    return readSealed(this.path(name), (why) => this.damaged(name, `${this.path(name)} is damaged (${why})`));
  }

  protected damaged(name: string, what: string): void {
    if (!this.named.has(name)) console.error(`${what}: the cell is trained again`);
    this.named.add(name);
  }

  /** Whether there are any cells of a task. */
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

/** The cells that were published with a preset: they stay as they are until it is published again. */
export class PublishedCells extends CellStore {
  constructor(private readonly preset: string) {
    super(resultsFolder(preset));
  }

  /** @throws UserError: published figures would change without a word */
  protected override damaged(_: string, what: string): never {
    throw new UserError(`${what}: restore it (git checkout -- results/${this.preset}), or remove it`);
  }
}
