import * as tf from "@tensorflow/tfjs";
import { address, override, type Call, type Native } from "./native.js";

type ConvInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;
/**
 * Winograd's filter gradient leaves rounding noise where ReLU makes an entry exactly zero, and Adam turns noise into full steps.
 * In few pixels that happens to single entries; in many, to whole channels, which stay exactly zero in either way.
 */
const MANY_TILES = 128;

type Shape4D = [number, number, number, number];

/** Convolutions and their gradients: Winograd for 3×3 'same', tfjs's kernels or products of matrices otherwise. */
export function registerConvolutions(native: Native): void {
  override("Conv2D", (base) => (call) => {
    const { x, filter } = call.inputs;
    const conv = info(x!.shape, filter!.shape, call.attrs);
    return convolve(native, call, conv) ?? convolveInTime(native, call, conv) ?? base!(call);
  });

  override("FusedConv2D", (base) => (call) => {
    const { x, filter } = call.inputs;
    return convolve(native, call, info(x!.shape, filter!.shape, call.attrs)) ?? base!(call);
  });

  override("Conv2DBackpropInput", (base) => (call) => {
    const { dy, filter } = call.inputs as Record<string, tf.TensorInfo>;
    const conv = info(call.attrs.inputShape, filter!.shape, call.attrs);
    if (winograd(conv)) {
      // The gradient of the input is the convolution of dy with the filter turned round and transposed.
      return run(native, call.backend, dy!, filter!, conv.outChannels, conv.inChannels, true);
    }
    return strideOneInputGradient(dy!, filter!, conv) ?? base!(call);
  });

  override("Conv2DBackpropFilter", () => (call) => {
    const { x, dy } = call.inputs as Record<string, tf.TensorInfo>;
    const conv = info(x!.shape, call.attrs.filterShape, call.attrs);
    const many = winograd(conv) && tiles(x!.shape) >= MANY_TILES;
    return many ? filterGradient(native, call, conv) : filterGradientByTaps(x!, dy!, conv);
  });
}

const info = (
  input: number[],
  filter: number[],
  { strides, dilations = 1, pad, dimRoundingMode, dataFormat }: any,
) =>
  tf.backend_util.computeConv2DInfo(
    input as Shape4D,
    filter as Shape4D,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    false,
    tf.backend_util.convertConv2DDataFormat(dataFormat ?? "NHWC"),
  );

/** Whether the kernels of assembly/winograd.ts compute it: 3×3, stride 1, one pixel of padding on every side. */
function winograd(c: ConvInfo): boolean {
  const { top, bottom, left, right } = c.padInfo;
  return (
    c.dataFormat === "channelsLast" &&
    [c.filterHeight, c.filterWidth].every((size) => size === 3) &&
    [c.strideHeight, c.strideWidth, c.dilationHeight, c.dilationWidth].every((step) => step === 1) &&
    [top, bottom, left, right].every((pixels) => pixels === 1)
  );
}

/** Undefined for what only XNNPACK computes. */
function convolve(
  native: Native,
  { inputs, attrs, backend }: Call,
  conv: ConvInfo,
): tf.TensorInfo | undefined {
  const { x, filter, bias, preluActivationWeights } = inputs;
  const activation = attrs.activation ?? "linear";
  if (!winograd(conv) || preluActivationWeights || !["linear", "relu"].includes(activation)) return undefined;
  if (bias && bias.shape.join() !== String(conv.outChannels)) return undefined;
  return run(
    native,
    backend,
    x!,
    filter!,
    conv.inChannels,
    conv.outChannels,
    false,
    bias,
    activation === "relu",
  );
}

function run(
  native: Native,
  backend: Call["backend"],
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  inputs: number,
  outputs: number,
  rotate: boolean,
  bias?: tf.TensorInfo,
  relu = false,
): tf.TensorInfo {
  const [batch, height, width] = x.shape as Shape4D;
  const out = backend.makeOutput([batch, height, width, outputs], "float32");
  const { BLOCK, convolveScratch, transformFilter } = native.exports;
  native.borrow(64 * inputs * padded(outputs), (u) => {
    const [filterIn, filterOut] = filter.shape.slice(2) as [number, number];
    transformFilter(address(backend, filter), u, filterIn, filterOut, rotate);
    native.run("convolve", Math.ceil(tiles(x.shape) / BLOCK.value), convolveScratch(inputs, outputs), [
      address(backend, x),
      u,
      bias ? address(backend, bias) : 0,
      address(backend, out),
      batch,
      height,
      width,
      inputs,
      outputs,
      Number(relu),
    ]);
  });
  return out;
}

/**
 * A convolution along one axis without padding: a product whose rows of A overlap in memory. Digits are those of XNNPACK, which is
 * slower. Undefined for any other.
 */
function convolveInTime(native: Native, { inputs, backend }: Call, c: ConvInfo): tf.TensorInfo | undefined {
  const { x, filter } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
  const alone =
    c.dataFormat === "channelsLast" && [c.inHeight, c.filterHeight, c.dilationWidth].every((n) => n === 1);
  const padding = Object.values(c.padInfo).some((pixels) => typeof pixels === "number" && pixels > 0);
  if (!alone || padding || x.dtype !== "float32" || filter.dtype !== "float32") return undefined;
  const { batchSize, inWidth, inChannels, outWidth, outChannels, filterWidth, strideWidth } = c;
  const out = backend.makeOutput(c.outShape, "float32");
  if (batchSize * outWidth * outChannels === 0) return out;
  const [from, weights] = [address(backend, x), address(backend, filter)];
  const { ROWS, COLUMNS, PRODUCT_SCRATCH } = native.exports;
  const tasks = batchSize * Math.ceil(outWidth / ROWS.value) * Math.ceil(outChannels / COLUMNS.value);
  const table = Array.from({ length: batchSize }, (_, i) => [from + 4 * i * inWidth * inChannels, weights]);
  native.lend(table.flat(), (pairs) =>
    native.run("product", tasks, PRODUCT_SCRATCH.value, [
      pairs,
      address(backend, out),
      batchSize,
      outWidth,
      outChannels,
      filterWidth * inChannels,
      0,
      0,
      0,
      0,
      strideWidth * inChannels,
      1,
    ]),
  );
  return out;
}

function filterGradient(native: Native, { inputs, backend }: Call, conv: ConvInfo): tf.TensorInfo {
  const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
  const { inChannels, outChannels, batchSize, inHeight, inWidth } = conv;
  const inputIsSmall = inChannels <= outChannels;
  const [small, large] = inputIsSmall ? [x, dy] : [dy, x];
  const [few, many] = inputIsSmall ? [inChannels, outChannels] : [outChannels, inChannels];
  // Every task transforms the small side anew: few tasks where there are enough of them anyway.
  const chunk = many >= 256 ? 64 : 32;
  const out = backend.makeOutput(conv.filterShape, "float32");
  native.run(
    "filterGradient",
    Math.ceil(many / chunk),
    native.exports.filterGradientScratch(few, many, chunk),
    [
      address(backend, small),
      address(backend, large),
      address(backend, out),
      batchSize,
      inHeight,
      inWidth,
      few,
      many,
      chunk,
      Number(inputIsSmall),
    ],
  );
  return out;
}

const padded = (channels: number) => 4 * Math.ceil(channels / 4);
const tiles = ([batch, height, width]: number[]) => batch! * Math.ceil(height! / 2) * Math.ceil(width! / 2);

/** tfjs's kernel is a scalar loop; at stride 1 the gradient is a convolution of its own. */
function strideOneInputGradient(
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
  c: ConvInfo,
): tf.TensorInfo | undefined {
  const { top, bottom, left, right } = c.padInfo;
  const above = c.filterHeight - 1 - top,
    before = c.filterWidth - 1 - left;
  const stepsOne = [c.strideHeight, c.strideWidth, c.dilationHeight, c.dilationWidth].every(
    (step) => step === 1,
  );
  if (c.dataFormat !== "channelsLast" || !stepsOne || above < 0 || before < 0) return undefined;
  const below = c.filterHeight - 1 - bottom,
    after = c.filterWidth - 1 - right;
  if (below < 0 || after < 0) return undefined;
  const turned = () => tf.reverse(tensor(filter), [0, 1]).transpose([0, 1, 3, 2]) as tf.Tensor4D;
  const pad: Parameters<typeof tf.conv2d>[3] = [
    [0, 0],
    [above, below],
    [before, after],
    [0, 0],
  ];
  return tf.tidy(() => tf.conv2d(tensor(dy) as tf.Tensor4D, turned(), 1, pad));
}

/** dw of one tap of the filter at a time: the pixels that it sees, transposed, times dy. */
function filterGradientByTaps(x: tf.TensorInfo, dy: tf.TensorInfo, c: ConvInfo): tf.TensorInfo {
  if (c.dataFormat !== "channelsLast") throw new Error("Conv2DBackpropFilter on wasm: NHWC only");
  const { top, left } = c.padInfo;
  const high = (c.outHeight - 1) * c.strideHeight + 1,
    wide = (c.outWidth - 1) * c.strideWidth + 1;
  const reachY = (c.filterHeight - 1) * c.dilationHeight,
    reachX = (c.filterWidth - 1) * c.dilationWidth;
  return tf.tidy(() => {
    const around = tf.pad(tensor(x), [
      [0, 0],
      [top, Math.max(0, high + reachY - c.inHeight - top)],
      [left, Math.max(0, wide + reachX - c.inWidth - left)],
      [0, 0],
    ]);
    const rows = c.batchSize * c.outHeight * c.outWidth;
    const gradient = tensor(dy).reshape([rows, c.outChannels]);
    const taps: tf.Tensor[] = [];
    for (let y = 0; y <= reachY; y += c.dilationHeight)
      for (let x = 0; x <= reachX; x += c.dilationWidth) {
        const end = [c.batchSize, y + high, x + wide, c.inChannels];
        const seen = tf.stridedSlice(around, [0, y, x, 0], end, [1, c.strideHeight, c.strideWidth, 1]);
        taps.push(tf.matMul(seen.reshape([rows, c.inChannels]), gradient as tf.Tensor2D, true));
      }
    return tf.stack(taps).reshape(c.filterShape);
  });
}

/** Kernels get handles; operations want tensors. Within a kernel nothing is recorded. */
const tensor = (info: tf.TensorInfo) => info as tf.Tensor;
