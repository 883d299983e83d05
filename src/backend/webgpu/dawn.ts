/// <reference types="@webgpu/types" />

/** Dawn ends the process where its instance is collected while a device lives. */
let instance: GPU | undefined;

/**
 * The best adapter that Dawn finds with the drivers that the environment names: Vulkan, Metal or Direct3D.
 * @throws Error with the reason in one line
 */
export async function requestAdapter(): Promise<GPUAdapter> {
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
