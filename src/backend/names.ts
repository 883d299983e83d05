/** Names alone: what lists them need not load TensorFlow.js. */
export const BACKENDS = ["tensorflow", "webgpu", "wasm", "cpu"] as const;
export type BackendName = (typeof BACKENDS)[number];

/** Values of `--backend` and DAAM_BACKEND. */
export const CHOICES = ["auto", ...BACKENDS] as const;
