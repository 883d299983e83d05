/** What notebooks import: a few calls by name, and the others by what they are about. */
export { markdown, show, showPicture, table, withProgress } from "./notebook/display.js";
export { dataFrame } from "./notebook/frame.js";
export { openRun } from "./experiments/run/open-run.js";
export { findPreset } from "./experiments/plan/presets.js";
export { loadFeatures } from "./features/load.js";
export type { Figure } from "./report/figures/figure.js";
export * as claims from "./notebook/calls/claims.js";
export * as figures from "./notebook/calls/figures.js";
export * as mechanism from "./notebook/calls/mechanism.js";
export * as probes from "./notebook/calls/probes.js";
export * as robustness from "./notebook/calls/robustness.js";
export * as tables from "./notebook/calls/tables.js";
export * as vqVae from "./notebook/calls/vq-vae.js";
