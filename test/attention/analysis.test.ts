import assert from "node:assert/strict";
import { test } from "node:test";
import {
  gaussianEntropy,
  importanceFactor,
  layerShares,
  productOfGaussians,
  shannonEntropy,
} from "#src/attention/analysis.js";
import { UserError } from "#src/errors.js";

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} ≠ ${expected}`);

test("importance factors span 0 to 1, and are 0 where the map is constant", () => {
  assert.deepEqual(
    [...importanceFactor({ layers: 2, features: 2, values: [2, 3, 4, 6] })],
    [0, 0.25, 0.5, 1],
  );
  assert.deepEqual([...importanceFactor({ layers: 1, features: 2, values: [5, 5] })], [0, 0]);
});

test("shares of the layers sum to 1", () => {
  assert.deepEqual(layerShares({ layers: 2, features: 2, values: [1, 1, 2, 4] }), [0.25, 0.75]);
});

test("a map of the wrong size is refused", () => {
  assert.throws(() => layerShares({ layers: 2, features: 2, values: [1, 2] }), UserError);
});

test("two Gaussians act as one of half the variance; its entropy falls by ½ log 2", () => {
  const one = { mean: 1, variance: 4 };
  const product = productOfGaussians([one, { mean: 3, variance: 4 }]);
  assert.deepEqual(product, { mean: 2, variance: 2 });
  near(gaussianEntropy(4) - gaussianEntropy(product.variance), 0.5 * Math.log(2));
});

test("entropy of equal weights is log n, whatever their scale", () => {
  near(shannonEntropy([0.5, 0.5, 0.5, 0.5]), Math.log(4));
  near(shannonEntropy([3, 0]), 0);
});
