import type { SiteIndex } from "#src/site/types.js";

/** Fills `root` for a query; returns what is to be ended when another page is shown. */
export type Page = (root: HTMLElement, query: URLSearchParams, index: SiteIndex) => void | (() => void);
