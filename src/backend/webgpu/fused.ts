import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs";
import type { AdamWAttributes } from "../wasm/fused.js";
import { compute } from "./programs.js";

interface Call {
  inputs: Record<string, tf.TensorInfo>;
  attrs: Record<string, any>;
  backend: WebGPUBackend;
}

/** Statistics of the entry's head: their loop is a thread's, where tfjs's sums take a group of threads for a few layers. */
const STATISTICS = `
  var mean = 0.0;
  for (var i = 0; i < m; i++) { mean += x[at + i * d]; }
  mean /= f32(m);
  var variance = 0.0;
  for (var i = 0; i < m; i++) { let deviation = x[at + i * d] - mean; variance += deviation * deviation; }
  let sd = sqrt(variance / f32(m) + 1.001e-5);
  let delta = meanOffset[entry];
  let c = scaledVariance[entry];`;

/** An index is of an item, a head, and a feature. */
const COLUMN = `
  let d = uniforms.features;
  let m = uniforms.group;
  let entry = index % (uniforms.heads * d);
  let at = ((index / (uniforms.heads * d)) * uniforms.heads + entry / d) * m * d + entry % d;
  ${STATISTICS}`;

/** Of one layer: weight w, z, and s = −dL/dz. */
const SLOPE = `
  let z = (x[at + i * d] - mean - delta) / sd;
  let w = exp(-z * z / (2.0 * c));
  let s = dy[at + i * d] * w * x[at + i * d] * z / c;`;

const DENSITY = `${COLUMN}
  for (var i = 0; i < m; i++) {
    let z = (x[at + i * d] - mean - delta) / sd;
    result[at + i * d] = x[at + i * d] * exp(-z * z / (2.0 * c));
  }`;

const DENSITY_SLOPE = `${COLUMN}
  var sum = 0.0;
  var spread = 0.0;
  for (var i = 0; i < m; i++) { ${SLOPE} sum += s / sd; spread += s * z; }
  spread /= sd * sd;
  for (var i = 0; i < m; i++) { ${SLOPE}
    result[at + i * d] = dy[at + i * d] * w - s / sd + (sum + spread * (x[at + i * d] - mean)) / f32(m);
  }`;

/** Sum over items and layers of what an entry of δ or c gets. */
const parameterSlope = (term: string) => `
  let d = uniforms.features;
  let m = uniforms.group;
  let entry = index;
  var total = 0.0;
  for (var item = 0; item < uniforms.items; item++) {
    let at = (item * uniforms.heads + entry / d) * m * d + entry % d;
    ${STATISTICS}
    for (var i = 0; i < m; i++) { ${SLOPE} total += ${term}; }
  }
  result[index] = total;`;

/** Parts in which long sums are taken, a thread each. */
const PARTS = 256;

const STRIDED = `
  let c = index % uniforms.channels;
  var total = 0.0;
  for (var row = index / uniforms.channels; row < uniforms.rows; row += uniforms.parts) {
    let value = x[row * uniforms.channels + c];`;

/** Sum over the rows of x [rows, channels], of its squares where they are asked for. */
function sumRows(
  { backend }: Call,
  x: tf.TensorInfo,
  [rows, channels]: [number, number],
  squares = false,
): tf.TensorInfo {
  const sum = (x: tf.TensorInfo, rows: number, parts: number, squares: boolean) =>
    compute(backend, {
      name: squares ? "sumSquares" : "sumRows",
      inputs: { x },
      shape: [parts, channels],
      code: `${STRIDED} total += ${squares ? "value * value" : "value"}; } result[index] = total;`,
      threads: parts * channels,
      integers: { rows, channels, parts },
    });
  const parts = Math.min(PARTS, rows);
  const some = sum(x, rows, parts, squares);
  const all = sum(some, parts, 1, false);
  backend.disposeData(some.dataId as never);
  return { ...all, shape: [channels] };
}

const density = ({ x, meanOffset }: Record<string, tf.TensorInfo>) => {
  const [items, layers, features] = x!.shape as [number, number, number];
  const heads = meanOffset!.shape[0]!;
  return { items, heads, features, group: layers / heads };
};

/** Kernels of our own, as `registerFused` of the wasm backend declares them. */
const KERNELS: Record<string, (call: Call) => tf.TensorInfo | tf.TensorInfo[]> = {
  DensityAttention: ({ inputs, backend }) => {
    const integers = density(inputs);
    const threads = integers.items * integers.heads * integers.features;
    const { x, meanOffset, scaledVariance } = inputs as Record<string, tf.TensorInfo>;
    const of = { x: x!, meanOffset: meanOffset!, scaledVariance: scaledVariance! };
    return compute(backend, {
      name: "density",
      inputs: of,
      shape: x!.shape,
      code: DENSITY,
      threads,
      integers,
    });
  },

  DensityAttentionGrad: ({ inputs, backend }) => {
    const integers = density(inputs);
    const { x, meanOffset, scaledVariance } = inputs as Record<string, tf.TensorInfo>;
    const entries = integers.heads * integers.features;
    const slope = (name: string, { shape }: tf.TensorInfo, threads: number, code: string) =>
      compute(backend, { name: `density_${name}`, inputs, shape, code, threads, integers });
    return [
      slope("x", x!, integers.items * entries, DENSITY_SLOPE),
      slope("offset", meanOffset!, entries, parameterSlope("s / sd")),
      slope("variance", scaledVariance!, entries, parameterSlope("s * z / (2.0 * c)")),
    ];
  },

  ReluBiasGrad: (call) => {
    const { dy, y } = call.inputs as { dy: tf.TensorInfo; y: tf.TensorInfo };
    const threads = tf.util.sizeFromShape(y.shape);
    const code = "result[index] = select(0.0, dy[index], y[index] > 0.0);";
    const sum = compute(call.backend, { name: "relu", inputs: { dy, y }, shape: y.shape, code, threads });
    const channels = y.shape.at(-1)!;
    return [sum, sumRows(call, sum, [threads / channels, channels])];
  },

  AdamWStep: (call) => {
    const { backend, inputs } = call;
    const { mean, variance } = inputs as { mean: tf.TensorInfo; variance: tf.TensorInfo };
    const { beta1, beta2, epsilon, step, learningRate, weightDecay, clipNorm } =
      call.attrs as AdamWAttributes;
    const pairs: { parameter: tf.TensorInfo; slope: tf.TensorInfo }[] = [];
    for (let i = 0; inputs[`parameter${i}`]; i++)
      pairs.push({ parameter: inputs[`parameter${i}`]!, slope: inputs[`gradient${i}`]! });
    const sizes = pairs.map(({ parameter }) => tf.util.sizeFromShape(parameter.shape));
    const [size] = mean.shape as [number];
    const g = tf.getKernel("Concat", "webgpu")!.kernelFunc({
      inputs: pairs.map(({ slope }, i) => ({ ...slope, shape: [sizes[i]!] })) as never,
      backend,
      attrs: { axis: 0 },
    }) as tf.TensorInfo;
    const norm = clipNorm < Infinity ? sumRows(call, g, [size, 1], true) : undefined;
    const moment = (was: tf.TensorInfo, decay: number, name: string, value: string) =>
      compute(backend, {
        name: `adamw_${name}${norm ? "_clipped" : ""}`,
        inputs: { was, g, ...(norm && { norm }) },
        shape: [size],
        code: `
          let gradient = g[index]${norm ? " * min(1.0, uniforms.clip / (sqrt(norm[0]) + 1e-6))" : ""};
          result[index] = uniforms.decay * was[index] + uniforms.rest * ${value};`,
        threads: size,
        floats: { decay, rest: 1 - decay, ...(norm && { clip: clipNorm }) },
      });
    const moments = [
      moment(mean, beta1, "mean", "gradient"),
      moment(variance, beta2, "variance", "gradient * gradient"),
    ];
    for (const { dataId } of norm ? [g, norm] : [g]) backend.disposeData(dataId as never);
    let at = 0;
    const next = pairs.map(({ parameter }, i) => {
      const [first, second] = moments as [tf.TensorInfo, tf.TensorInfo];
      const own = compute(backend, {
        name: "adamw",
        inputs: { parameter, first, second },
        shape: parameter.shape,
        code: `
          let own = index + uniforms.offset;
          result[index] = parameter[index] * uniforms.keep
            - uniforms.rate * first[own] / (sqrt(second[own]) * uniforms.correction + uniforms.epsilon);`,
        threads: sizes[i]!,
        integers: { offset: at },
        floats: {
          keep: 1 - learningRate * weightDecay,
          rate: learningRate / (1 - beta1 ** step),
          correction: 1 / Math.sqrt(1 - beta2 ** step),
          epsilon,
        },
      });
      at += sizes[i]!;
      return own;
    });
    return [...moments, ...next];
  },
};

/** In place of dozens of operations each: what a device is busy with is mostly starting them. */
export function registerFused(): void {
  for (const [kernelName, kernelFunc] of Object.entries(KERNELS))
    if (!tf.getKernel(kernelName, "webgpu"))
      tf.registerKernel({ kernelName, backendName: "webgpu", kernelFunc: kernelFunc as never });
}
