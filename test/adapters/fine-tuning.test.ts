import assert from "node:assert/strict";
import { test } from "node:test";
import { countFineTuning, fineTuningParameters, type FineTuning } from "#src/adapters/fine-tuning.js";
import { Config } from "#src/encoders/config.js";
import { architectures } from "#src/encoders/registry.js";
import { methods } from "#src/experiments/plan/methods.js";

/** The paper's encoders, by their shapes alone. */
const large = { hidden_size: 1024, num_attention_heads: 16, num_hidden_layers: 24, intermediate_size: 4096 };
const encoders = {
  speech: {
    type: "wavlm",
    classes: 4,
    fields: { ...large, conv_dim: [512], conv_kernel: [10], conv_stride: [5] },
  },
  text: {
    type: "llama",
    classes: 4,
    fields: {
      hidden_size: 5120,
      num_attention_heads: 40,
      num_hidden_layers: 40,
      intermediate_size: 13824,
      vocab_size: 32000,
    },
  },
  vision: { type: "beit", classes: 100, fields: large },
};
type TaskName = keyof typeof encoders;

function of(method: string, task: TaskName): FineTuning {
  return methods.find(({ name }) => name === method)!.fineTuning!({ layers: 24, features: 1024, task });
}

function parametersOf(tuning: FineTuning, task: TaskName) {
  const { type, classes, fields } = encoders[task];
  const blueprint = architectures[type]!.blueprint(new Config("config.json", fields));
  return fineTuningParameters(tuning, { blueprint }, classes);
}

const count = (method: string, task: TaskName, change: Partial<FineTuning> = {}) =>
  countFineTuning(
    parametersOf({ ...of(method, task), ...change }, task),
    architectures[encoders[task].type]!.classifier,
  );

/** Names of what is trained, layers apart: `lora` for all of an update. */
const trained = (method: string, task: TaskName) => {
  const { update, head } = parametersOf(of(method, task), task);
  const names = Object.entries(head).flatMap(([name, spec]) => (spec.trainable ? [name] : []));
  return [...(Object.keys(update).length ? ["lora"] : []), ...names];
};

// facts of the paper, section 3: query and value of the published models
for (const [task, heads, [r4, r8]] of [
  ["speech", 1_028, [393_216, 786_432]],
  ["vision", 102_500, [393_216, 786_432]],
  ["text", 0, [3_276_800, 6_553_600]],
] as const)
  test(`${task}: trained numbers at the paper's sizes`, () => {
    const acting = { acts: true };
    assert.deepEqual(count("lora-4", task, acting), {
      total: r4 + heads,
      withoutLastLinear: r4,
      attention: r4,
    });
    assert.deepEqual(count("lora-8", task, acting), {
      total: r8 + heads,
      withoutLastLinear: r8,
      attention: r8,
    });
    assert.equal(count("lora-plus-4", task, acting).total, r4);
  });

test("what the standard form trains beside the update: projector and classifier, or the last layer alone", () => {
  const standard = count("lora-4-standard", "speech");
  assert.equal(standard.withoutLastLinear - standard.attention, 1024 * 256 + 256);
  assert.equal(standard.total - standard.withoutLastLinear, 1_028);
  assert.equal(count("lora-4-standard", "text").total, 3_276_800 + 4 * 5120);
});

test("the published scripts train what they are known to train, and nothing else", () => {
  for (const rank of [4, 8]) {
    const [lora, plus] = [`lora-${rank}`, `lora-plus-${rank}`];
    assert.deepEqual(trained(lora, "speech"), ["classifier.weight", "classifier.bias"]);
    assert.deepEqual(trained(lora, "text"), ["lora"]);
    assert.deepEqual(trained(lora, "vision"), ["lora", "classifier.weight", "classifier.bias"]);
    assert.deepEqual(trained(plus, "speech"), []);
    assert.deepEqual(trained(plus, "text"), ["lora"]);
    assert.deepEqual(trained(plus, "vision"), ["lora"]);
    for (const task of Object.keys(encoders) as TaskName[]) {
      assert.deepEqual(of(lora, task).form, { ...of(plus, task).form });
      assert.deepEqual([of(lora, task).form.scaling, of(lora, task).form.alpha], ["published", 16]);
      assert.deepEqual([of(lora, task).ratio, of(plus, task).ratio], [1, 2.828]);
    }
  }
});

test("the standard forms act and train the whole head on every task; LoRA+ at 16 times the rate", () => {
  for (const task of Object.keys(encoders) as TaskName[])
    for (const [name, ratio] of [
      ["lora-4-standard", 1],
      ["lora-8-standard", 1],
      ["lora-plus-4-standard", 16],
      ["lora-plus-8-standard", 16],
    ] as const) {
      const { form, ...rest } = of(name, task);
      assert.deepEqual(rest, { acts: true, head: "whole", ratio });
      assert.equal(form.scaling, "standard");
    }
});

test("a new head starts small and normal, its biases at 0", () => {
  const { head } = parametersOf(of("lora-4-standard", "vision"), "vision");
  assert.deepEqual(head["classifier.weight"], {
    shape: [100, 1024],
    initial: { kind: "normal", sd: 0.02 },
    trainable: true,
  });
  assert.deepEqual(head["classifier.bias"]!.initial, { kind: "constant", value: 0 });
});
