import { Config } from "../encoders/config.js";
import { architectures } from "../encoders/registry.js";
import type { PublishedModel, Stored } from "./models.js";

/** A tensor that a checkpoint will hold. */
export interface Planned {
  name: string;
  shape: number[];
  dtype: Stored;
  /** float32 that are no weights */
  values?: Float32Array;
}

/** config.json of a published model, of `layers` layers. */
export function configOf({ config, classes }: PublishedModel, layers?: number): Record<string, unknown> {
  const fields: Record<string, unknown> = { ...config };
  if (layers !== undefined) fields["num_hidden_layers"] = layers;
  if (classes) {
    const labels = Array.from({ length: classes }, (_, i) => [i, `class ${i}`] as const);
    fields["id2label"] = Object.fromEntries(labels);
    fields["label2id"] = Object.fromEntries(labels.map(([i, label]) => [label, i]));
  }
  return fields;
}

/** The tensors of a published model, in the order in which an encoder reads them. @param config as `configOf` gives it */
export function tensorsOf(model: PublishedModel, config: Record<string, unknown>): Planned[] {
  const architecture = architectures[String(config["model_type"])]!;
  const blueprint = architecture.blueprint(new Config("config.json", config));
  const { context, embed, pool, layers } = blueprint;
  const stages = [context, embed, ...Array.from({ length: layers }, (_, i) => blueprint.layer(i)), pool];
  if (model.classes) stages.push(blueprint.head(model.classes) as never);
  // the parts of a bare encoder's checkpoint that only a head reads are there too
  const shapes = Object.assign({}, ...stages.map(({ needs }) => needs)) as Record<
    string,
    { shape: number[] }
  >;
  const { prefix } = architecture;
  const bare = (name: string) => (name.startsWith(prefix) ? name.slice(prefix.length) : name);
  const weights = Object.entries(shapes).map(([name, { shape }]) => ({
    name: model.prefixed ? name : bare(name),
    shape,
    dtype: model.dtype,
  }));
  const extra = Object.entries(model.extra ?? {}).flatMap(([name, { shape, values }]) => {
    const names = name.includes("{}")
      ? Array.from({ length: layers }, (_, i) => name.replace("{}", String(i)))
      : [name];
    const dtype: Stored = values ? "F32" : model.dtype;
    return names.map((name) => ({ name, shape, dtype, ...(values && { values }) }));
  });
  return [...weights, ...extra];
}
