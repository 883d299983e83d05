// tfjs ships the program of its worker threads as text. Node wants a file: this is it.
const text = "@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.worker.js";
const { wasmWorkerContents } = require(text) as { wasmWorkerContents: string };

// The text holds line breaks within string literals, which only a template literal forgives.
const program = wasmWorkerContents.replace(/\n/g, "\\n");
new Function("require", "__filename", program)(require, __filename);
