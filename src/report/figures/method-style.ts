import { methods } from "../../experiments/plan/methods.js";
import { probes } from "../../experiments/plan/probes.js";
import { type Style, styleAt } from "./figure.js";

const rows = [...methods, ...Object.values(probes).flatMap((probe) => probe.rows)];
const names = [...new Set(rows.map(({ name }) => name))];

/** A method's place among all, which its look goes by. */
export const placeOf = (name: string): number => names.indexOf(name);

/** A method looks the same in every figure. */
export const styleOf = (name: string): Style => styleAt(placeOf(name));
