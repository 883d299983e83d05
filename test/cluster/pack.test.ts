import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pack } from "#src/cluster/pack.js";
import { processorsOf, splitTime } from "#src/cluster/slurm.js";
import { refusal } from "../support/files.js";

test("tasks hold every cell once, of one task of the experiment each, and no more than fills them", () => {
  const cell = fc.record({
    task: fc.constantFrom("speech", "text"),
    seconds: fc.integer({ min: 1, max: 9000 }),
  });
  fc.assert(
    fc.property(
      fc.array(cell),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 4 }),
      (list, minutes, n) => {
        const cells = list.map((cell, i) => ({ ...cell, name: String(i) }));
        const packed = pack(cells, minutes, n);
        const names = packed.flatMap(({ tasks }) => tasks.flat());
        assert.deepEqual(
          names.map(Number).sort((a, b) => a - b),
          [...cells.keys()],
        );
        for (const { limit, tasks } of packed)
          for (const own of tasks.map((task) => task.map((name) => cells[Number(name)]!))) {
            const [longest, sum] = [
              Math.max(...own.map((c) => c.seconds)),
              own.reduce((s, c) => s + c.seconds, 0),
            ];
            assert.equal(new Set(own.map(({ task }) => task)).size, 1);
            assert.ok(own.length === 1 || sum <= 60 * minutes * n);
            // twice as slow as expected, they are through in time
            assert.ok(60 * limit >= 2 * Math.max(longest, Math.min(sum / n, 60 * minutes)));
          }
      },
    ),
  );
});

test("cells that are longer than what fills a task stand alone, with limits that are doublings", () => {
  const cells = [1800, 7300, 600].map((seconds, i) => ({ name: String(i), task: "text", seconds }));
  assert.deepEqual(pack(cells, 60, 1), [
    { limit: 485, tasks: [["1"]] },
    { limit: 125, tasks: [["0", "2"]] },
  ]);
});

test("a time limit and the processors are found among options of sbatch", () => {
  for (const [text, minutes] of [
    ["30", 30],
    ["1:30", 2],
    ["02:00:00", 120],
    ["1-12", 2160],
    ["2-01:30", 2970],
    ["0-00:00:30", 1],
  ] as const)
    for (const options of [[`--time=${text}`], ["--time", text], ["-t", text], [`-t${text}`]])
      assert.deepEqual(splitTime(["-p", "cpu", ...options, "--mem=8G"]), {
        minutes,
        rest: ["-p", "cpu", "--mem=8G"],
      });
  assert.deepEqual(splitTime(["--mem=8G"]), { rest: ["--mem=8G"] });
  assert.throws(() => splitTime(["--time=soon"]), refusal(/--time=soon: give minutes/));
  for (const options of [["-c", "4"], ["-c4"], ["--cpus-per-task=4"], ["--cpus-per-task", "4"]])
    assert.equal(processorsOf(options), 4);
  assert.equal(processorsOf(["--mem=8G"]), 1);
  assert.throws(() => processorsOf(["-c", "many"]), refusal(/-c: give a whole number/));
});
