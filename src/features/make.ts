import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import { basename, dirname } from "node:path";
import { chooseBackend } from "../backend/choose.js";
import { guard } from "../files.js";
import { cacheFolder } from "../folders.js";
import { itemCounter } from "../terminal.js";
import { shiftName } from "../shifts/shift.js";
import type { ExtractionSettings } from "./extraction.js";
import { extractFeatures } from "./extract.js";

export interface MakeOptions {
  /** A backend's name, or "auto". */
  backend?: string;
  /** Where the finished file is copied to. */
  target?: string;
}

/** Makes the hidden states of a data set with progress in the terminal, and says where they lie. Throws as `extractFeatures` does. */
export async function makeFeatures(
  settings: ExtractionSettings,
  { backend, target }: MakeOptions,
): Promise<void> {
  console.error((await chooseBackend(backend)).line);
  const { dataset, encoder, shift } = settings;
  const what = shift ? `${dataset} with ${shiftName(shift)}` : dataset;
  const path = await extractFeatures(settings, {
    cache: cacheFolder(),
    onProgress: itemCounter(`${what} through ${basename(encoder)}`),
    warn: (line) => console.error(line),
  });
  if (target) {
    guard(target, () => {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(path, `${target}.part`);
      renameSync(`${target}.part`, target);
    });
  }
  console.log(target ?? path);
}
