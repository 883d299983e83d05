import type { CellConfig, CellResult, Stage } from "../types.js";

/** What a cell's cost depends on beside its configuration. */
export interface CellSize {
  layers: number;
  features: number;
  trainItems: number;
  testItems: number;
}

/** On one thread of wasm, measured: multiply-adds a second in the convolutions, and seconds a step outside of products. */
const perSecond = 15e9;
const stepSeconds = 0.0025;
/** Attention moves more numbers than it multiplies, as a convolution does not: a multiply-add of its projections costs so many of one. */
const dotProductCost = 1.5;
const groupedQueryCost = 4;
const elementCost = 100;

/** Seconds of one core for an item's step in an encoder of 12 × 128, measured, and for its test; another task may be as slow as speech. */
const fineTuneSeconds: Record<string, number> = { speech: 0.29, text: 0.18, vision: 0.055 };
const testShare = 0.33;

/** Seconds that a cell may take, by the count of its products: forward and twice that backward on training items, forward on test items. */
export function modelSeconds(config: CellConfig, size: CellSize): number {
  if (config.fineTuning) {
    const seconds = fineTuneSeconds[config.task] ?? fineTuneSeconds.speech!;
    const perItem = seconds * ((size.layers * size.features ** 2) / (12 * 128 ** 2));
    const epochs = config.fineTuning.acts ? config.epochs : 1;
    return epochs * perItem * (size.trainItems + testShare * size.testItems);
  }
  const { layers, width, extra } = config.stages.reduce(through, {
    layers: size.layers,
    width: size.features,
    extra: 0,
  });
  const perItem = 2 * layers * config.hidden! * 9 * width + extra;
  const steps = (size.trainItems + size.testItems / 3) / config.batch;
  const products = (3 * size.trainItems + size.testItems) * perItem;
  return config.epochs * (products / perSecond + steps * stepSeconds);
}

function through({ layers, width, extra }: { layers: number; width: number; extra: number }, stage: Stage) {
  switch (stage.kind) {
    case "layers":
      return { layers: stage.indices.length, width, extra };
    case "linear":
      return { layers, width: stage.features, extra: extra + layers * width * stage.features };
    case "dot-product":
      return { layers, width, extra: extra + dotProductCost * 4 * layers * width * width };
    case "grouped-query":
      return { layers, width, extra: extra + groupedQueryCost * 3 * layers * width * width };
    case "mixture":
      return { layers, width, extra: extra + elementCost * layers * width * Math.sqrt(stage.gaussians) };
    case "density":
      return { layers, width, extra: extra + elementCost * layers * width };
    default:
      return { layers, width, extra };
  }
}

/**
 * Learns how long cells take: recorded seconds of a cell with the same configuration where there are any, else the model's, both scaled
 * by how the cells that have finished here compared with them.
 */
export class Estimates {
  private expected = 0;
  private taken = 0;

  constructor(private readonly expect: (name: string, config: CellConfig) => number) {}

  learn(result: CellResult): void {
    this.expected += this.expect(result.name, result.config);
    this.taken += result.seconds;
  }

  seconds(name: string, config: CellConfig): number {
    return this.expect(name, config) * (this.expected > 0 ? this.taken / this.expected : 1);
  }
}

/** Seconds until `jobs` workers are through: each takes the longest cell left as it gets free. */
export function secondsLeft(running: readonly number[], waiting: readonly number[], jobs: number): number {
  const free = [...running, ...Array<number>(Math.max(0, jobs - running.length)).fill(0)];
  for (const seconds of [...waiting].sort((a, b) => b - a)) {
    const first = free.indexOf(Math.min(...free));
    free[first]! += seconds;
  }
  return Math.max(0, ...free);
}
