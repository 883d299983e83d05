/** The VQ-VAE with and without density attention. */
export { recordedVqVae } from "../../generative/publish.js";
export { shortSettings } from "../../generative/settings.js";
export { madeUpImages, shortRun } from "../../generative/short-run.js";
export { seedTable, vqVaeCurves, vqVaeSentence, vqVaeSizes, vqVaeTable } from "../../generative/tables.js";
