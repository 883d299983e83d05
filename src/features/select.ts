import { UserError } from "../errors.js";
import type { Features } from "./load.js";

/** Some items of a feature file, in its order. */
export interface Items {
  /** Hidden states of some of them, by position here: float32 [positions, layers, features]. */
  read(positions: Int32Array): Float32Array;
  /** int32 [n]. */
  labels: Int32Array;
  /** int32 [n]: positions in the feature file, ascending. */
  indices: Int32Array;
}

/** What one cell trains and tests on. */
export interface TaskData {
  layers: number;
  features: number;
  classes: number;
  train: Items;
  test: Items;
}

export interface Selection {
  /** 1-based. With folds, runs test on one after the other and begin again at the first; without, all runs share one split. */
  run: number;
  split: "folds" | "runs";
  trainItems?: number;
  testItems?: number;
  /** Test on a part of the training items instead, never on test items: for choosing a rate. */
  holdout?: boolean;
}

/** A feature file, values apart. */
type Membership = Omit<Features, "read">;

/**
 * Positions in the feature file of a run's training and test items, ascending.
 * @throws UserError when the file has no such fold or split, or a side is empty.
 */
export function selectIndices(file: Membership, selection: Selection): { train: number[]; test: number[] } {
  let { train, test } = sides(file, selection);
  if (selection.holdout) ({ train, test } = holdOut(file, train, selection));
  train = balancedSubset(file.labels, train, selection.trainItems);
  test = balancedSubset(file.labels, test, selection.testItems);
  if (train.length === 0 || test.length === 0)
    throw new UserError(
      `${file.path} has ${train.length} training and ${test.length} test items for run ${selection.run}: both are needed`,
    );
  return { train, test };
}

/** The training and test items of a run. Throws as {@link selectIndices} does. */
export function selectItems(file: Features, selection: Selection): TaskData {
  const { layers, features, classes } = file;
  const { train, test } = selectIndices(file, selection);
  return { layers, features, classes, train: take(file, train), test: take(file, test) };
}

function sides(file: Membership, { run, split }: Selection): { train: number[]; test: number[] } {
  const membership = split === "folds" ? file.fold : file.split;
  if (!membership)
    throw new UserError(
      `${file.path} has no "${split === "folds" ? "fold" : "split"}", which this task is divided by`,
    );
  const testing = split === "folds" ? (run - 1) % new Set(membership).size : 1;
  const all = [...membership.keys()];
  return {
    train: all.filter((i) => membership[i] !== testing),
    test: all.filter((i) => membership[i] === testing),
  };
}

/** A fifth of each class, or with folds the next one, so that no group stands on both sides. */
function holdOut(file: Membership, train: number[], { run, split }: Selection) {
  let held: (index: number) => boolean;
  if (split === "folds") {
    const folds = [...new Set(file.fold)].sort((a, b) => a - b);
    const next = folds[run % folds.length];
    held = (index) => file.fold![index] === next;
  } else {
    const seen = new Map<number, number>();
    const fifth = new Set(
      train.filter((index) => {
        const label = file.labels[index]!;
        const count = (seen.get(label) ?? 0) + 1;
        seen.set(label, count);
        return count % 5 === 0;
      }),
    );
    held = (index) => fifth.has(index);
  }
  return { train: train.filter((index) => !held(index)), test: train.filter(held) };
}

/** The first `count` of `indices` with classes taking turns, in file order; all of them when there are no more. */
export function balancedSubset(labels: Int32Array, indices: number[], count = Infinity): number[] {
  if (indices.length <= count) return indices;
  const byClass = new Map<number, number[]>();
  for (const index of indices) {
    const label = labels[index]!;
    if (!byClass.has(label)) byClass.set(label, []);
    byClass.get(label)!.push(index);
  }
  const classes = [...byClass.keys()].sort((a, b) => a - b);
  const chosen: number[] = [];
  for (let turn = 0; chosen.length < count; turn++) {
    for (const label of classes) {
      const index = byClass.get(label)![turn];
      if (index !== undefined && chosen.length < count) chosen.push(index);
    }
  }
  return chosen.sort((a, b) => a - b);
}

function take(file: Features, indices: number[]): Items {
  return {
    read: (positions) => file.read(positions.map((position) => indices[position]!)),
    labels: Int32Array.from(indices, (index) => file.labels[index]!),
    indices: Int32Array.from(indices),
  };
}
