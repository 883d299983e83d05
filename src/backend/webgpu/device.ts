/// <reference types="@webgpu/types" />
import * as tf from "@tensorflow/tfjs";
import { registerFused } from "./fused.js";
import { infoOf } from "./info.js";

/** Registers tfjs's WebGPU backend on a device of the adapter, with our kernels, and makes it the current one: in Node and in browsers. */
export async function registerAdapter(adapter: GPUAdapter): Promise<void> {
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
}
