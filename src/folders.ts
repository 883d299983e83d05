import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository: the parent of dist/. */
export const repository = fileURLToPath(new URL("..", import.meta.url));

/** Where runs/ and results/ lie: the repository, unless DAAM_HOME names another folder. */
export const home = () => process.env.DAAM_HOME ?? repository;

/** Works in progress of a preset; ignored by git. The only place where finished cells are looked for. */
export const runFolder = (preset: string) => join(home(), "runs", preset);

/** Published tables, figures and cells of a preset. */
export const resultsFolder = (preset: string) => join(home(), "results", preset);

/** Folder of the shipped feature files. */
export const featuresFolder = join(repository, "data", "features");

/** Where raw data lies that DAAM_DATA does not have. */
export const rawFolder = (root = repository) => join(root, "data", "raw");

/** Where extracted hidden states are kept. */
export const cacheFolder = () => join(home(), "data", "cache");
