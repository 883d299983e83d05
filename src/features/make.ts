import { basename } from "node:path";
import { chooseBackend } from "../backend/choose.js";
import { cacheFolder } from "../folders.js";
import { itemCounter } from "../terminal.js";
import { shiftName } from "../shifts/shift.js";
import type { ExtractionSettings } from "./extraction.js";
import { checkTarget, exportFile } from "./export.js";
import { extractFeatures } from "./extract.js";
import { hiddenStateStatistics, rangesLine } from "./layer-statistics.js";
import { openHiddenStates } from "./load.js";
import { provide } from "./provide.js";

export interface MakeOptions {
  /** A backend's name, or "auto". */
  backend?: string;
  /** Where the finished file is copied to. */
  target?: string;
}

/** Makes the hidden states of a data set with progress in the terminal, and says where they lie. Throws as `extractFeatures` and `exportFile` do. */
export async function makeFeatures(
  settings: ExtractionSettings,
  { backend, target }: MakeOptions,
): Promise<void> {
  if (target !== undefined) checkTarget(target);
  await provide([settings]);
  console.error((await chooseBackend(backend)).line);
  const { dataset, encoder, shift } = settings;
  const what = shift ? `${dataset} with ${shiftName(shift)}` : dataset;
  const path = await extractFeatures(settings, {
    cache: cacheFolder(),
    onProgress: itemCounter(`${what} through ${basename(encoder)}`),
    warn: (line) => console.error(line),
  });
  if (target !== undefined) exportFile(path, target);
  console.log(target ?? path);
  const statistics = hiddenStateStatistics(openHiddenStates(path, 0));
  console.error(`${rangesLine(statistics)} (each layer: npx daam inspect ${target ?? path})`);
}
