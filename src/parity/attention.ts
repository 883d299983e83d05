import * as tf from "@tensorflow/tfjs";
import { densityAttention } from "../attention/density.js";
import { dotProductAttention } from "../attention/dot-product.js";
import { groupedQueryAttention, type GroupedQueryForm } from "../attention/grouped-query.js";
import { densityBlock, mixtureOfDensities } from "../attention/mixture.js";
import type { Tensors } from "../parameters.js";
import { FORWARD, GRADIENT, type Comparison, type Reference } from "./reference.js";

/** Output, attention map and gradients of density adaptive attention. */
export async function checkDensity(reference: Reference): Promise<Comparison[]> {
  const [x, offset, c, upstream] = ["x", "mean_offset", "c", "upstream"].map((name) =>
    reference.tensor(name),
  );
  const [, layers, features] = x!.shape as [number, number, number];
  const module = densityAttention({ layers, features, heads: offset!.shape[0]! });
  const p = { meanOffset: offset!, scaledVariance: c! };
  const { value, grads } = tf.valueAndGrads((x, meanOffset, scaledVariance) =>
    module.apply(x as tf.Tensor3D, { meanOffset: meanOffset!, scaledVariance: scaledVariance! }),
  )([x!, offset!, c!], upstream as tf.Tensor3D);
  const map = module.map!(x as tf.Tensor3D, p);
  tf.dispose([x!, offset!, c!, upstream!]);
  return [
    await reference.compare(value, "y", FORWARD),
    await reference.compare(map, "attention", FORWARD),
    await reference.compare(grads[0]!, "grad_x", GRADIENT),
    await reference.compare(grads[1]!, "grad_mean_offset", GRADIENT),
    await reference.compare(grads[2]!, "grad_c", GRADIENT),
  ];
}

/** Mixture of densities: output, and, where the file has them, attention map and gradients. */
export async function checkMixture(reference: Reference): Promise<Comparison[]> {
  const { norm_axis: axis, padding_value: paddingValue, eps: epsilon } = reference.about;
  const [x, offset, c] = ["x", "mean_offsets", "c"].map((name) => reference.tensor(name));
  const mixture = (x: tf.Tensor, meanOffset: tf.Tensor, scaledVariance: tf.Tensor) =>
    mixtureOfDensities(x, { axis, meanOffset, scaledVariance, paddingValue, epsilon });
  const { y, map } = mixture(x!, offset!, c!);
  const compared = [await reference.compare(y, "y", FORWARD)];
  if (reference.has("attention")) compared.push(await reference.compare(map.clone(), "attention", FORWARD));
  if (reference.has("upstream")) {
    const upstream = reference.tensor("upstream");
    const [dx, dOffset, dc] = tf.grads((x, offset, c) => mixture(x!, offset!, c!).y)(
      [x!, offset!, c!],
      upstream,
    );
    upstream.dispose();
    compared.push(await reference.compare(dx!, "grad_x", GRADIENT));
    compared.push(await reference.compare(dOffset!, "grad_mean_offsets", GRADIENT));
    compared.push(await reference.compare(dc!, "grad_c", GRADIENT));
  }
  tf.dispose([x!, offset!, c!, map]);
  return compared;
}

/** A stack of mixtures over different axes, each adding its input. */
export async function checkDensityBlock(reference: Reference): Promise<Comparison[]> {
  const axes = reference.about.norm_axes as number[];
  const y = tf.tidy(() =>
    densityBlock(
      reference.tensor("x"),
      axes.map((axis, i) => ({
        axis,
        meanOffset: reference.tensor(`off${i}`),
        scaledVariance: reference.tensor(`c${i}`),
      })),
    ),
  );
  return [await reference.compare(y, "y", FORWARD)];
}

/** Dot-product attention over the layers and over the batch. */
export async function checkDotProduct(reference: Reference): Promise<Comparison[]> {
  const heads = reference.about.heads as number;
  const [, layers, features] = reference.host("x").shape as [number, number, number];
  const over = (axis: "layers" | "batch") =>
    tf.tidy(() =>
      dotProductAttention({ layers, features, heads, over: axis }).apply(reference.tensor("x"), {
        inKernel: transposed(reference, "in_proj_weight"),
        inBias: reference.tensor("in_proj_bias"),
        outKernel: transposed(reference, "out_proj_weight"),
        outBias: reference.tensor("out_proj_bias"),
      }),
    );
  return [
    await reference.compare(over("layers"), "y_over_layers", FORWARD),
    await reference.compare(over("batch"), "y_over_batch", FORWARD),
  ];
}

/** Grouped-query attention in the two forms of the published code's shapes. */
export async function checkGroupedQuery(reference: Reference): Promise<Comparison[]> {
  const { query_heads: queryHeads, kv_heads: keyValueHeads } = reference.about;
  const [, layers, features] = reference.host("x").shape as [number, number, number];
  const form = (form: GroupedQueryForm) =>
    tf.tidy(() => {
      const names = { query: "q", key: "k", value: "v", out: "o" };
      const p: Tensors = { normScale: reference.tensor("ln_w"), normOffset: reference.tensor("ln_b") };
      for (const [ours, theirs] of Object.entries(names)) {
        p[`${ours}Kernel`] = transposed(reference, `${theirs}_w`);
        p[`${ours}Bias`] = reference.tensor(`${theirs}_b`);
      }
      const module = groupedQueryAttention({ layers, features, queryHeads, keyValueHeads, form });
      return module.apply(reference.tensor("x"), p);
    });
  return [
    await reference.compare(form("published"), "y_published", FORWARD),
    await reference.compare(form("scaled-once"), "y_single_scale", FORWARD),
  ];
}

/** PyTorch keeps linear weights as [out, in]. */
function transposed(reference: Reference, name: string): tf.Tensor2D {
  return tf.transpose(reference.tensor<tf.Tensor2D>(name));
}
