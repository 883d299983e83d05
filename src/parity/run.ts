import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { UserError } from "../errors.js";
import { checkAdapterCase, checkLowRank } from "./adapters.js";
import { checkEncoderCase } from "./encoders.js";
import { EXPECTED, findReferences, type Found } from "./find.js";
import { checkSample } from "./samples.js";
import { checkDecoder, checkFocalLoss } from "./training.js";
import {
  checkDensity,
  checkDensityBlock,
  checkDotProduct,
  checkGroupedQuery,
  checkMixture,
} from "./attention.js";
import { Reference, type Comparison } from "./reference.js";

/** The check of each kind of reference file, by the beginning of its name. */
const checks: [prefix: string, check: (reference: Reference) => Promise<Comparison[]>][] = [
  ["daam", checkDensity],
  ["mixture", checkMixture],
  ["density_block", checkDensityBlock],
  ["mha", checkDotProduct],
  ["gqa", checkGroupedQuery],
  ["focal_loss", checkFocalLoss],
  ["decoder", checkDecoder],
];

export interface ParityLine {
  /** Path within the folder. */
  path: string;
  status: "ok" | "FAILED" | "skipped";
  detail: string;
}

/**
 * Checks every reference file of a folder laid out like the reference arrays: arrays of the mechanisms and samples of the shipped
 * encoders by file name, encoders by what lies beside. A file that cannot be checked fails, and the others go on.
 * @throws UserError where the folder does not exist or holds nothing to check
 */
export async function runParity(
  folder: string,
  onLine: (line: ParityLine) => void = () => {},
): Promise<ParityLine[]> {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new UserError(`${folder} is not a folder: name one laid out like the reference arrays`);
  }
  const lines: ParityLine[] = [];
  for (const found of findReferences(folder)) {
    const line = { path: relative(folder, found.path) || ".", ...(await checkFound(found)) };
    lines.push(line);
    onLine(line);
  }
  if (!lines.some(({ status }) => status !== "skipped")) {
    throw new UserError(
      `${folder} holds no reference file that can be checked: name one laid out like the reference arrays`,
    );
  }
  return lines;
}

/**
 * Expected values beside an adapter_config.json or a config.json are those of an adapter or an encoder, whatever the folder's name;
 * other files go by their own.
 */
function checkOf(path: string): (() => Promise<Comparison[]>) | undefined {
  const folder = dirname(path);
  const beside = (name: string) => existsSync(join(folder, name));
  if (basename(path) === EXPECTED) {
    if (beside("adapter_config.json")) return () => checkAdapterCase(folder);
    if (beside("config.json")) return () => checkEncoderCase(folder);
  }
  if (beside("config.json")) return basename(path).startsWith("lora") ? () => checkLowRank(path) : undefined;
  const sample = /^(.+)-sample\.safetensors$/.exec(basename(path))?.[1];
  if (sample) return () => checkSample(path, sample);
  const check = checks.find(([prefix]) => basename(path).startsWith(prefix))?.[1];
  return check && (() => check(new Reference(path)));
}

const checkFound = async ({ path, status, detail }: Found): Promise<Omit<ParityLine, "path">> =>
  status ? { status, detail } : checkFile(path);

async function checkFile(path: string): Promise<Omit<ParityLine, "path">> {
  const check = checkOf(path);
  if (!check) return { status: "skipped", detail: "no check for it yet" };
  try {
    const compared = await check();
    const failed = compared.filter(({ error, tolerance }) => !(error <= tolerance));
    const worst = compared.reduce((a, b) => (b.error / b.tolerance > a.error / a.tolerance ? b : a));
    const { quantity, error, tolerance } = failed[0] ?? worst;
    const detail = `worst ${quantity}: relative L2 ${error.toExponential(1)} (at most ${tolerance.toExponential(0)}), ${compared.length} compared`;
    return { status: failed.length ? "FAILED" : "ok", detail };
  } catch (error) {
    return { status: "FAILED", detail: reason(error as Error) };
  }
}

/** Arrays of wrong shapes or settings fail somewhere within the computation. */
function reason(error: Error): string {
  if (error instanceof UserError) return error.message;
  return `its arrays or settings do not fit together (${error.message.split("\n")[0]}): fetch the reference again`;
}
