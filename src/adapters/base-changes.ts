import type { Config } from "../encoders/config.js";
import type { Encoder } from "../encoders/encoder.js";
import type { Needs } from "../encoders/weights.js";
import { UserError } from "../errors.js";
import type { StoredTensor } from "../formats/stored-tensor.js";
import { projections } from "./low-rank.js";
import { formsOf, isOn, isSaved, MERGE, targets, tokenIndices } from "./peft-config.js";
import { split, type AdapterFile } from "./peft-file.js";

/** What an adapter makes of one of the encoder's own tensors, which may be missing. */
export type Change = (stored: StoredTensor | undefined) => StoredTensor;

/**
 * What an adapter's file brings besides its update and its head: biases, saved modules, embeddings, and updates of linear layers
 * that no update fits while the encoder runs. Heads of other classes are passed over.
 * @param handled the tensors of the update and the head
 * @param hasHead false where the adapter's head is another class's
 * @returns by the published name of the encoder's tensor
 * @throws UserError for a tensor that the config does not name, or that no encoder of this kind has.
 */
export function baseChanges(
  folder: string,
  config: Config,
  file: AdapterFile,
  encoder: Encoder,
  handled: Needs,
  hasHead: boolean,
): Map<string, Change> {
  const { architecture, blueprint, classes } = encoder;
  const needs = { ...encoderNeeds(encoder), ...(classes && hasHead ? blueprint.head(classes).needs : {}) };
  const adaptable = projections(blueprint);
  const isTarget = targets(config, architecture) ?? (() => true);
  const saved = isSaved(config);
  const withBiases = config.choice("bias", ["none", "all", "lora_only"], "none") !== "none";
  const isNamed = (module: string, part: string) => {
    if (part.startsWith("lora_")) return isTarget(module) && !adaptable.has(module);
    if (part.startsWith("token_adapter")) return true;
    // embeddings are saved unasked where they are targeted or were resized
    return (
      saved(module) || saved(file.called(module)) || (part === "bias" ? withBiases : EMBEDDING.test(module))
    );
  };
  const { trainable_token_indices: tokens } = config.fields;
  if (tokens && ![...file.tensors.keys()].some((name) => split(name)[1].startsWith("token_adapter")))
    throw new UserError(
      `${file.path} holds no trained tokens, which trainable_token_indices says there are; fetch it again`,
    );
  const changes = new Map<string, Change>();
  // a tensor of the file's own comes before what is added to it
  const order = ["bias", "weight", "lora", "token"];
  const rank = ([name]: [string, StoredTensor]) =>
    order.findIndex((start) => split(name)[1].startsWith(start));
  for (const [name, tensor] of [...file.tensors].sort((a, b) => rank(a) - rank(b))) {
    if (Object.hasOwn(handled, name)) continue;
    const [module, part] = split(name);
    const target = `${module}.${part === "bias" ? "bias" : "weight"}`;
    const isKnown = Object.hasOwn(needs, target);
    if (!isNamed(module, part) || !(isKnown || !name.startsWith(architecture.prefix)))
      throw new UserError(
        `${folder}: tensor ${JSON.stringify(name)} belongs to none of target_modules${within(config)} and to no head in modules_to_save ` +
          `that ${encoder.folder} can have; is it another encoder's adapter?`,
      );
    if (!isKnown) continue;
    const [before, change] = [changes.get(target), changeBy(part, module, tensor, config, file)];
    if (change) changes.set(target, before ? (stored) => change(before(stored)) : change);
  }
  return changes;
}

const EMBEDDING = /(^|\.)(embed_tokens|lm_head)$/;

/** Names the settings that leave out some of `target_modules`. */
function within(config: Config): string {
  const set = ["layers_to_transform", "exclude_modules"].filter((field) => isOn(config, field));
  return set.length ? ` within ${set.join(" and ")}` : "";
}

/** Everything that an encoder reads but its head. */
export function encoderNeeds({ blueprint, layers }: Encoder): Needs {
  const { context, embed, pool } = blueprint;
  const parts = Array.from({ length: layers }, (_, i) => blueprint.layer(i).needs);
  return [context.needs, embed.needs, pool.needs, ...parts].reduce<Needs>(
    (all, some) => Object.assign(all, some),
    {},
  );
}

function changeBy(
  part: string,
  module: string,
  tensor: StoredTensor,
  config: Config,
  { path, tensors, called }: AdapterFile,
): Change | undefined {
  const pair = (name: string) => {
    const other = tensors.get(`${module}.${name}`);
    if (!other) throw new UserError(`${path} lacks tensor "${module}.${name}"; fetch or save it again`);
    return other;
  };
  const { scale } = formsOf(config).of(called(module));
  if (part === "weight" || part === "bias")
    return (stored) => {
      if (stored && EMBEDDING.test(module) && tensor.shape[0] !== stored.shape[0])
        throw new UserError(
          `${path} has embeddings of ${tensor.shape[0]} tokens, the encoder ${stored.shape[0]}: its vocabulary was changed before the ` +
            `training; after base.resize_token_embeddings(${tensor.shape[0]}) ${MERGE}`,
        );
      return tensor;
    };
  if (part === "lora_A.weight") return plusProduct(tensor, pair("lora_B.weight"), scale, false, path);
  if (part === "lora_embedding_A") return plusProduct(tensor, pair("lora_embedding_B"), scale, true, path);
  if (part.startsWith("token_adapter")) return withRows(tensor, tokenIndices(config, called(module)), path);
  return undefined; // the other half of a pair
}

const values = (tensor: StoredTensor) => Float32Array.from(tensor.read().data);
const changed = ({ shape }: StoredTensor, make: () => Float32Array): StoredTensor => ({
  dtype: "F32",
  shape,
  read: () => ({ shape, dtype: "float32", data: make() }),
});

/**
 * W + scale · B A for W [out, in], A [rank, in], B [out, rank]; `embedding`: W + scale · Aᵀ Bᵀ for W [ids, features], A [rank, ids],
 * B [features, rank].
 */
function plusProduct(
  a: StoredTensor,
  b: StoredTensor,
  scale: number,
  embedding: boolean,
  path: string,
): Change {
  return (stored) => {
    const [rank = 0, inputs] = a.shape;
    const fits = [b.shape[0], inputs];
    if (
      !stored ||
      a.shape.length !== 2 ||
      b.shape[1] !== rank ||
      stored.shape.join() !== (embedding ? fits.reverse() : fits).join()
    )
      throw new UserError(
        `${path}: an update of [${b.shape.join(", ")}] [${a.shape.join(", ")}] does not fit weights of [${stored?.shape.join(", ")}]; ` +
          "is it another encoder's adapter?",
      );
    return changed(stored, () => {
      const [left, right] = embedding
        ? [transposed(values(a), rank), transposed(values(b), b.shape[0]!)]
        : [values(b), values(a)];
      return addProduct(values(stored), left, right, scale, rank);
    });
  };
}

/** W [ids, features] with the rows of `indices` from [indices, features]. */
function withRows(rows: StoredTensor, indices: readonly number[], path: string): Change {
  return (stored) => {
    const [ids = 0, features = 0] = stored?.shape ?? [];
    if (
      !stored ||
      rows.shape.join() !== [indices.length, features].join() ||
      !indices.every((index) => index < ids)
    )
      throw new UserError(
        `${path}: ${rows.shape[0]} trained tokens do not fit trainable_token_indices of ${indices.length} in embeddings of [${ids}, ${features}]`,
      );
    return changed(stored, () => {
      const [data, given] = [values(stored), values(rows)];
      for (const [i, index] of indices.entries())
        data.set(given.subarray(i * features, (i + 1) * features), index * features);
      return data;
    });
  };
}

/** w [rows, columns] + scale · left [rows, rank] right [rank, columns], in w. */
function addProduct(
  w: Float32Array,
  left: Float32Array,
  right: Float32Array,
  scale: number,
  rank: number,
): Float32Array {
  const columns = right.length / rank;
  for (let at = 0, row = 0; at < w.length; at += columns, row++)
    for (let k = 0; k < rank; k++) {
      const factor = scale * left[row * rank + k]!;
      for (let column = 0; column < columns; column++)
        w[at + column]! += factor * right[k * columns + column]!;
    }
  return w;
}

/** [rows, columns] → [columns, rows] */
function transposed(x: Float32Array, rows: number): Float32Array {
  const columns = x.length / rows;
  return Float32Array.from(x, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]!);
}
