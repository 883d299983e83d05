import * as tf from "@tensorflow/tfjs";
import { override, type Call } from "./native.js";

/** Real kernels that tfjs's cpu backend has and its wasm backend has not. */
const FROM_CPU = ["DepthwiseConv2dNativeBackpropFilter", "DepthwiseConv2dNativeBackpropInput", "Einsum"];

/** Kernels that tfjs's wasm backend lacks, by way of JavaScript. */
export function registerMissing(): void {
  for (const name of FROM_CPU) override(name, () => (call) => onCpu(name, call));

  // The gradient of tf.gather, so of every embedding.
  override("UnsortedSegmentSum", () => ({ inputs, attrs, backend }) => {
    const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const inner = x.shape.slice(segmentIds.shape.length);
    const width = tf.util.sizeFromShape(inner);
    const out = backend.makeOutput([attrs.numSegments, ...inner], x.dtype);
    const sums = backend.typedArrayFromHeap(out).fill(0);
    const values = backend.typedArrayFromHeap(x);
    backend.typedArrayFromHeap(segmentIds).forEach((segment, row) => {
      if (segment < 0 || segment >= attrs.numSegments) return;
      for (let i = 0; i < width; i++) sums[segment * width + i]! += values[row * width + i]!;
    });
    return out;
  });
}

interface CpuBackend extends tf.KernelBackend {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: tf.BackendValues): tf.TensorInfo;
}

/** Runs the cpu backend's kernel on copies. */
function onCpu(name: string, { inputs, attrs, backend }: Call): tf.TensorInfo {
  const cpu = tf.findBackend("cpu") as CpuBackend;
  const { kernelFunc } = tf.getKernel(name, "cpu")!;
  const copy = (t: tf.TensorInfo) =>
    cpu.makeTensorInfo(t.shape, t.dtype, backend.readSync(t.dataId as never) as tf.BackendValues);
  // Einsum takes its operands as a list.
  const copies = Object.fromEntries(Object.entries(inputs).map(([key, t]) => [key, copy(t)]));
  const given = Array.isArray(inputs) ? Object.values(copies) : copies;
  const result = kernelFunc({ inputs: given as tf.NamedTensorInfoMap, attrs, backend: cpu }) as tf.TensorInfo;
  const values = cpu.readSync(result.dataId) as Float32Array;
  const out = backend.makeOutput(result.shape, result.dtype, undefined, values);
  for (const { dataId } of [result, ...Object.values(copies)]) cpu.disposeData(dataId, true);
  return out;
}
