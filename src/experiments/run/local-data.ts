import type { Preset } from "../types.js";

/** A preset with the data sets that it prefers where they are here; nothing is fetched. */
export async function withLocalData(preset: Preset): Promise<Preset> {
  const tasks = { ...preset.tasks };
  for (const [task, { preferred, extraction, ...budget }] of Object.entries(tasks)) {
    if (!preferred || !extraction) continue;
    const { datasetNamed, locate } = await import("../../datasets/index.js");
    const here = await locate(datasetNamed(preferred), { fetch: false }).then(
      () => true,
      () => false,
    );
    tasks[task] = { ...budget, extraction: here ? { ...extraction, dataset: preferred } : extraction };
  }
  return { ...preset, tasks };
}
