import * as tf from "@tensorflow/tfjs";
import { override, type Call } from "./native.js";

const { sizeFromShape } = tf.util;

/** Kernels that copy blocks of a tensor, of any type but strings. tfjs copies the whole tensor out of the heap first. */
export function registerBlocks(): void {
  // No copy at all: the data know how many tensors share them.
  override("Identity", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    if (x.dtype === "string") return base!(call);
    call.backend.incRef(x.dataId as never);
    return { ...x };
  });

  override("Slice", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    if (x.dtype === "string") return base!(call);
    const { begin, size } = call.attrs;
    const [from, wanted] = tf.slice_util.parseSliceParams(x as tf.Tensor, begin, size);
    return block(call, x, from as number[], wanted as number[]);
  });

  override("Unpack", (base) => (call) => {
    const { value } = call.inputs as { value: tf.TensorInfo };
    if (value.dtype === "string") return base!(call);
    const axis = tf.util.parseAxisParam(call.attrs.axis, value.shape)[0]!;
    const shape = value.shape.filter((_, i) => i !== axis);
    return Array.from({ length: value.shape[axis]! }, (_, i) => ({
      ...along(call, value, axis, i, 1),
      shape,
    }));
  });

  override("SplitV", (base) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo };
    if (x.dtype === "string") return base!(call);
    const axis = tf.util.parseAxisParam(call.attrs.axis, x.shape)[0]!;
    const sizes = tf.backend_util.prepareSplitSize(x as tf.Tensor, call.attrs.numOrSizeSplits, axis);
    let at = 0;
    return sizes.map((size) => {
      at += size;
      return along(call, x, axis, at - size, size);
    });
  });

  override("GatherV2", (base) => (call) => {
    const { x, indices } = call.inputs as { x: tf.TensorInfo; indices: tf.TensorInfo };
    if (x.dtype === "string" || sizeFromShape(x.shape) === 0) return base!(call);
    const axis = tf.util.parseAxisParam(call.attrs.axis, x.shape)[0]!;
    const info = tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x as tf.Tensor,
      indices as tf.Tensor,
      axis,
      call.attrs.batchDims,
    );
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } = info;
    const out = call.backend.makeOutput(outputShape, x.dtype);
    const [from, to, index] = [x, out, indices].map((t) => call.backend.typedArrayFromHeap(t));
    const count = index!.length / batchSize;
    let at = 0;
    for (let batch = 0; batch < batchSize; batch++)
      for (let outer = 0; outer < outerSize; outer++)
        for (let i = 0; i < count; i++, at += sliceSize) {
          const row = index![batch * count + i]!;
          if (!(row >= 0 && row < dimSize)) {
            call.backend.disposeData(out.dataId);
            throw new Error(`gather: index ${row} is not in [0, ${dimSize - 1}]`);
          }
          const start = ((batch * outerSize + outer) * dimSize + row) * sliceSize;
          copyRun(from!, start, to!, at, sliceSize);
        }
    return out;
  });
}

/** `size` entries of one axis, all of the others. */
function along(call: Call, x: tf.TensorInfo, axis: number, at: number, size: number): tf.TensorInfo {
  const only = (value: number, others: (length: number) => number) =>
    x.shape.map((length, i) => (i === axis ? value : others(length)));
  return block(
    call,
    x,
    only(at, () => 0),
    only(size, (length) => length),
  );
}

/** The block of x that starts at `begin`, copied run by run of neighbouring numbers. */
function block({ backend }: Call, x: tf.TensorInfo, begin: number[], size: number[]): tf.TensorInfo {
  const out = backend.makeOutput(size, x.dtype);
  if (sizeFromShape(size) === 0) return out;
  const [from, to] = [x, out].map((t) => backend.typedArrayFromHeap(t)) as [Values, Values];
  const strides = [...tf.util.computeStrides(x.shape), 1];
  // A run spans the trailing axes that are taken whole, and the one before them.
  let outer = size.length - 1;
  while (outer > 0 && size[outer] === x.shape[outer]) outer--;
  outer = Math.max(outer, 0);
  const run = sizeFromShape(size.slice(outer));
  const index = new Array<number>(outer).fill(0);
  let at = begin.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
  for (let out = 0; out < to.length; out += run) {
    copyRun(from, at, to, out, run);
    for (let axis = outer - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < size[axis]!) break;
      at -= size[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

type Values = Float32Array | Int32Array | Uint8Array;

function copyRun(from: Values, start: number, to: Values, at: number, count: number): void {
  // A view costs more than a few numbers.
  if (count < 32) for (let i = 0; i < count; i++) to[at + i] = from[start + i]!;
  else to.set(from.subarray(start, start + count), at);
}
