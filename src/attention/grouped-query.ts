import * as tf from "@tensorflow/tfjs";
import { UserError } from "../errors.js";
import { linear, requireDivisible } from "./dot-product.js";
import type { Module } from "./module.js";
import { constant, trainable, xavierNormal, type Tensors } from "../parameters.js";

/**
 * `published`: the similarities of a group's query heads are summed before the softmax, and 1/sqrt(head width) is applied twice;
 * `scaled-once`: the same, scaled once; `standard`: one softmax a query head, heads concatenated (Ainslie et al., 2023).
 */
export type GroupedQueryForm = "published" | "scaled-once" | "standard";

export interface GroupedQueryOptions {
  layers: number;
  features: number;
  queryHeads: number;
  keyValueHeads: number;
  form: GroupedQueryForm;
}

const NORM_EPSILON = 1e-5;

/**
 * Grouped-query attention over the layers, with a layer norm before the output projection; Xavier-normal kernels, zero biases.
 * Query head h · g + i belongs to key-value head h (g query heads a group).
 * Parameters: `queryKernel`, `keyKernel`, `valueKernel` [in, out] and biases, `normScale`, `normOffset`, `outKernel`, `outBias`.
 * @throws UserError where heads and features do not fit.
 */
export function groupedQueryAttention(options: GroupedQueryOptions): Module {
  const { layers, features, queryHeads, keyValueHeads, form } = options;
  requireDivisible(features, queryHeads);
  if (queryHeads % keyValueHeads !== 0) {
    throw new UserError(
      `${queryHeads} query heads do not divide into ${keyValueHeads} key-value heads: choose a divisor of ${queryHeads}`,
    );
  }
  const narrow = (features / queryHeads) * keyValueHeads;
  const inner = form === "standard" ? features : narrow;
  const kernel = (from: number, to: number) => trainable([from, to], xavierNormal(from, to));
  const bias = (width: number) => trainable([width], constant(0));
  return {
    parameters: {
      queryKernel: kernel(features, features),
      queryBias: bias(features),
      keyKernel: kernel(features, narrow),
      keyBias: bias(narrow),
      valueKernel: kernel(features, narrow),
      valueBias: bias(narrow),
      normScale: trainable([inner], constant(1)),
      normOffset: bias(inner),
      outKernel: kernel(inner, features),
      outBias: bias(features),
    },
    outputShape: [layers, features],
    held: (items) => {
      const values = items * layers * features;
      const maps = items * layers * layers * (form === "standard" ? queryHeads : keyValueHeads);
      // of two key-value heads to eight query heads, as everywhere here
      const [forward, backward] = form === "standard" ? [14.5, 15] : [8.75, 9.5];
      return { forward: forward * values + maps, backward: backward * values + 3 * maps };
    },
    apply: (x, p) => tf.tidy(() => attend(x, p, options)),
    map: (x, p) =>
      tf.tidy(() => {
        const { map } = weights(x, p, options);
        return map.reshape([x.shape[0], form === "standard" ? queryHeads : keyValueHeads, layers, layers]);
      }),
  };
}

function attend(x: tf.Tensor3D, p: Tensors, options: GroupedQueryOptions): tf.Tensor3D {
  const [batch, layers, features] = x.shape;
  const { map, value } = weights(x, p, options);
  const width = features / options.queryHeads;
  const heads = tf.matMul(map, value).reshape([batch, -1, layers, width]); // (B, G, g·N, w) → (B, H, N, w)
  const mixed = heads.transpose([0, 2, 1, 3]).reshape([batch * layers, -1]); // → (B·N, H·w)
  const normed = layerNorm(mixed as tf.Tensor2D, p.normScale!, p.normOffset!);
  return linear(normed, p.outKernel!, p.outBias!).reshape(x.shape);
}

/**
 * Map [batch, key-value heads, rows, key] and values [batch, key-value heads, key, width]: the rows are the queries of one
 * summed head, or in the standard form those of every query head of the group, one after the other.
 */
function weights(x: tf.Tensor3D, p: Tensors, { queryHeads, keyValueHeads, form }: GroupedQueryOptions) {
  const [batch, layers, features] = x.shape;
  const width = features / queryHeads;
  const group = queryHeads / keyValueHeads;
  const flat = x.reshape([batch * layers, features]);
  const heads = (kernel: tf.Tensor, bias: tf.Tensor, count: number) =>
    linear(flat, kernel, bias).reshape([batch, layers, count, width]).transpose([0, 2, 1, 3]) as tf.Tensor4D; // (B, H, N, w)
  const query = heads(p.queryKernel!, p.queryBias!, queryHeads);
  const key = heads(p.keyKernel!, p.keyBias!, keyValueHeads);
  const value = heads(p.valueKernel!, p.valueBias!, keyValueHeads);
  const rows: tf.Tensor =
    form === "standard"
      ? query.reshape([batch, keyValueHeads, group * layers, width])
      : query.reshape([batch, keyValueHeads, group, layers, width]).sum(2); // Σ over a group of q·k is (Σ q)·k
  const scale = form === "published" ? 1 / width : 1 / Math.sqrt(width);
  return { map: tf.softmax(tf.matMul(rows.mul(scale), key, false, true)), value };
}

function layerNorm(x: tf.Tensor2D, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor2D {
  const centred = x.sub(x.mean(1, true));
  const sd = centred.square().mean(1, true).add(NORM_EPSILON).sqrt();
  return centred.div(sd).mul(scale).add(offset);
}
