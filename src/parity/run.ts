import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { UserError } from "../errors.js";
import { checkAdapterCase, checkLowRank } from "./adapters.js";
import { checkEncoderCase } from "./encoders.js";
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
 * Checks every reference file of a folder laid out like the reference arrays: arrays of the mechanisms by file name, encoders by
 * what lies beside.
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
  for (const path of referenceFiles(folder)) {
    const line = { path: relative(folder, path), ...(await checkFile(path)) };
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

/** Arrays to compare with: what is not a checkpoint. */
function referenceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith(".safetensors") && !/^(adapter_)?model/.test(basename(path)))
    .sort();
}

/**
 * Expected values beside an adapter_config.json or a config.json are those of an adapter or an encoder, whatever the folder's name;
 * other files go by their own.
 */
function checkOf(path: string): (() => Promise<Comparison[]>) | undefined {
  const folder = dirname(path);
  const beside = (name: string) => existsSync(join(folder, name));
  if (basename(path) === "expected.safetensors") {
    if (beside("adapter_config.json")) return () => checkAdapterCase(folder);
    if (beside("config.json")) return () => checkEncoderCase(folder);
  }
  if (beside("config.json")) return basename(path).startsWith("lora") ? () => checkLowRank(path) : undefined;
  const check = checks.find(([prefix]) => basename(path).startsWith(prefix))?.[1];
  return check && (() => check(new Reference(path)));
}

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
    if (error instanceof UserError) return { status: "FAILED", detail: error.message };
    throw error;
  }
}
