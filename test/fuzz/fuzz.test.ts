import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { UserError } from "#src/errors.js";
import { attack } from "#src/fuzz/attack.js";
import { type FuzzTarget, fuzzTargets } from "#src/fuzz/targets.js";

for (const target of fuzzTargets)
  test(`${target.name}: a sample of damaged files is parsed or refused`, async () => {
    const { parsed, refused, failures } = await attack({ target, count: 60, seed: 1 });
    assert.deepEqual(failures, []);
    assert.equal(parsed + refused, 60);
  });

const target = (parse: FuzzTarget["parse"]): FuzzTarget => ({
  name: "bait",
  extension: ".x",
  seeds: () => [Buffer.from("a seed of some length")],
  parse,
});

test("the fuzzer sees exceptions, refused seeds and memory", async () => {
  let [calls, kept] = [0, [] as Buffer[]];
  const throws = await attack({
    target: target(async () => {
      if (calls++) throw new TypeError("of a parser");
    }),
    count: 2,
    seed: 1,
  });
  assert.match(throws.failures[0]!.why, /TypeError: of a parser/);
  const refusesAll = target(async () => Promise.reject(new UserError("no")));
  assert.deepEqual((await attack({ target: refusesAll, count: 0, seed: 1 })).failures, [
    { index: -1, why: "a valid file was refused" },
  ]);
  // far beyond what the process has ever held
  const greedy = target(async () => void kept.push(Buffer.alloc(calls++ > 3 ? 400 * 2 ** 20 : 1, 1)));
  const costs = await attack({ target: greedy, count: 2, seed: 1 });
  kept = [];
  assert.match(costs.failures[0]!.why, /bytes for a file of/);
});

test("mutants are the same in every run", async () => {
  const seen: string[][] = [[], []];
  for (const list of seen)
    await attack({
      target: target(async (path) => void list.push(readFileSync(path, "hex"))),
      count: 20,
      seed: 3,
    });
  assert.deepEqual(seen[0], seen[1]);
  assert.equal(new Set(seen[0]).size > 15, true);
});
