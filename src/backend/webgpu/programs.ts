import type { WebGPUBackend, WebGPUProgram } from "@tensorflow/tfjs-backend-webgpu";
import type * as tf from "@tensorflow/tfjs";

type Uniform = { type: "int32" | "float32"; data: number[] };

/** What one program of WGSL computes. */
export interface Task {
  /** Names the code: it is compiled once. */
  name: string;
  inputs: Record<string, tf.TensorInfo>;
  shape: number[];
  /** Runs once for every `index` below `threads`; inputs are arrays, the output is `result`, integers and floats are of `uniforms`. */
  code: string;
  threads: number;
  integers?: Record<string, number>;
  floats?: Record<string, number>;
}

/** Computes a float32 tensor. */
export function compute(
  backend: WebGPUBackend,
  { name, inputs, shape, code, threads, integers = {}, floats = {} }: Task,
): tf.TensorInfo {
  const whole = { threads, ...integers };
  const fields = [
    ...Object.keys(whole).map((field) => `${field} : i32,`),
    ...Object.keys(floats).map((field) => `${field} : f32,`),
  ];
  const program: WebGPUProgram = {
    outputShape: shape,
    shaderKey: `daam_${name}`,
    variableNames: Object.keys(inputs),
    uniforms: fields.join(" "),
    workgroupSize: [64, 1, 1],
    dispatchLayout: { x: shape.map((_, axis) => axis) },
    dispatch: [Math.ceil(threads / 64), 1, 1],
    getUserCode: () => `fn main(index : i32) { if (index >= uniforms.threads) { return; } ${code} }`,
  };
  const values: Uniform[] = [
    ...Object.values(whole).map((value) => ({ type: "int32" as const, data: [value] })),
    ...Object.values(floats).map((value) => ({ type: "float32" as const, data: [value] })),
  ];
  return backend.runWebGPUProgram(program, Object.values(inputs), "float32", values);
}
