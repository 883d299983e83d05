import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs";
import { DIED, type Helper, HEADER, WORDS } from "./job.js";
import type { Heap } from "./memory.js";
import type { WasmModule } from "./tfjs-module.js";

/** Kernels by their number in assembly/kernels.ts. */
const KERNELS = [
  "convolve",
  "filterGradient",
  "product",
  "sumRows",
  "permute",
  "density",
  "densityGradient",
  "rectifierGradient",
  "adamw",
  "unary",
  "binary",
  "rowNorm",
  "timeNorm",
  "attention",
  "multiplyAdds",
  "attentionGradient",
  "rotary",
] as const;
export type Kernel = (typeof KERNELS)[number];

/** What assembly/index.ts exports. */
export interface NativeExports {
  runJob(job: number, tasks: number): void;
  serve(job: number, thread: number): void;
  BLOCK: WebAssembly.Global;
  ROWS: WebAssembly.Global;
  COLUMNS: WebAssembly.Global;
  PRODUCT_SCRATCH: WebAssembly.Global;
  LANES: WebAssembly.Global;
  LIMIT_SCRATCH: WebAssembly.Global;
  CHANNELS: WebAssembly.Global;
  FEATURES: WebAssembly.Global;
  SPAN: WebAssembly.Global;
  PART: WebAssembly.Global;
  STRETCH: WebAssembly.Global;
  NORM_ROWS: WebAssembly.Global;
  NORM_CHANNELS: WebAssembly.Global;
  QUERIES: WebAssembly.Global;
  ROTARY_ROWS: WebAssembly.Global;
  attentionScratch(tokens: number, d: number): number;
  attentionGradientScratch(tokens: number, d: number): number;
  sumOfSquares(x: number, count: number): number;
  convolveScratch(inputs: number, outputs: number): number;
  filterGradientScratch(small: number, large: number, chunk: number): number;
  transformFilter(w: number, u: number, inputs: number, outputs: number, rotate: boolean): void;
}

/** What Node and a browser give in ways of their own. */
export interface Host {
  /** Compiled from assembly/. */
  kernels: WebAssembly.Module;
  /** Starts a thread that serves jobs; resolves when it is ready. */
  help(helper: Helper): Promise<void>;
}

/**
 * The project's own wasm kernels, on the memory of tfjs's wasm backend: tensors are addresses to both. Work is cut into
 * tasks by shapes alone and shared with helper threads, so that digits do not depend on the number of threads.
 */
export class Native {
  readonly exports: NativeExports;
  private readonly job: number;
  private scratch = 0;
  private scratchBytes = 0;

  private constructor(
    private readonly wasm: WasmModule,
    { kernels, memory }: { kernels: WebAssembly.Module; memory: WebAssembly.Memory },
    readonly threads: number,
  ) {
    this.exports = new WebAssembly.Instance(kernels, { env: { memory } }).exports as unknown as NativeExports;
    this.job = wasm._malloc(4 * WORDS);
    wasm.HEAP32.fill(0, this.job >>> 2, (this.job >>> 2) + WORDS);
  }

  /** With its helper threads, all of them ready: one that starts while memory grows may not hear of that. */
  static async start(
    wasm: WasmModule,
    { memory }: Heap,
    threads: number,
    { kernels, help }: Host,
  ): Promise<Native> {
    const native = new Native(wasm, { kernels, memory }, threads);
    const helper = (thread: number): Helper => ({ module: kernels, memory, job: native.job, thread });
    await Promise.all(Array.from({ length: threads - 1 }, (_, i) => help(helper(i + 1))));
    return native;
  }

  /**
   * Runs `tasks` tasks of a kernel.
   * @param scratchBytes memory that a task may use
   * @param args addresses and integers; floats go in as `float`
   */
  run(kernel: Kernel, tasks: number, scratchBytes: number, args: readonly number[]): void {
    const scratch = this.reserve(scratchBytes * this.threads);
    const { HEAP32 } = this.wasm;
    const words = this.job >>> 2;
    HEAP32[words + 4] = KERNELS.indexOf(kernel);
    HEAP32[words + 5] = scratch;
    HEAP32[words + 6] = scratchBytes;
    HEAP32.set(args, words + HEADER);
    this.exports.runJob(this.job, tasks);
    if (HEAP32[words + DIED])
      throw new Error(`a thread of the wasm backend died in kernel ${kernel}: run again`);
  }

  /** Scratch memory, valid until the next call. */
  private reserve(bytes: number): number {
    if (bytes > this.scratchBytes) {
      this.wasm._free(this.scratch);
      this.scratch = this.scratchBytes = 0; // where the next line throws
      this.scratch = this.wasm._malloc(bytes);
      this.scratchBytes = bytes;
    }
    return this.scratch;
  }

  /** Integers in memory while `use` runs. */
  lend<T>(words: ArrayLike<number>, use: (address: number) => T): T {
    return this.borrow(4 * words.length, (address) => {
      this.wasm.HEAP32.set(words, address >>> 2);
      return use(address);
    });
  }

  /** Memory that lives until `use` returns. */
  borrow<T>(bytes: number, use: (address: number) => T): T {
    const address = this.wasm._malloc(bytes);
    try {
      return use(address);
    } finally {
      this.wasm._free(address);
    }
  }
}

/** Bits of a float32, as kernels take their float arguments. */
export const float = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0]!;

/** What every wasm kernel is called with. */
export interface Call {
  inputs: Record<string, tf.TensorInfo>;
  attrs: Record<string, any>;
  backend: BackendWasm;
}
export type KernelFunction = (call: Call) => tf.TensorInfo | tf.TensorInfo[];

/** Address of a tensor's values. */
export const address = (backend: BackendWasm, { dataId }: tf.TensorInfo): number =>
  backend.getMemoryOffset(dataId as never);

/** Memory for what replaces a tensor: its own where nobody else holds it, so that two of them need not lie side by side. */
export function replacing(backend: BackendWasm, { dataId, shape }: tf.TensorInfo): tf.TensorInfo {
  if (backend.refCount(dataId as never) > 1) return backend.makeOutput(shape, "float32");
  backend.incRef(dataId as never);
  return { dataId, shape, dtype: "float32" };
}

/**
 * Puts a kernel in the place of tfjs's own for the wasm backend.
 * @param make gets the kernel so far, undefined where tfjs has none, for the cases that the new one leaves to it
 */
export function override(
  kernelName: string,
  make: (base: KernelFunction | undefined) => KernelFunction,
): void {
  const base = tf.getKernel(kernelName, "wasm");
  if (base) tf.unregisterKernel(kernelName, "wasm");
  const kernelFunc = make(base?.kernelFunc as KernelFunction | undefined) as unknown as tf.KernelFunc;
  tf.registerKernel({ ...base, kernelName, backendName: "wasm", kernelFunc });
}
