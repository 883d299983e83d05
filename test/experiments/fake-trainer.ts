/**
 * Stands in for training in tests of the pool: takes FAKE_MS per epoch, notes each trained cell in FAKE_LOG, dies on FAKE_DEATH, wants
 * memory on FAKE_MEMORY, fills V8's heap on FAKE_HEAP, has no backend where FAKE_MISSING says so.
 */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "#src/errors.js";
import type { Trained, Trainer } from "#src/experiments/run/pool.js";
import type { EpochRecord } from "#src/experiments/types.js";

export const prepare: Trainer["prepare"] = async (threads) => {
  if (process.env.FAKE_MISSING) throw new UserError(`backend "fake" is not available`);
  return { name: "fake", line: `fake backend, ${threads} threads`, versions: { fake: "1" } };
};

export const trainCell: Trainer["trainCell"] = async (config, data, onEpoch): Promise<Trained> => {
  const { FAKE_MS, FAKE_LOG, FAKE_DEATH, FAKE_MEMORY, FAKE_HEAP } = process.env;
  const name = `${config.task}/${config.method}/run-${config.run}`;
  const accuracy = (config.seed % 1000) / 1000;
  const curve: EpochRecord[] = [];
  for (let epoch = 1; epoch <= config.epochs; epoch++) {
    await sleep(Number(FAKE_MS ?? 0));
    if (FAKE_DEATH === name) process.kill(process.pid, "SIGKILL");
    if (FAKE_MEMORY === name) throw new RangeError("Array buffer allocation failed");
    if (FAKE_HEAP === name) for (const all: number[][] = []; ;) all.push(new Array<number>(1e5).fill(epoch));
    const rest = { learningRate: 1, trainLoss: 1, testLoss: 1, macroF1: 0, unweightedRecall: 0 };
    curve.push({ epoch, accuracy, ...rest });
    onEpoch(curve.at(-1)!);
  }
  if (FAKE_LOG) appendFileSync(FAKE_LOG, `${name}\n`);
  const { layers, features, test } = data;
  const map = Buffer.from(Float32Array.from({ length: layers * features }, (_, i) => i).buffer).toString(
    "base64",
  );
  const predictions = Buffer.from(Uint8Array.from(test.labels)).toString("base64");
  return {
    curve,
    best: curve[0]!,
    last: curve.at(-1)!,
    predictions: { best: predictions, last: predictions },
    attention: { test: map, train: map, layers, features },
    parameters: { total: 3, withoutLastLinear: 2, attention: 1 },
  };
};
