import { locateEncoder } from "../../encoders/locate.js";
import type { RawInput } from "../../datasets/index.js";
import type { ExtractionSettings } from "../../features/extraction.js";
import { summariseFeatures } from "../../features/load.js";
import { readRawInputs } from "../../features/raw-items.js";
import { selectIndices, type Selection } from "../../features/select.js";
import { findPreset } from "../plan/presets.js";
import { withLocalData } from "./local-data.js";
import { findTask } from "../plan/tasks.js";
import { rawSettings, type CellConfig } from "../types.js";

/** What a cell that fine-tunes trains and tests on. */
export interface RawTaskData {
  /** The encoder, and how raw items become its inputs. */
  settings: ExtractionSettings;
  classes: number;
  /** Training items, then test items, as `labels` has them. */
  inputs: RawInput[];
  labels: { train: Int32Array; test: Int32Array };
}

/**
 * The raw items of a cell: those whose hidden states a decoder would see.
 * @throws UserError where raw data cannot be had, or is not what the feature file was made from.
 */
export async function readRawTask(
  path: string,
  { preset, task: name }: CellConfig,
  selection: Selection,
): Promise<RawTaskData> {
  const { tasks } = await withLocalData(findPreset(preset));
  const settings = rawSettings(tasks[name]!)!;
  const { folder } = await locateEncoder(settings.encoder, { fetch: false });
  const classes = findTask(name).classes.length;
  const file = summariseFeatures(path, classes);
  const { train, test } = selectIndices(file, selection);
  const labels = (indices: number[]) => Int32Array.from(indices, (index) => file.labels[index]!);
  return {
    settings: { ...settings, encoder: folder },
    classes,
    inputs: await readRawInputs(file, settings, [...train, ...test]),
    labels: { train: labels(train), test: labels(test) },
  };
}
