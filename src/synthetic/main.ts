/** `node scripts/generate-checkpoint.mjs NAME FOLDER`: a checkpoint of a published shape with random weights. */
import { parseArgs } from "node:util";
import { oneOf, UserError } from "../errors.js";
import { publishedModels } from "./models.js";
import { writeSynthetic } from "./write.js";

const names = Object.keys(publishedModels);
const usage =
  "node scripts/generate-checkpoint.mjs NAME FOLDER [--layers n] [--seed n]\n" +
  `Writes a checkpoint of the published shape with random weights. NAME is one of ${names.join(", ")}.`;

function whole(option: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const n = Number(value);
  if (!Number.isSafeInteger(n) || n < least)
    throw new UserError(`--${option} ${value}: a whole number of at least ${least} is needed`);
  return n;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { layers: { type: "string" }, seed: { type: "string" }, help: { type: "boolean" } },
  });
  const [name, folder, ...more] = positionals;
  if (values.help) return console.log(usage);
  if (!name || !folder || more.length) throw new UserError(`a name and a folder are needed\n${usage}`);
  const model = publishedModels[oneOf("checkpoint", name, names)]!;
  const start = performance.now();
  let shown = 0;
  // the unfinished folder goes when the process exits
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const bytes = await writeSynthetic(model, folder, {
    seed: whole("seed", values.seed, 0),
    layers: whole("layers", values.layers, 1),
    progress: (written, total) => {
      if (performance.now() - shown < 5000) return;
      shown = performance.now();
      console.log(`${(written / 1e9).toFixed(1)} of ${(total / 1e9).toFixed(1)} GB`);
    },
  });
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${folder}: ${model.repository} with random weights, ${(bytes / 1e9).toFixed(2)} GB in ${seconds.toFixed(0)} s`,
  );
}

try {
  await main();
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  if (!(error instanceof UserError) && !code?.startsWith("ERR_PARSE_ARGS")) throw error;
  console.error(message);
  process.exitCode = 1;
}
