import { isDeepStrictEqual } from "node:util";
import { layerShares } from "../../attention/analysis.js";
import { UserError } from "../../errors.js";
import { decodeMap } from "../outcome/maps.js";
import { densityHeads, methods } from "./methods.js";
import type { CellResult, Method, Stage } from "../types.js";

/** One question, answered by a few methods that differ in one thing. */
export interface Ablation {
  name: string;
  title: string;
  note?: string;
  entries: { label: string; method: Method }[];
}

interface Size {
  layers: number;
  features: number;
  task: string;
}

/** Adjacent layers that the ablation of high against low layers retrains on. */
const chosenLayers = 3;

/**
 * The ablations at an encoder's size, as data. An entry that is a row of the table already (one head is DAAMv2) refers to that row,
 * so that it is trained once.
 */
export function ablations(size: Size): Ablation[] {
  const heads = densityHeads(size);
  const entry = (label: string, variantOf: string, name: string, title: string, stages: Stage[]) => {
    const row = methods.find((method) => isDeepStrictEqual(method.stages(size), stages));
    const variant = { name, title, group: "ablation" as const, variantOf, stages: () => stages };
    return { label, method: row ?? variant };
  };
  return [
    {
      name: "heads",
      title: "Heads of density attention",
      entries: [1, 2, 3, 4, 6]
        .filter((g) => size.layers % g === 0 && size.layers / g > 1)
        .map((g) =>
          entry(`g = ${g}`, "daam-v1", `heads-${g}`, `DAAM, ${g} heads`, [{ kind: "density", heads: g }]),
        ),
    },
    {
      name: "gaussians",
      title: "Gaussians of the mixture",
      entries: [1, 2, 4, 8].map((k) =>
        entry(`K = ${k}`, "mixture", `gaussians-${k}`, `Mixture, ${k} Gaussians`, [
          { kind: "mixture", heads, gaussians: k },
        ]),
      ),
    },
    {
      name: "learned",
      title: "What density attention learns",
      entries: [
        entry("δ and c", "daam-v1", "both", "DAAM, δ and c", [{ kind: "density", heads }]),
        entry("only δ", "daam-v1", "only-offset", "DAAM, only δ", [
          { kind: "density", heads, train: ["meanOffset"] },
        ]),
        entry("only c", "daam-v1", "only-variance", "DAAM, only c", [
          { kind: "density", heads, train: ["scaledVariance"] },
        ]),
        entry("none", "daam-v1", "frozen", "DAAM, frozen at δ = 0, c = 2", [
          { kind: "density", heads, train: [] },
        ]),
      ],
    },
    {
      name: "layers",
      title: "High against low layers",
      note: "The paper's speech case is one layer, where density attention is the identity; here three layers on every task.",
      entries: (["highest", "lowest"] as const).flatMap((layers) =>
        ["daam-v2", "no-attention"].map((name) => {
          const row = methods.find((method) => method.name === name)!;
          return {
            label: `${row.title}, ${layers} three`,
            method: {
              name: `${name}-${layers}`,
              title: `${row.title}, ${layers} three layers`,
              group: "ablation" as const,
              variantOf: name,
              layers,
              stages: row.stages,
            },
          };
        }),
      ),
    },
  ];
}

/** The methods that only the ablations train. */
export function ablationMethods(size: Size): Method[] {
  return ablations(size)
    .flatMap(({ entries }) => entries.map(({ method }) => method))
    .filter((method) => method.group === "ablation");
}

/**
 * The adjacent layers (from 0) with the highest or lowest share of a cell's attention: last-epoch map of the training items.
 * A layer's share is its sum over all features ÷ the total.
 */
export function layersByShare({ attention, name }: CellResult, which: "highest" | "lowest"): number[] {
  if (!attention?.train) throw new UserError(`${name} has no attention map: delete it and run again`);
  const { layers, features, train } = attention;
  const shares = layerShares({ layers, features, values: decodeMap(train, layers * features) });
  const starts = [...Array(Math.max(1, shares.length - chosenLayers + 1)).keys()];
  const share = (start: number) =>
    shares.slice(start, start + chosenLayers).reduce((total, value) => total + value, 0);
  const sign = which === "highest" ? 1 : -1;
  const start = starts.reduce((best, next) => (sign * (share(next) - share(best)) > 0 ? next : best));
  return [...Array(Math.min(chosenLayers, shares.length)).keys()].map((i) => start + i);
}
