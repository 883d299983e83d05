export { FEATURES } from "./density";
export { LANES } from "./layout";
export { COLUMNS, PRODUCT_SCRATCH, ROWS } from "./product";
export { runJob, serve } from "./threads";
export { CHANNELS, PART, sumOfSquares } from "./training";
export { SPAN } from "./unary";
export { BLOCK, convolveScratch, filterGradientScratch, transformFilter } from "./winograd";
