/// <reference types="@webgpu/types" />
import * as tf from "@tensorflow/tfjs";

/** Dawn ends the process where its instance is collected while a device lives. */
let instance: GPU | undefined;

/** The best adapter that Dawn (package `webgpu`) finds: Vulkan, Metal or Direct3D. */
async function requestAdapter(): Promise<GPUAdapter> {
  const name: string = "webgpu";
  const dawn = await import(name).catch(() => {
    throw new Error("the package webgpu is not installed");
  });
  if (!instance) {
    Object.assign(globalThis, dawn.globals);
    instance = dawn.create([]) as GPU;
    // Node 20 has no navigator, later ones have one without gpu.
    const scope = globalThis as { navigator?: object };
    scope.navigator ??= {};
    Object.defineProperty(scope.navigator, "gpu", { value: instance, configurable: true });
  }
  const adapter = await instance.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("no graphics adapter with a Vulkan, Metal or Direct3D 12 driver was found");
  return adapter;
}

/** What the adapter calls itself. */
export async function webgpuAdapter(): Promise<string> {
  return describe(await requestAdapter());
}

/** Newer than the declarations in use. */
const infoOf = (adapter: GPUAdapter) => (adapter as unknown as { info: GPUAdapterInfo }).info;

const describe = (adapter: GPUAdapter) => {
  const { description, device, vendor } = infoOf(adapter);
  return description || device || vendor || "unnamed adapter";
};

/**
 * Registers tfjs's WebGPU backend on Dawn and makes it the current one. It cannot wait for a GPU synchronously: read
 * tensors with `await data()`, never `dataSync()`.
 */
export async function registerWebgpu(): Promise<string> {
  const adapter = await requestAdapter();
  const { WebGPUBackend } = await import("@tensorflow/tfjs-backend-webgpu");
  const raised = [
    "maxComputeWorkgroupStorageSize",
    "maxComputeWorkgroupsPerDimension",
    "maxStorageBufferBindingSize",
    "maxBufferSize",
    "maxComputeWorkgroupSizeX",
    "maxComputeInvocationsPerWorkgroup",
  ] as const;
  const requiredLimits = Object.fromEntries(raised.map((limit) => [limit, adapter.limits[limit]]));
  const device = await adapter.requestDevice({ requiredLimits });
  tf.removeBackend("webgpu");
  tf.registerBackend("webgpu", () => new WebGPUBackend(device, infoOf(adapter)) as tf.KernelBackend, 3);
  await tf.setBackend("webgpu");
  return describe(adapter);
}
