import * as tf from "@tensorflow/tfjs";
import { findAdapter } from "./adapter.js";
import { registerFused } from "./fused.js";
import { infoOf, requestAdapter } from "./dawn.js";

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
  const { WebGPUBackend } = await import("@tensorflow/tfjs-backend-webgpu");
  const raised = [
    "maxComputeWorkgroupStorageSize",
    "maxComputeWorkgroupsPerDimension",
    "maxStorageBufferBindingSize",
    "maxStorageBuffersPerShaderStage",
    "maxBufferSize",
    "maxComputeWorkgroupSizeX",
    "maxComputeInvocationsPerWorkgroup",
  ] as const;
  const requiredLimits = Object.fromEntries(raised.map((limit) => [limit, adapter.limits[limit]]));
  const device = await adapter.requestDevice({ requiredLimits });
  registerFused();
  tf.removeBackend("webgpu");
  tf.registerBackend("webgpu", () => new WebGPUBackend(device, infoOf(adapter)) as tf.KernelBackend, 3);
  await tf.setBackend("webgpu");
  return (await webgpuAdapter()).detail;
}
