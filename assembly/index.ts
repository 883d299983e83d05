export { runJob, serve } from "./threads";
export { BLOCK, convolveScratch, filterGradientScratch, transformFilter } from "./winograd";
