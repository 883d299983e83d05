import { describe } from "node:test";
import * as tf from "@tensorflow/tfjs";

tf.enableProdMode();

/** Runs a suite once for every backend that is present here. */
export function onEveryBackend(name: string, suite: () => void): void {
  describe(`${name} (cpu)`, suite);
}
