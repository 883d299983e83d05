import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { oneOf, UserError } from "../errors.js";
import { refuseImpostor } from "../formats/impostor.js";

/** A JSON file of a Hugging Face folder, read field by field; every refusal names the file and the field. */
export class Config {
  constructor(
    readonly path: string,
    readonly fields: Record<string, unknown>,
  ) {}

  /** @throws UserError if the file is missing or holds no JSON object. */
  static read(folder: string, file: string): Config {
    const path = join(folder, file);
    if (!existsSync(path))
      throw new UserError(`${path} is missing: name the folder that holds it, or fetch it again`);
    refuseImpostor(path);
    let fields: unknown;
    try {
      fields = JSON.parse(readFileSync(path, "utf8"));
    } catch {
      throw new UserError(`${path} is not JSON; fetch it again`);
    }
    if (typeof fields !== "object" || fields === null || Array.isArray(fields))
      throw new UserError(`${path} is no JSON object; fetch it again`);
    return new Config(path, fields as Record<string, unknown>);
  }

  has(field: string): boolean {
    return this.fields[field] !== undefined && this.fields[field] !== null;
  }

  /** A whole number ≥ 1. */
  count(field: string, fallback?: number): number {
    const value = this.value(field, fallback);
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw this.refuse(field, "a whole number of at least 1");
    return value as number;
  }

  /** A token id, where there is one (some configs say −1 for none). */
  tokenId(field: string): number | undefined {
    const id = this.has(field) ? this.number(field) : -1;
    return id >= 0 ? id : undefined;
  }

  /** A finite number. */
  number(field: string, fallback?: number): number {
    const value = this.value(field, fallback);
    if (typeof value !== "number" || !Number.isFinite(value)) throw this.refuse(field, "a number");
    return value;
  }

  /** A list of `length` finite numbers. */
  numbers(field: string, length: number): number[] {
    const value = this.value(field);
    if (!Array.isArray(value) || value.length !== length || !value.every(Number.isFinite))
      throw this.refuse(field, `a list of ${length} numbers`);
    return value;
  }

  flag(field: string, fallback?: boolean): boolean {
    const value = this.value(field, fallback);
    if (typeof value !== "boolean") throw this.refuse(field, "true or false");
    return value;
  }

  choice<T extends string>(field: string, valid: readonly T[], fallback?: T): T {
    const value = this.value(field, fallback);
    return oneOf(`${field} in ${this.path}`, String(value), valid);
  }

  /** A list of whole numbers ≥ 1, `length` of them where that is given. */
  counts(field: string, length?: number): number[] {
    const value = this.value(field);
    const valid = Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 1);
    if (!valid || (length !== undefined && value.length !== length))
      throw this.refuse(field, `a list of ${length ?? "some"} whole numbers of at least 1`);
    return value;
  }

  /** Height and width, which are written as one number, a list of two, or a record. */
  size(field: string, fallback?: number): [number, number] {
    const value = this.value(field, fallback);
    const { height, width } = (value ?? {}) as Record<string, unknown>;
    const pair = Array.isArray(value) ? value : height === undefined ? [value, value] : [height, width];
    if (pair.length !== 2 || !pair.every((n) => Number.isSafeInteger(n) && n >= 1))
      throw this.refuse(field, "a height and a width");
    return pair as [number, number];
  }

  /** Refuses unless `divisor` goes into `whole` without remainder. */
  divides(divisor: string, whole: string, n: number, into: number): void {
    if (into % n)
      throw new UserError(
        `${this.path}: ${divisor} ${n} does not divide ${whole} ${into}; correct one of them`,
      );
  }

  private value(field: string, fallback?: unknown): unknown {
    const value = this.fields[field] ?? fallback;
    if (value === undefined)
      throw new UserError(`${this.path} lacks ${field}; add it as the checkpoint's authors give it`);
    return value;
  }

  private refuse(field: string, wanted: string): UserError {
    const found = JSON.stringify(this.fields[field]);
    return new UserError(`${this.path}: ${field} is ${found} and must be ${wanted}`);
  }
}
