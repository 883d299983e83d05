import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { chooseBackend } from "#src/backend/choose.js";
import { gradients, sameOnWasm, values } from "./compare.js";

before(async () => {
  await chooseBackend("wasm", { threads: 2 });
});

type Pad = Parameters<typeof tf.conv2d>[3];

const around = (top: number, bottom: number, left: number, right: number): Pad => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
];

/** Input, filter, stride, padding. */
const CONVOLUTIONS: [number[], number[], (number | [number, number])?, Pad?][] = [
  // Winograd: channels on either side of 4, odd images, more than one block of tiles, of channels in and of channels out
  [
    [3, 8, 8, 3],
    [3, 3, 3, 5],
  ],
  [
    [2, 9, 7, 7],
    [3, 3, 7, 2],
  ],
  [
    [1, 6, 6, 1],
    [3, 3, 1, 9],
  ],
  [
    [2, 5, 5, 9],
    [3, 3, 9, 1],
  ],
  [
    [1, 1, 1, 3],
    [3, 3, 3, 3],
  ],
  [
    [9, 4, 6, 12],
    [3, 3, 12, 66],
  ],
  [
    [2, 3, 4, 135],
    [3, 3, 135, 6],
  ],
  [
    [1, 5, 3, 130],
    [3, 3, 130, 70],
  ],
  [
    [1, 3, 4, 131],
    [3, 3, 131, 12],
  ],
  [
    [1, 3, 4, 131],
    [3, 3, 131, 3],
  ],
  [
    [1, 4, 4, 3],
    [3, 3, 3, 260],
  ],
  // enough tiles for its filter gradient, the last block not full
  [
    [9, 8, 8, 3],
    [3, 3, 3, 5],
  ],
  [
    [15, 5, 5, 9],
    [3, 3, 9, 1],
  ],
  [
    [33, 3, 4, 70],
    [3, 3, 70, 6],
  ],
  [
    [9, 8, 7, 3],
    [3, 3, 3, 260],
  ],
  // and all the others
  [[2, 9, 7, 4], [3, 3, 4, 4], 2],
  [[2, 9, 7, 4], [3, 3, 4, 4], 2, "valid"],
  [[2, 8, 8, 4], [3, 3, 4, 6], 1, "valid"],
  [
    [2, 8, 8, 4],
    [2, 2, 4, 6],
  ],
  [[2, 8, 8, 4], [5, 5, 4, 6], 1, "valid"],
  [
    [1, 6, 6, 3],
    [1, 1, 3, 9],
  ],
  [
    [2, 8, 8, 3],
    [3, 5, 3, 4],
  ],
  [
    [2, 8, 8, 3],
    [4, 4, 3, 4],
  ],
  [[2, 8, 8, 3], [3, 3, 3, 4], 1, 2],
  [[2, 8, 8, 3], [3, 3, 3, 4], 1, around(0, 2, 1, 1)],
  [
    [2, 8, 9, 3],
    [3, 3, 3, 4],
    [1, 2],
  ],
];

for (const [input, filter, stride = 1, pad = "same"] of CONVOLUTIONS) {
  test(`conv2d [${input}] ∗ [${filter}], stride ${stride}, pad ${pad}`, () =>
    sameOnWasm(
      [input, filter],
      gradients((x, w) => tf.conv2d(x, w, stride, pad)),
    ));
}

test("fused convolution with bias and ReLU", () =>
  sameOnWasm(
    [[2, 7, 8, 3], [3, 3, 3, 6], [6]],
    gradients((x, filter, bias) =>
      tf.fused.conv2d({ x, filter, bias, strides: 1, pad: "same", activation: "relu" }),
    ),
  ));

test("fused convolution with another activation", () =>
  sameOnWasm([[2, 7, 8, 3], [3, 3, 3, 6], [6]], (x, filter, bias) =>
    tf.fused.conv2d({ x, filter, bias, strides: 1, pad: "same", activation: "relu6" }),
  ));

test("filter gradients that are exactly zero stay so, or Adam would act on their rounding errors", () =>
  sameOnWasm([[4, 4, 4, 3]], (x) => {
    const dy = tf.buffer([4, 4, 4, 2]);
    dy.set(0.3, 1, 0, 2, 1);
    const filter = tf.zeros([3, 3, 3, 2]);
    const [dw] = tf.grads((w: tf.Tensor) => tf.conv2d(x, w as tf.Tensor4D, 1, "same"))(
      [filter],
      dy.toTensor(),
    );
    return tf.notEqual(dw!, 0);
  }));

test("dilated convolution, without gradients in tfjs", () =>
  sameOnWasm(
    [
      [1, 9, 9, 2],
      [3, 3, 2, 3],
    ],
    (x, w) => tf.conv2d(x, w, 1, "valid", "NHWC", 2),
  ));

/** Batch, length, channels, width, stride, filters; widths of more than 512 products, which other products sum in parts. */
for (const [batch, length, channels, width, stride, filters] of [
  [2, 100, 1, 10, 5, 16],
  [1, 57, 300, 3, 2, 270],
  [3, 33, 7, 2, 2, 5],
  [2, 300, 12, 3, 1, 9],
] as const)
  test(`conv1d of ${channels} channels by ${filters} × ${width} has the digits of tfjs's kernel`, () => {
    tf.tidy(() => {
      const x = tf.tensor4d(values([batch, length, channels]), [batch, 1, length, channels]);
      const filter = tf.tensor4d(values([width, channels, filters]), [1, width, channels, filters]);
      const ours = tf.conv2d(x, filter, [1, stride], "valid");
      const theirs = tf.fused.conv2d({ x, filter, strides: [1, stride], pad: "valid" });
      assert.deepEqual(ours.shape, theirs.shape);
      assert.deepEqual(ours.dataSync(), theirs.dataSync());
    });
  });

for (const [a, b] of [
  [[5], [5]],
  [[40_000], [1]],
  [[], [7]],
  [
    [3, 1, 5],
    [4, 5],
  ],
  [
    [3, 4, 5],
    [3, 1, 1],
  ],
  [
    [2, 3, 4, 1],
    [1, 3, 4, 50],
  ],
  [
    [200, 300],
    [200, 1],
  ],
  [
    [1, 300],
    [200, 1],
  ],
  [
    [2, 1, 3, 1, 2, 1],
    [1, 5, 1, 4, 1, 6],
  ],
  [
    [2, 0],
    [1, 1],
  ],
] as const)
  test(`sum, difference and product of [${a}] and [${b}] to the last bit`, () =>
    sameOnWasm([[...a], [...b]], (x, y) => [tf.add(x, y), tf.sub(x, y), tf.mul(x, y)], 0));

test("conv1d with a stride", () =>
  sameOnWasm(
    [
      [2, 33, 3],
      [10, 3, 5],
    ],
    gradients((x, w) => tf.conv1d(x, w, 5, "valid")),
  ));

test("depthwise convolution", () =>
  sameOnWasm(
    [
      [2, 7, 8, 3],
      [3, 3, 3, 2],
    ],
    gradients((x, w) => tf.depthwiseConv2d(x, w, 1, "same")),
  ));

/** A, B, transpose A, transpose B. */
const PRODUCTS: [number[], number[], boolean?, boolean?][] = [
  [
    [1, 1],
    [1, 1],
  ],
  [
    [5, 7],
    [7, 3],
  ],
  [[7, 5], [7, 3], true],
  [[5, 7], [3, 7], false, true],
  [[7, 5], [3, 7], true, true],
  [[2, 7], [300, 7], false, true],
  [[300, 7], [2, 7], false, true],
  [
    [130, 66],
    [66, 270],
  ],
  [[66, 130], [66, 270], true],
  [
    [70, 1030],
    [1030, 9],
  ],
  [[1030, 70], [1030, 9], true],
  [[70, 1030], [9, 1030], false, true],
  [
    [4, 5, 7],
    [4, 7, 3],
  ],
  [[4, 7, 5], [4, 7, 3], true],
  [[2, 2, 5, 7], [2, 2, 3, 7], false, true],
  [[1, 5, 7], [1, 3, 7], false, true],
  [
    [1, 5, 7],
    [4, 7, 3],
  ],
  [[4, 5, 7], [1, 3, 7], false, true],
];

for (const [a, b, transposeA = false, transposeB = false] of PRODUCTS) {
  test(`matMul [${a}]${transposeA ? "ᵀ" : ""} · [${b}]${transposeB ? "ᵀ" : ""}`, () =>
    sameOnWasm(
      [a, b],
      a.length === 2 || a[0] === b[0]
        ? gradients((a, b) => tf.matMul(a, b, transposeA, transposeB))
        : (a, b) => tf.matMul(a, b, transposeA, transposeB),
    ));
}

test("matMul broadcasts on either side", () =>
  sameOnWasm(
    [
      [2, 1, 3, 4],
      [1, 3, 4, 5],
    ],
    // The cpu backend cannot: its side of the comparison is tiled.
    (a, b) =>
      tf.getBackend() === "cpu" ? tf.matMul(a.tile([1, 3, 1, 1]), b.tile([2, 1, 1, 1])) : tf.matMul(a, b),
  ));

test("fused matMul with bias and ReLU", () =>
  sameOnWasm(
    [[5, 6], [6, 9], [9]],
    gradients((a, b, bias) => tf.fused.matMul({ a, b, bias, activation: "relu" })),
  ));

const SUMS: [number[], number[] | undefined, boolean?][] = [
  [[64, 8], [0]],
  [[64, 8], [0], true],
  [
    [4, 8, 8, 16],
    [0, 1, 2],
  ],
  [[4, 8, 8, 17], [2, 0, 1], true],
  [
    [3, 70, 3],
    [0, 1],
  ],
  [
    [4, 8, 8, 16],
    [1, 2],
  ],
  [[100, 9], [1]],
  [[97, 130], [0]],
  [[4, 5], undefined],
];

for (const [shape, axis, keepDims] of SUMS) {
  test(`sum of [${shape}] over ${axis}`, () => sameOnWasm([shape], (x) => tf.sum(x, axis, keepDims)));
}

const SLICES: [number[], number[], number[]][] = [
  [[5], [1], [3]],
  [
    [4, 6],
    [1, 2],
    [2, 3],
  ],
  [
    [4, 6],
    [1, 0],
    [2, 6],
  ],
  [
    [4, 6],
    [1, 0],
    [2, -1],
  ],
  [
    [3, 4, 6, 5],
    [0, 1, 2, 0],
    [3, 2, 3, 5],
  ],
  [
    [2, 3, 40],
    [1, 1, 1],
    [1, 1, 38],
  ],
  [
    [2, 2, 2, 3, 4, 5],
    [0, 1, 0, 1, 1, 1],
    [2, 1, 2, 2, 2, 3],
  ],
];

for (const [shape, begin, size] of SLICES) {
  test(`slice of [${shape}] at ${begin}`, () => sameOnWasm([shape], (x) => tf.slice(x, begin, size)));
}

const PERMUTATIONS: Record<string, number[][]> = {
  "5,7": [[1, 0]],
  "3,12,8": [[0, 2, 1]],
  "3,4,2,5": [
    [0, 2, 3, 1],
    [0, 3, 1, 2],
    [0, 2, 1, 3],
    [3, 2, 1, 0],
    [0, 1, 2, 3],
  ],
  "3,1,2,5,7": [
    [2, 0, 3, 1, 4],
    [1, 3, 0, 2, 4],
    [4, 1, 2, 0, 3],
    [4, 2, 1, 0, 3],
  ],
  "2,3,2,3,2,3": [[5, 3, 1, 0, 2, 4]],
  "1,1,5": [[2, 0, 1]],
};

for (const [name, perms] of Object.entries(PERMUTATIONS)) {
  const shape = name.split(",").map(Number);
  for (const perm of perms) {
    test(`transpose of [${shape}] to ${perm}`, () => sameOnWasm([shape], (x) => tf.transpose(x, perm)));
  }
}

for (const axis of [0, 1, 2]) {
  test(`unstack along ${axis}`, () => sameOnWasm([[3, 4, 5]], (x) => tf.unstack(x, axis)));
}

test("split", () => sameOnWasm([[3, 9, 5]], (x) => [...tf.split(x, 3, 1), ...tf.split(x, [2, 1, 2], -1)]));

test("gather along any axis", () =>
  sameOnWasm([[3, 5, 40]], (x) => {
    const rows = tf.tensor2d([[4, 0, 4]], [1, 3], "int32");
    return [
      tf.gather(x, rows, 1),
      tf.gather(x, rows.flatten(), 2),
      tf.gather(x, tf.tensor2d([[1], [0], [4]], [3, 1], "int32"), 1, 1),
    ];
  }));

test("gather refuses an index that is out of range", async () => {
  await tf.setBackend("wasm");
  assert.throws(
    () => tf.tidy(() => tf.gather(tf.ones([3]), tf.tensor1d([3], "int32"))),
    /index 3 is not in \[0, 2\]/,
  );
});

test("tile", () =>
  sameOnWasm([[2, 3, 4]], (x) => [
    tf.tile(x, [1, 1, 3]),
    tf.tile(x, [2, 3, 1]),
    tf.tile(x.slice([0, 0, 0], [2, 3, 1]), [1, 2, 5]),
    tf.tile(x.transpose(), [2, 1, 2]),
  ]));

test("elementary functions, from one end of their range to the other", () =>
  sameOnWasm(
    [[6, 7, 5]],
    (x) => [
      x.exp(),
      x.mul(3).tanh(),
      x.mul(3).erf(),
      tf.tensor1d([-200, -88, 0, 88, -0.0001]).exp().log().maximum(-86),
      tf.tensor1d([-1e9, 50, 10, 4, -4, 0]).tanh(),
      tf.tensor1d([-1e9, 50, 10, 4, -4, 0]).erf(),
      tf
        .tensor1d([NaN, NaN])
        .exp()
        .add(tf.tensor1d([NaN, NaN]).tanh())
        .isNaN(),
    ],
    2e-6,
  ));

test("tanh and erf keep their relative precision near 0", async () => {
  await tf.setBackend("wasm");
  const x = [1e-3, -1e-5, 1e-7];
  const read = async (t: tf.Tensor) => [...(await t.data())];
  const [tanh, erf] = tf.tidy(() => [tf.tensor1d(x).tanh(), tf.tensor1d(x).erf()]);
  (await read(tanh!)).forEach((y, i) => assert.ok(Math.abs(y / Math.tanh(x[i]!) - 1) < 1e-6));
  (await read(erf!)).forEach((y, i) =>
    assert.ok(Math.abs(y / (x[i]! * (2 / Math.sqrt(Math.PI))) - 1) < 1e-6),
  );
  tf.dispose([tanh!, erf!]);
});

test("clone and cast share data without a leak", () =>
  sameOnWasm([[3, 4]], (x) => [x.clone(), x.mul(9).toInt().toFloat()]));

test("gather, and its gradient for repeated rows", () =>
  sameOnWasm(
    [[9, 4]],
    gradients((w) => tf.gather(w, tf.tensor1d([1, 3, 1, 8], "int32"))),
  ));

test("what encoders are made of has gradients", () =>
  sameOnWasm(
    [
      [2, 5, 8],
      [8, 8],
    ],
    gradients((x, w) => {
      const centred = x.sub(x.mean(-1, true));
      const normal = centred.div(centred.square().mean(-1, true).add(1e-5).sqrt());
      const gelu = normal.mul(normal.div(Math.SQRT2).erf().add(1)).div(2) as tf.Tensor3D;
      const attention = tf.softmax(tf.matMul(gelu, normal, false, true));
      const mixed = tf.matMul(attention, gelu).reshape([10, 8]).matMul(w).reshape([2, 5, 8]);
      return mixed.mul(mixed.sigmoid());
    }),
    2e-5,
  ));

test("einsum, without gradients in tfjs", () =>
  sameOnWasm(
    [
      [2, 5, 8],
      [8, 4, 6],
    ],
    (x, w) => tf.einsum("bld,dhk->blhk", x, w),
  ));
