import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Adapter } from "./info.js";

/** An adapter, and the file of the Vulkan driver that must be named to find it. */
export interface Found extends Adapter {
  driver?: string;
}

/** Folders in which Chromium brings its software Vulkan, SwiftShader. */
const BROWSERS = [
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
  "/usr/lib64/chromium-browser",
  "/snap/chromium/current/usr/lib/chromium-browser",
  "/opt/google/chrome",
];

/** The first of the folders' software drivers. */
export const softwareDriver = (folders: readonly string[] = BROWSERS): string | undefined =>
  folders.map((folder) => join(folder, "vk_swiftshader_icd.json")).find((path) => existsSync(path));

let found: Promise<Found> | undefined;

/**
 * The best adapter here: a card's, or else the software one. It is looked for in a process of its own, since drivers write their errors to
 * stderr themselves, and some end the process.
 * @throws Error with the reason in one line
 */
export const findAdapter = (): Promise<Found> => (found ??= find());

async function find(): Promise<Found> {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  const named = VK_DRIVER_FILES || VK_ICD_FILENAMES;
  const driver = named ? undefined : softwareDriver();
  try {
    return await probe();
  } catch (error) {
    if (!driver) throw error;
    return { ...(await probe(driver)), driver };
  }
}

/** @throws Error with the reason in one line */
async function probe(driver?: string): Promise<Adapter> {
  const env = { ...process.env, ...(driver && { VK_DRIVER_FILES: driver }) };
  const path = fileURLToPath(new URL("./probe.js", import.meta.url));
  let answer: string;
  try {
    ({ stdout: answer } = await promisify(execFile)(process.execPath, [path], { env, timeout: 60_000 }));
  } catch (error) {
    const { signal, code } = error as { signal?: string; code?: number };
    throw new Error(`looking for a graphics adapter ended with ${signal ?? `status ${code}`}`);
  }
  const { error, ...adapter } = JSON.parse(answer) as Adapter & { error?: string };
  if (error) throw new Error(error);
  return adapter;
}
