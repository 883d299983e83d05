import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { adapt, lowRankParameters, merge, type LowRankForm, type Scaling } from "../adapters/low-rank.js";
import { loadAdapter } from "../adapters/peft.js";
import type { Tensors } from "../parameters.js";
import { openEncoder, type Encoder, type EncoderInput, type State } from "../encoders/encoder.js";
import type { Adapt } from "../encoders/weights.js";
import { oneOf, UserError } from "../errors.js";
import { lossOf } from "../training/losses.js";
import { ENCODER, inputOf } from "./encoders.js";
import { FORWARD, GRADIENT, Reference, type Comparison } from "./reference.js";

/**
 * Computes the logits in an adapter folder's `expected.safetensors` from the inputs of the encoder case around it, with the
 * adapter beside the frozen weights and merged into them.
 * @throws UserError for a folder that lies in no encoder case, or whose adapter does not fit it.
 */
export async function checkAdapterCase(folder: string): Promise<Comparison[]> {
  const base = encoderAround(folder);
  const encoder = await openEncoder(base, { resident: true });
  try {
    return await compareAdapter(folder, base, encoder);
  } finally {
    encoder.dispose();
  }
}

async function compareAdapter(folder: string, base: string, encoder: Encoder): Promise<Comparison[]> {
  const adapter = await loadAdapter(folder, encoder);
  const expected = new Reference(join(folder, "expected.safetensors"));
  const input = inputOf(new Reference(join(base, "expected.safetensors")), encoder);
  const compare = async (form: string, hook?: Adapt) => ({
    ...(await expected.compare(logitsOf(encoder, input, adapter.head, hook), "logits", ENCODER)),
    quantity: `logits, ${form}`,
  });
  try {
    const unmerged = await compare("unmerged", adapt(adapter));
    for (let i = 0; i < encoder.layers; i++) merge(adapter, encoder.layer(i).weights);
    return [unmerged, await compare("merged")];
  } finally {
    tf.dispose([adapter.parameters, adapter.head]);
  }
}

/** The nearest folder above with a config.json. */
function encoderAround(folder: string): string {
  for (let at = dirname(resolve(folder)); at !== dirname(at); at = dirname(at))
    if (existsSync(join(at, "config.json"))) return at;
  throw new UserError(`${folder} lies in no folder of an encoder; put it into its encoder's`);
}

function logitsOf(encoder: Encoder, input: EncoderInput, head: Tensors, hook?: Adapt): tf.Tensor2D {
  return tf.tidy(() => {
    const { context, hidden } = encoder.embed(input);
    let state: State = { context, hidden };
    for (let i = 0; i < encoder.layers; i++) state = { context, hidden: encoder.layer(i).apply(state, hook) };
    return encoder.logits(state, head);
  });
}

const scalings: Record<string, Scaling> = {
  "alpha/r": "standard",
  "alpha/sqrt(r)": "rank-stabilised",
  alpha: "published",
};

/**
 * Logits, cross-entropy and every gradient of a low-rank update and the head, from the parameters that the reference file gives:
 * `param.layer.<i>.<projection>.lora_A` and `…lora_B`, and the head's tensors by name.
 * @throws UserError where the file's update does not fit the encoder beside it.
 */
export async function checkLowRank(path: string): Promise<Comparison[]> {
  const reference = new Reference(path);
  const encoder = await openEncoder(dirname(path), { resident: true });
  const update = names(reference, encoder);
  const head = Object.keys(encoder.blueprint.head(encoder.classes).needs).map(
    (name) => [name, name] as const,
  );
  const all = [...update.parameters, ...head];
  const values = all.map(([, written]) => reference.tensor(`param.${written}`));
  const labels = reference.tensor<tf.Tensor1D>("labels");
  const logits = (at: tf.Tensor[]) => {
    const parameters = Object.fromEntries(all.map(([name], i) => [name, at[i]!]));
    const input = inputOf(reference, encoder);
    return logitsOf(encoder, input, parameters, adapt({ form: update.form, parameters }));
  };
  const loss = (...at: tf.Tensor[]) => lossOf({ kind: "cross-entropy" }, logits(at), labels);
  const { value, grads } = tf.valueAndGrads(loss)(values);
  const compared = [
    await reference.compare(logits(values), "logits", FORWARD),
    await reference.compare(value, "loss", FORWARD),
  ];
  for (const [i, [, written]] of all.entries())
    compared.push(await reference.compare(grads[i]!, `grad.${written}`, GRADIENT));
  tf.dispose([values, labels]);
  encoder.dispose();
  return compared;
}

/** The update's form, and its parameters' names: ours, and the file's, which say the layer and the end of the projection's. */
function names({ path, about }: Reference, { blueprint }: Encoder) {
  const scaling = oneOf(`scaling in ${path}`, String(about.scaling), Object.keys(scalings));
  const form: LowRankForm = {
    rank: about.r,
    alpha: about.alpha,
    scaling: scalings[scaling]!,
    targets: ["query", "value"],
  };
  const parameters = Object.keys(lowRankParameters(form, blueprint)).map((name) => {
    const [, layer, projection, part] = /\.(\d+)\..*?([^.]+)\.(lora_[AB])\.weight$/.exec(name)!;
    return [name, `layer.${layer}.${projection}.${part}`] as const;
  });
  return { form, parameters };
}
