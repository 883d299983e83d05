/// <reference types="@webgpu/types" />

/** A graphics adapter. */
export interface Adapter {
  /** What it calls itself. */
  name: string;
  /** Whether processors stand in for a card. */
  software: boolean;
}

/** Newer than the declarations in use. */
export const infoOf = (adapter: GPUAdapter) =>
  (adapter as unknown as { info: GPUAdapterInfo & { isFallbackAdapter?: boolean } }).info;

export function describe(adapter: GPUAdapter): Adapter {
  const { description, device, vendor, isFallbackAdapter = false } = infoOf(adapter);
  return { name: description || device || vendor || "unnamed adapter", software: isFallbackAdapter };
}
