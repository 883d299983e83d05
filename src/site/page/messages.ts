/** What page and trainer tell each other. */
import type { CellConfig, CellResult, EpochRecord } from "#src/experiments/types.js";
import type { SiteBinaries, SiteFeatures } from "#src/site/types.js";

export const BACKENDS = ["webgpu", "wasm", "webgl"] as const;
export type PageBackend = (typeof BACKENDS)[number];

export type ToTrainer =
  | {
      kind: "start";
      config: CellConfig;
      split: "folds" | "runs";
      features: SiteFeatures;
      binaries: SiteBinaries;
      backend: PageBackend | "auto";
    }
  | { kind: "pause" }
  | { kind: "resume" }
  /** Sets δ or c of all heads and features, before the next step. */
  | { kind: "set"; parameter: DensityParameter; value: number };

export type DensityParameter = "meanOffset" | "scaledVariance";

/** What δ or c of all heads and features are: smallest, mean, largest. */
export type Range = [low: number, mean: number, high: number];

export type FromTrainer =
  | { kind: "backend"; name: PageBackend; line: string }
  /** With the mean loss of the items since the last message. */
  | {
      kind: "steps";
      done: number;
      of: number;
      loss: number;
      density?: { meanOffset: Range; scaledVariance: Range };
    }
  | { kind: "epoch"; record: EpochRecord }
  | {
      kind: "done";
      result: Pick<CellResult, "name" | "config" | "curve" | "best" | "last" | "predictions" | "backend">;
      seconds: number;
    }
  | { kind: "failed"; message: string };
