import { datasetNamed, locate, type RawInput } from "../datasets/index.js";
import { UserError } from "../errors.js";
import type { ExtractionSettings } from "./extraction.js";
import { chosenItems, itemsNamed } from "./inputs.js";
import type { FeatureSummary } from "./load.js";

/**
 * The raw inputs that a feature file's hidden states were made from, so that what trains on them has the splits of what trains on
 * hidden states.
 * @param settings the extraction that made the file, or shipped features' like
 * @param indices positions in the feature file
 * @returns one input a position, in their order
 * @throws UserError where the raw data cannot be had, or its items are not those of the file
 */
export async function readRawInputs(
  file: Pick<FeatureSummary, "path" | "items" | "labels">,
  settings: ExtractionSettings,
  indices: readonly number[],
): Promise<RawInput[]> {
  const dataset = datasetNamed(settings.dataset);
  const paths = await locate(dataset, { fetch: false });
  const ids = await chosenItems(dataset, paths, settings);
  const other = () =>
    new UserError(
      `${file.path} was made from other items than ${paths.join(", ")} holds: remove it and make it again`,
    );
  if (ids.length !== file.items) throw other();
  const positions = new Map(indices.map((index, at) => [ids[index]!, { index, at }]));
  const inputs = new Array<RawInput>(indices.length);
  let read = 0;
  for await (const { id, label, input } of itemsNamed(dataset, paths, [...positions.keys()])) {
    const { index, at } = positions.get(id)!;
    if (label !== file.labels[index]) throw other();
    inputs[at] = input;
    read++;
  }
  if (read !== indices.length) throw other();
  return inputs;
}
