import * as tf from "@tensorflow/tfjs";
import { OutOfMemory } from "../../errors.js";

/** WebAssembly's most, as Emscripten counts it: 4 GB less a page. */
const MOST = 2 ** 32 - 2 ** 16;

/** The part of Emscripten's module that gives memory, and calls what takes it. */
interface Allocating {
  _malloc(bytes: number): number;
  /** Exports of its instance; the function above puts them in its own place when it is first called. */
  asm: { malloc(bytes: number): number };
  cwrap(name: string, result: string | null, args: string[]): (...args: number[]) => number;
}

/** What is computed while memory is asked for. */
interface Doing {
  kernel: string;
  inputs: Partial<tf.NamedTensorInfoMap>;
}

/**
 * The memory of the wasm backend. Every allocation on it passes here: tensors and scratch as calls of `_malloc`, what kernels take
 * within a call as requests of the heap to grow. One that cannot be met throws {@link OutOfMemory} before anything is written there;
 * a kernel that was refused memory has computed nothing of use, and throws when it returns.
 */
export class Heap {
  /** What is computed, for the message; kernels set it. */
  doing?: Doing;
  /** Bytes of the whole heap that a request asked for in vain; 0 where none was refused since the last call began. */
  private refused = 0;

  /**
   * @param limit bytes beyond which the heap does not grow
   * @param source a memory that threads share; or how to get that which a module without threads brings
   */
  constructor(
    readonly limit = MOST,
    private readonly source: () => WebAssembly.Memory = shared(),
  ) {}

  get memory(): WebAssembly.Memory {
    return this.source();
  }

  /** Bytes that the process has given it. It never shrinks. */
  get held(): number {
    return this.memory.buffer.byteLength;
  }

  /** Emscripten's imports, its request to grow passing here. */
  watched<T extends { env: Record<string, any> }>(imports: T): T {
    const grow = imports.env["emscripten_resize_heap"] as (bytes: number) => boolean;
    const asked = (bytes: number) => {
      const granted = bytes >>> 0 <= this.limit && grow(bytes);
      if (!granted) this.refused = bytes >>> 0;
      return granted;
    };
    return { ...imports, env: { ...imports.env, emscripten_resize_heap: asked } };
  }

  /** Makes a module's allocations, and its kernels, throw where memory is refused. */
  guard(module: Allocating): void {
    const { cwrap } = module;
    const { malloc } = module.asm;
    module._malloc = (bytes) => {
      this.refused = 0;
      // Unsigned: beyond 2 GB Emscripten's addresses are negative.
      const address = malloc(bytes) >>> 0;
      if (address === 0) throw this.full(bytes);
      return address;
    };
    module.cwrap = (...signature) => {
      const kernel = cwrap(...signature);
      return (...args) => {
        this.refused = 0;
        try {
          return kernel(...args);
        } finally {
          // Also in place of the abort with which C++ answers.
          // eslint-disable-next-line no-unsafe-finally
          if (this.refused) throw this.full(this.refused - this.held);
        }
      };
    };
  }

  private full(bytes: number): OutOfMemory {
    const megabytes = (n: number) => `${Math.ceil(n / 1e6).toLocaleString("en")} MB`;
    const shapes = Object.values(this.doing?.inputs ?? {}).flatMap((input) =>
      input ? [`[${input.shape}]`] : [],
    );
    const what = this.doing ? `${this.doing.kernel} of ${shapes.join(" and ")}` : "a tensor";
    return new OutOfMemory(
      `WebAssembly's memory is full: ${what} wants ${megabytes(bytes)} more, tensors hold ${megabytes(tf.memory().numBytes)}, the heap ` +
        `${megabytes(this.held)} of at most ${megabytes(this.limit)}; take a smaller batch, or another backend (DAAM_BACKEND=tensorflow)`,
    );
  }
}

function shared(): () => WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 65536, shared: true });
  return () => memory;
}

/** Lets every kernel of the backend say what it computes when memory is refused. */
export function nameKernels(heap: Heap): void {
  for (const kernel of tf.getKernelsForBackend("wasm")) {
    const { kernelName, kernelFunc } = kernel;
    tf.unregisterKernel(kernelName, "wasm");
    const named: tf.KernelFunc = (call) => {
      const outer = heap.doing;
      heap.doing = { kernel: kernelName, inputs: call.inputs };
      try {
        return kernelFunc(call);
      } finally {
        heap.doing = outer;
      }
    };
    tf.registerKernel({ ...kernel, kernelFunc: named });
  }
}
