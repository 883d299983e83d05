import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ablations, layersByShare } from "#src/experiments/plan/ablations.js";
import { sameConfig } from "#src/experiments/plan/cell.js";
import { inScope, planCells } from "#src/experiments/plan/cells.js";
import { cellSeed, type FeatureInfo } from "#src/experiments/plan/task-plan.js";
import { Estimates, modelSeconds, secondsLeft } from "#src/experiments/run/estimate.js";
import { methods } from "#src/experiments/plan/methods.js";
import { howRates, presetAt, presets } from "#src/experiments/plan/presets.js";
import { countParameters } from "#src/models/model.js";
import { finished } from "../finished.js";

const info: FeatureInfo = { layers: 12, features: 128, id: "made 0" };
const infos = { speech: info, text: info, vision: info };
const plan = (name: string) => planCells(presetAt(name, false), infos, () => undefined);

describe("the plan", () => {
  it("has every row in every run, and the ablations once but for that of layers", () => {
    const cells = plan("quick");
    const count = (task: string) => cells.filter((cell) => cell.task === task).length;
    assert.deepEqual([count("speech"), count("text"), count("vision")], [12 * 5, 12 * 3 + 9 + 4 * 3, 12 * 3]);
    assert.equal(new Set(cells.map(({ name }) => name)).size, cells.length);
    assert.ok(cells.some(({ name }) => name === "text/daam-v1/run-1"));
    for (const { name, ablations } of presets)
      assert.ok(plan(name).length >= 36 + 13 * ablations.length, `${name} drops a row`);
  });

  it("has in quick one rate a task, told with how it was chosen, and the paper's epochs on speech", () => {
    const cells = plan("quick").filter(({ config }) => config);
    for (const task of Object.keys(infos)) {
      const rates = new Set(
        cells.filter((cell) => cell.task === task).map((cell) => cell.config!.learningRate),
      );
      assert.equal(rates.size, 1, task);
    }
    const epochs = (preset: string) => presetAt(preset, false).tasks.speech!.epochs;
    assert.equal(epochs("quick"), epochs("paper"));
    assert.match(howRates(presetAt("quick", false)), /held out.*no test item.*MHA → BN stay below 2\.5 %/);
    for (const preset of presets) assert.notEqual(preset.settings ?? preset.rates, undefined, preset.name);
  });

  it("gives the methods of a run one seed, and runs and tasks different ones", () => {
    const cells = plan("quick").filter(({ config }) => config);
    const seeds = new Map<string, Set<number>>();
    for (const { task, run, config } of cells) {
      const key = `${task} ${run}`;
      seeds.set(key, (seeds.get(key) ?? new Set()).add(config!.seed));
    }
    assert.ok([...seeds.values()].every((set) => set.size === 1));
    assert.equal(new Set([...seeds.values()].flatMap((set) => [...set])).size, 11);
    assert.equal(cellSeed("text", 1), cellSeed("text", 1));
  });

  it("configures the ablation of layers once DAAMv1 of the same run is finished", () => {
    const waiting = plan("quick").filter(({ method }) => method === "daam-v2-highest");
    assert.ok(waiting.every(({ config }) => config === undefined));
    assert.deepEqual(
      waiting.map(({ needs }) => needs),
      [["text/daam-v1/run-1"], ["text/daam-v1/run-2"], ["text/daam-v1/run-3"]],
    );
    const cells = planCells(presetAt("quick", false), infos, (name, config) => finished(name, config));
    const stages = (method: string) => cells.find((cell) => cell.method === method)!.config!.stages;
    assert.deepEqual(stages("daam-v2-highest"), [
      { kind: "layers", indices: [5, 6, 7] },
      { kind: "density", heads: 1 },
    ]);
    assert.deepEqual(stages("no-attention-lowest"), [{ kind: "layers", indices: [0, 1, 2] }]);
  });

  it("includes what a scope needs, and nothing else", () => {
    const cells = inScope(plan("quick"), { tasks: ["text"], methods: ["no-attention-lowest"] });
    assert.deepEqual(
      cells.map(({ method }) => method),
      [...Array<string>(3).fill("daam-v1"), ...Array<string>(3).fill("no-attention-lowest")],
    );
    assert.throws(
      () => inScope(plan("quick"), { tasks: ["music"] }),
      /unknown task "music": choose one of speech, text, vision/,
    );
    assert.throws(
      () => inScope(plan("quick"), { methods: ["magic"] }),
      /unknown method "magic": choose one of mha, /,
    );
    assert.throws(
      () => inScope(plan("quick"), { tasks: ["speech"], methods: ["frozen"] }),
      /no cell of speech/,
    );
  });
});

describe("configurations", () => {
  const { config } = plan("quick")[0]!;
  it("are equal after a round trip through JSON", () =>
    assert.ok(sameConfig(config!, JSON.parse(JSON.stringify(config)))));
  for (const change of [
    { epochs: 99 },
    { features: "other" },
    { trainItems: 5 },
    { stages: [] },
    { holdout: true as const },
  ])
    it(`differ by ${Object.keys(change)}`, () => assert.ok(!sameConfig(config!, { ...config!, ...change })));
});

describe("methods", () => {
  const size = { layers: 12, features: 128, task: "text" };
  const stages = (name: string, at = size) => methods.find((method) => method.name === name)!.stages(at);

  it("stand at the sizes of the issue at 12 × 128", () => {
    assert.deepEqual(stages("daam-v1"), [{ kind: "density", heads: 4 }]);
    assert.deepEqual(stages("mixture"), [{ kind: "mixture", heads: 4, gaussians: 4 }]);
    assert.deepEqual(stages("gqa")[0], { kind: "linear", features: 64 });
    assert.deepEqual(stages("mha", { ...size, task: "speech" })[0], { kind: "layers", indices: [10] });
  });

  // counted from the shapes, without the last linear layer, at 512 channels: facts of the paper, section 3
  const counted: [string, number, number][] = [
    ["no-attention", 221_720, 369_192],
    ["softmax-weights", 221_744, 369_232],
    ["mixture", 221_784, 369_256],
    ["daam-v2", 223_768, 379_432],
    ["daam-v1", 238_104, 451_112],
    ["gqa", 1_206_808, 3_451_432],
    ["gqdaam", 1_223_192, 3_533_352],
    ["mha", 4_420_120, 105_247_272],
    ["mha-bn", 4_420_168, 105_247_352],
  ];
  for (const [name, large, llama] of counted)
    it(`${name} has the counted parameters at the paper's sizes`, () => {
      for (const [layers, features, expected] of [
        [24, 1024, large],
        [40, 5120, llama],
      ] as const) {
        const at = { layers, features, task: "text" };
        const options = { layers, features, hidden: 512, classes: 4, stages: stages(name, at) };
        assert.equal(countParameters(options).withoutLastLinear, expected);
      }
    });
});

describe("ablations", () => {
  it("refer to rows that are trained already", () => {
    const [heads, gaussians, learned] = ablations({ layers: 12, features: 128, task: "text" });
    const names = (ablation = heads!) => ablation.entries.map(({ method }) => method.name);
    assert.deepEqual(names(), ["daam-v2", "heads-2", "heads-3", "daam-v1", "heads-6"]);
    assert.deepEqual(names(gaussians), ["gaussians-1", "gaussians-2", "mixture", "gaussians-8"]);
    assert.deepEqual(names(learned), ["daam-v1", "only-offset", "only-variance", "frozen"]);
  });

  it("leave out heads that do not divide the layers", () => {
    const [heads] = ablations({ layers: 40, features: 5120, task: "text" });
    assert.deepEqual(
      heads!.entries.map(({ label }) => label),
      ["g = 1", "g = 2", "g = 4"],
    );
  });

  it("take adjacent layers by their share", () => {
    const { config } = plan("quick")[0]!;
    assert.deepEqual(layersByShare(finished("a", config!, 2), "highest"), [2, 3, 4]);
    assert.deepEqual(layersByShare(finished("a", config!, 2), "lowest"), [3, 4, 5]);
    const without = { ...finished("a", config!), attention: undefined };
    assert.throws(() => layersByShare(without, "highest"), /a has no attention map: delete it/);
  });
});

describe("estimates", () => {
  const configs = plan("quick").flatMap(({ name, config }) => (config ? [{ name, config }] : []));
  const size = { layers: 12, features: 128, trainItems: 3000, testItems: 1500 };

  it("grow with the work and follow what cells took", () => {
    const { name, config } = configs.find((cell) => cell.name === "text/no-attention/run-1")!;
    const once = modelSeconds(config, size);
    assert.ok(modelSeconds({ ...config, epochs: 2 * config.epochs }, size) === 2 * once);
    assert.ok(modelSeconds({ ...config, hidden: 512 }, size) > 2 * once);
    const estimates = new Estimates(() => 5);
    assert.equal(estimates.seconds(name, config), 5);
    estimates.learn(finished(name, config));
    assert.equal(estimates.seconds(name, config), 10);
  });

  it("share the time left among the workers", () => {
    assert.equal(secondsLeft([], [4, 3, 2, 1], 2), 5);
    assert.equal(secondsLeft([10], [1, 1], 2), 10);
    assert.equal(secondsLeft([], [], 2), 0);
  });
});
