import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { Stopped } from "#src/errors.js";
import { checkpointPath } from "#src/experiments/outcome/checkpoints.js";
import { CellStore } from "#src/experiments/outcome/store.js";
import { runPool, type PoolEvents } from "#src/experiments/run/pool.js";
import { Run } from "#src/experiments/run/run.js";
import type { CellResult, EpochRecord } from "#src/experiments/types.js";
import { freshFolder } from "../../support/files.js";

const name = "text/mha-bn/run-1";

test("a worker that is told to stop keeps where its cell stood, and the next one goes on from there", async () => {
  process.env.DAAM_HOME = freshFolder();
  const run = await Run.open("smoke");
  const planned = run.plan().find((cell) => cell.name === name)!.config!;
  const config = { ...planned, epochs: 12 };
  const trained = async (folder: string, events: PoolEvents = {}, signal?: AbortSignal) => {
    const orders = [{ name, config, path: run.files.text!.path }];
    const trainer = new URL("../../../dist/experiments/run/train-cell.js", import.meta.url).href;
    const pool = { jobs: 1, threads: 1, backend: "wasm", trainer, folder, signal };
    await runPool(pool, () => orders.shift(), events);
    return new CellStore(folder).get(name, config)!;
  };
  const figures = (result: CellResult) => ({ ...result, seconds: 0, peakMemoryMB: 0 });

  const whole = await trained(freshFolder());
  const folder = freshFolder();
  const stop = new AbortController();
  const epoch = (_: string, record: EpochRecord) => {
    if (record.epoch === 2) stop.abort();
  };
  await assert.rejects(trained(folder, { epoch }, stop.signal), Stopped);
  assert.ok(existsSync(checkpointPath(folder, name)));
  assert.ok(!new CellStore(folder).has(name));
  const epochs: number[] = [];
  const resumed = await trained(folder, { epoch: (_, { epoch }) => epochs.push(epoch) });
  assert.ok(epochs[0]! >= 2 && epochs.length < 12, epochs.join());
  assert.deepEqual(figures(resumed), figures(whole));
  assert.ok(!existsSync(checkpointPath(folder, name)));
});
