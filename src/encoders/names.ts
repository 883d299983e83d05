import { UserError } from "../errors.js";
import type { Checkpoint } from "../formats/stored-tensor.js";
import type { Architecture } from "./architecture.js";

type Naming = Pick<Architecture, "prefix" | "layerPart" | "published">;

/**
 * The tensors by the names of the published checkpoints with a head, whichever spelling, whether with a head or not, and however
 * the model was wrapped when it was saved (`module.`, `_orig_mod.`, `base_model.model.`, a class of one's own, nested).
 * @param where named in errors
 * @throws UserError where it holds several encoders.
 */
export function publishedNames(naming: Naming, tensors: Checkpoint, where: string): Checkpoint {
  const publish = publisher(naming, [...tensors.keys()], where);
  return new Map([...tensors].map(([name, tensor]) => [publish(name), tensor]));
}

/** The same for names: from those of one file to the published. */
export function publisher(naming: Naming, names: string[], where: string): (name: string) => string {
  const { prefix, published } = naming;
  const stem = stemOf(naming, names, where);
  const wrapper = stem.endsWith(prefix) ? stem.slice(0, -prefix.length) : stem.replace(/[^.]+\.$/, "");
  return (name) => {
    const inside = name.startsWith(stem);
    const bare = name.startsWith(wrapper) ? name.slice(wrapper.length) : name;
    const own = inside ? prefix + name.slice(stem.length) : bare;
    return published?.(own) ?? own;
  };
}

/** What stands before the encoder's own names: before its layers, or where it names none, the prefix if any name begins with it. */
function stemOf({ prefix, layerPart }: Naming, names: string[], where: string): string {
  const beforeLayers = new RegExp(`^(|.*?\\.)(?:${layerPart})\\.\\d+\\.`);
  const counts = new Map<string, number>();
  for (const name of names) {
    const stem = beforeLayers.exec(name)?.[1];
    if (stem !== undefined) counts.set(stem, (counts.get(stem) ?? 0) + 1);
  }
  const [most, next] = [...counts].sort(([, a], [, b]) => b - a);
  if (!most) return names.some((name) => name.startsWith(prefix)) ? prefix : "";
  if (most[1] !== next?.[1]) return most[0];
  if (counts.get(prefix) === most[1]) return prefix;
  throw new UserError(
    `${where} holds several encoders (${[most, next].map(([stem]) => JSON.stringify(stem)).join(", ")}, …); ` +
      "save the one that is wanted alone",
  );
}
