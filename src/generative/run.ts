import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { chooseBackend } from "../backend/choose.js";
import { downloadProgress } from "../datasets/index.js";
import { Lock } from "../lock.js";
import { resultsFolder, runFolder } from "../folders.js";
import { toMarkdown } from "../report/tables/text-table.js";
import { itemCounter } from "../terminal.js";
import { finishedCell, keepCell, planVqVaes, trainVqVaeCell, wholePairs, type VqVaeResult } from "./cells.js";
import { cifarImages } from "./images.js";
import { publishVqVae } from "./publish.js";
import { settings, type VqVaeSettings } from "./settings.js";
import { vqVaeSentence, vqVaeTable } from "./tables.js";

export interface VqVaeRunOptions {
  /** What differs from the committed settings. */
  changes?: Partial<VqVaeSettings>;
  /** A backend's name, or "auto". */
  backend?: string;
  /** The command line, for the README. */
  command: string;
  signal?: AbortSignal;
}

/**
 * Trains the cells that are missing in runs/vq-vae/, one after the other, and publishes seeds that have both variants as they
 * are finished: to results/vq-vae/ with the committed settings, below runs/vq-vae/ with others.
 * @throws Stopped where the signal says so; UserError as reading, training and writing do
 */
export async function runVqVae({ changes, backend, command, signal }: VqVaeRunOptions): Promise<void> {
  const chosen = { ...settings, ...changes };
  const { trainImages, epochs, batch } = chosen;
  const folder = join(runFolder("vq-vae"), `${trainImages}-images-${epochs}-epochs`);
  const lock = await Lock.acquire(
    join(folder, "lock"),
    (pid) => console.error(`another run (process ${pid}) is at work in ${folder}: waiting for it`),
    signal,
  );
  try {
    const took = await chooseBackend(backend);
    console.error(took.line);
    const images = await cifarImages(chosen, { progress: downloadProgress() });
    const cells = planVqVaes(chosen);
    const results = new Map<string, VqVaeResult>();
    for (const cell of cells) {
      const result = finishedCell(folder, cell);
      if (result) results.set(cell.name, result);
    }
    console.error(`${results.size} of ${cells.length} cells are finished`);
    const target = isDeepStrictEqual(chosen, settings) ? resultsFolder("vq-vae") : join(folder, "results");
    const publishPairs = async () => {
      const pairs = wholePairs(cells.flatMap(({ name }) => results.get(name) ?? []));
      if (pairs.length) await publishVqVae(target, pairs, images.test, command, chosen.seeds);
      return pairs;
    };
    let pairs = await publishPairs();
    const steps = epochs * Math.ceil(trainImages / batch);
    for (const cell of cells.filter(({ name }) => !results.has(name))) {
      const count = itemCounter(`${cell.name}, steps`);
      let done = 0;
      count(done, steps);
      const onStep = () => count(++done, steps);
      const result = await trainVqVaeCell(cell, images, took, { onStep, signal });
      keepCell(folder, result);
      results.set(cell.name, result);
      pairs = await publishPairs();
    }
    console.log(`${toMarkdown(vqVaeTable(pairs))}\n${vqVaeSentence(pairs)}\n${join(target, "README.md")}`);
  } finally {
    lock.release();
  }
}
