import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isHeld, Lock, removeEmpty, type Silence } from "../../lock.js";

/** Which cells of a run folder this process trains: others on this host or on one that shares the folder leave them alone. */
export class Claims {
  private readonly own = new Map<string, Lock>();
  private readonly folder: string;

  /**
   * @param run folder of the run
   * @param silence after which a claim is a dead process's; as locks have it when left out
   */
  constructor(
    run: string,
    private readonly silence?: Silence,
  ) {
    this.folder = join(run, "claims");
  }

  /**
   * Claims a cell, unless a living process has.
   * @throws UserError where the folder cannot be written
   */
  take(name: string): boolean {
    const lock = Lock.attempt(this.path(name), this.silence);
    if (lock) this.own.set(name, lock);
    return lock !== undefined;
  }

  release(name: string): void {
    this.own.get(name)?.release();
    this.own.delete(name);
    removeEmpty(this.folder);
  }

  /** Releases what this process claims, and what dead ones left of cells that they had finished. */
  releaseAll(): void {
    for (const name of [...this.own.keys()]) this.release(name);
    for (const name of this.names) if (this.take(name)) this.release(name);
  }

  /** Cells that living processes train. */
  get held(): string[] {
    return this.names.filter((name) => isHeld(this.path(name), this.silence));
  }

  private get names(): string[] {
    const files = existsSync(this.folder) ? readdirSync(this.folder) : [];
    return files.filter((file) => !file.endsWith(".part")).map((file) => file.replaceAll("+", "/"));
  }

  private path(name: string): string {
    return join(this.folder, name.replaceAll("/", "+"));
  }
}
