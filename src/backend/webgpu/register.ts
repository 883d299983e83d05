import { findAdapter } from "./adapter.js";
import { requestAdapter } from "./dawn.js";
import { registerAdapter } from "./device.js";

/** Name of the adapter that is here, and whether processors stand in for a card. */
export async function webgpuAdapter(): Promise<{ detail: string; software: boolean }> {
  const { name, software } = await findAdapter();
  return { detail: software ? `${name} (software: slower than wasm)` : name, software };
}

/**
 * Registers tfjs's WebGPU backend on Dawn and makes it the current one. It cannot wait for a GPU synchronously: read
 * tensors with `await data()`, never `dataSync()`.
 */
export async function registerWebgpu(): Promise<string> {
  const { driver } = await findAdapter();
  if (driver) process.env.VK_DRIVER_FILES = driver;
  const adapter = await requestAdapter();
  await registerAdapter(adapter);
  return (await webgpuAdapter()).detail;
}
