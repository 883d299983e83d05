import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface Card {
  name: string;
  driver: string;
  /** As NVIDIA counts them; NaN where an old driver does not tell. */
  computeCapability: number;
}

/**
 * What libtensorflow 2.9, of `@tensorflow/tfjs-node-gpu` 4.22, was built with: its README, and TensorFlow's release builds for
 * sm_35 to sm_75 and compute_80. Libraries of CUDA 11.2 hold code for cards of up to 8.x.
 */
const BUILT_WITH = { version: "2.9", cuda: "11.2", cudnn: "8.1", driver: 450, from: 3.5, below: 9 };

/** NVIDIA's cards and their driver, as `nvidia-smi` tells; none where it is missing. */
export async function findCards(command = "nvidia-smi"): Promise<Card[]> {
  const args = ["--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"];
  try {
    return readCards((await promisify(execFile)(command, args, { timeout: 20_000 })).stdout);
  } catch {
    return [];
  }
}

/** Lines of `name, driver, compute capability`; others are left out. */
export function readCards(text: string): Card[] {
  return text.split("\n").flatMap((line) => {
    const [, name, driver, capability] = /^(.+), ([\d.]+), ([^,]+)$/.exec(line.trim()) ?? [];
    return name && driver ? [{ name, driver, computeCapability: Number(capability) }] : [];
  });
}

/**
 * What a card needs for CUDA, in one line.
 * @param loaded version of the libtensorflow that loads here, if one with CUDA does
 */
export function adviseCard({ name, driver, computeCapability }: Card, loaded?: string): string {
  const { version, cuda, cudnn, from, below } = BUILT_WITH;
  const card = `${name}, driver ${driver}, compute capability ${Number.isNaN(computeCapability) ? "unknown" : computeCapability.toFixed(1)}`;
  if (loaded && !loaded.startsWith(`${version}.`)) return `${card}: libtensorflow ${loaded} decides`;
  const built = `@tensorflow/tfjs-node-gpu (libtensorflow ${version}, CUDA ${cuda}, cuDNN ${cudnn})`;
  if (computeCapability >= below || computeCapability < from) {
    const which = computeCapability < from ? "older" : "newer";
    return `${card}: ${which} than ${built} knows; set DAAM_BACKEND=webgpu, or run WHEEL=tensorflow scripts/build-tfjs-node.sh, which builds against a newer libtensorflow with CUDA`;
  }
  if (parseInt(driver) < BUILT_WITH.driver)
    return `${card}: ${built} needs a driver from ${BUILT_WITH.driver} on: install one, or set DAAM_BACKEND=webgpu`;
  if (loaded) return `${card}: ${built} takes it where libcudart.so.11.0 and libcudnn.so.8 are found`;
  return `${card}: for CUDA run npm install ${built.split(" ")[0]}, with CUDA ${cuda} and cuDNN ${cudnn} on LD_LIBRARY_PATH; DAAM_BACKEND=webgpu needs neither`;
}
