import { UserError } from "../errors.js";
import type { Features } from "./load.js";
import { type Items, type ShiftedItems, take } from "./select.js";

/**
 * Those test items that every shifted file has, told by their ids, in the order of the feature file.
 * @param test items of `file`
 * @param shifted feature files by shift
 * @throws UserError where a file lacks its ids, where no item is in all of them, or where one has another label
 */
export function shiftedItems(
  file: Features,
  test: Items,
  shifted: readonly (readonly [string, Features])[],
): ShiftedItems {
  const ids = idsOf(file);
  const places = shifted.map(([, other]) => new Map(idsOf(other).map((id, index) => [id, index])));
  const indices = [...test.indices].filter((index) => places.every((place) => place.has(ids[index]!)));
  if (indices.length === 0)
    throw new UserError(
      `no test item of ${file.path} is in every file of shifted items: make them again (npx daam features --shift)`,
    );
  const clean = take(file, indices);
  const sets: Record<string, Items> = { clean };
  for (const [i, [name, other]] of shifted.entries()) {
    const items = take(
      other,
      indices.map((index) => places[i]!.get(ids[index]!)!),
    );
    if (items.labels.some((label, at) => label !== clean.labels[at]))
      throw new UserError(
        `${other.path} has other labels than ${file.path}: remove it, and make it again (npx daam features --shift)`,
      );
    sets[name] = items;
  }
  return {
    labels: clean.labels,
    ...(file.group && { groups: Int32Array.from(indices, (index) => file.group![index]!) }),
    sets,
  };
}

function idsOf({ path, ids }: Features): string[] {
  if (!ids)
    throw new UserError(
      `${path} has no list of its items beside it (items.jsonl): make it again (npx daam features)`,
    );
  return ids;
}
