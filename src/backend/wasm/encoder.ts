import * as tf from "@tensorflow/tfjs";
import { address, float, override, type Native } from "./native.js";

/**
 * Kernels under names of our own, for what encoders do in many small operations; without gradients. Digits are those of the plain
 * operations. Callers ask `hasKernel(name)` and have plain operations where there is none:
 *
 * - Gelu {x} → x Φ(x), Silu {x} → x σ(x): both in `registerUnary`
 * - LayerNorm {x [..., features], weight, bias [features]}, {epsilon} → y
 * - RmsNorm {x [..., features], weight [features]}, {epsilon} → y
 * - TimeNorm {x [batch, time, channels], weight, bias [channels]}, {epsilon} → each channel by its mean and variance over time;
 *   channels in fours
 * - Rotary {x [batch, tokens, heads · d], cos, sin [tokens, 1, d]} → x · cos + (x, halves of its heads exchanged) · sin
 * - ScaledDotProduct {query [batch, tokens, heads · d], key, value [batch, tokens, keyHeads · d], bias?, gate?, mask?}, {heads, keyHeads}
 *   → [batch, tokens, heads · d], as `attention` in src/encoders/attention.ts
 */
export function registerEncoderKernels(native: Native): void {
  for (const name of ["LayerNorm", "RmsNorm"])
    override(name, () => ({ inputs, attrs, backend }) => {
      const { x, weight, bias } = inputs as Record<string, tf.TensorInfo>;
      const y = backend.makeOutput(x!.shape, "float32");
      const features = x!.shape.at(-1)!;
      const rows = tf.util.sizeFromShape(x!.shape) / features;
      native.run("rowNorm", Math.ceil(rows / native.exports.NORM_ROWS.value), 0, [
        address(backend, x!),
        address(backend, weight!),
        bias ? address(backend, bias) : 0,
        address(backend, y),
        rows,
        features,
        float(attrs.epsilon),
        Number(name === "LayerNorm"),
      ]);
      return y;
    });

  override("TimeNorm", () => ({ inputs, attrs, backend }) => {
    const { x, weight, bias } = inputs as Record<string, tf.TensorInfo>;
    const [batch, time, channels] = x!.shape as [number, number, number];
    const y = backend.makeOutput(x!.shape, "float32");
    const tasks = batch * Math.ceil(channels / native.exports.NORM_CHANNELS.value);
    const tensors = [x!, weight!, bias!, y].map((tensor) => address(backend, tensor));
    native.run("timeNorm", tasks, 0, [...tensors, batch, time, channels, float(attrs.epsilon)]);
    return y;
  });

  override("Rotary", () => ({ inputs, backend }) => {
    const { x, cos, sin } = inputs as Record<string, tf.TensorInfo>;
    const [batch, tokens, features] = x!.shape as [number, number, number];
    const d = cos!.shape.at(-1)!;
    const y = backend.makeOutput(x!.shape, "float32");
    const tensors = [x!, cos!, sin!, y].map((tensor) => address(backend, tensor));
    const rows = batch * tokens;
    const tasks = Math.ceil(rows / native.exports.ROTARY_ROWS.value);
    native.run("rotary", tasks, 0, [...tensors, rows, tokens, features / d, d]);
    return y;
  });

  override("ScaledDotProduct", () => ({ inputs, attrs, backend }) => {
    const { query, key, value, bias, gate, mask } = inputs as Record<string, tf.TensorInfo>;
    const { heads, keyHeads } = attrs as { heads: number; keyHeads: number };
    const [batch, tokens, features] = query!.shape as [number, number, number];
    const d = features / heads;
    const y = backend.makeOutput(query!.shape, "float32");
    const { QUERIES, attentionScratch } = native.exports;
    // from item to item and from head to head, 0 where they share one
    const [items, sheets] = bias ? bias.shape : [1, 1];
    const biasStrides = [items === 1 ? 0 : sheets! * tokens * tokens, sheets === 1 ? 0 : tokens * tokens];
    const tensors = [query, key, value, y, bias, gate, mask].map((tensor) =>
      tensor ? address(backend, tensor) : 0,
    );
    const strides = [heads, keyHeads, keyHeads].flatMap((n) => [tokens * n * d, d, n * d]);
    native.run("attention", batch * heads * Math.ceil(tokens / QUERIES.value), attentionScratch(tokens, d), [
      ...tensors,
      heads,
      heads / keyHeads,
      tokens,
      d,
      float(1 / Math.sqrt(d)),
      ...strides,
      ...biasStrides,
    ]);
    return y;
  });
}
