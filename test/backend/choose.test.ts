import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before, test } from "node:test";
import { promisify } from "node:util";
import * as tf from "@tensorflow/tfjs";
import { chooseBackend, listBackends, type BackendStatus } from "#src/backend/choose.js";
import { BACKENDS } from "#src/backend/names.js";
import { UserError } from "#src/errors.js";

let status: BackendStatus[];
before(async () => {
  status = await listBackends();
});

const present = (name: string) => status.some((backend) => backend.name.startsWith(name) && backend.present);

test("an unknown backend is refused, and the valid ones listed", () =>
  assert.rejects(chooseBackend("cuda"), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.message, 'unknown backend "cuda": choose one of auto, tensorflow, webgpu, wasm, cpu');
    return true;
  }));

for (const name of ["tensorflow", "webgpu"] as const) {
  test(`${name} where it is not there: one line with the remedy`, async (t) => {
    if (present(name)) return t.skip(`${name} is there`);
    await assert.rejects(chooseBackend(name), (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, new RegExp(`^backend "${name}" is not available: .+; run npm install .+$`));
      return true;
    });
  });
}

test("every backend is listed, with what it is or why it is missing", () => {
  for (const name of BACKENDS) assert.ok(status.some((backend) => backend.name.startsWith(name)));
  for (const { detail } of status) assert.match(detail, /^[^\n]{5,400}$/);
  assert.ok(present("wasm") && present("cpu"));
});

test("auto takes tensorflow, or says that it is missing", async () => {
  const { name, line } = await chooseBackend("auto");
  assert.equal(name, present("tensorflow") ? "tensorflow" : "wasm");
  assert.equal(tf.getBackend(), name);
  assert.match(
    line,
    name === "wasm" ? /^backend: wasm, SIMD, \d+ threads? \(.*tfjs-node .*\)$/ : /libtensorflow/,
  );
});

test("DAAM_BACKEND is the default", async () => {
  process.env.DAAM_BACKEND = "cpu";
  try {
    assert.equal((await chooseBackend()).name, "cpu");
  } finally {
    delete process.env.DAAM_BACKEND;
  }
});

/** Runs an ES module in a process of its own; fails where the process does not end. */
async function runModule(source: string): Promise<string> {
  const args = ["--input-type=module", "--eval", source];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  assert.equal(stderr, "");
  return stdout;
}

/** Prints a hash of the bits of a decoder's values and gradients. */
const DIGITS = (threads: number) => `
  import * as tf from "@tensorflow/tfjs";
  import { createHash } from "node:crypto";
  import { chooseBackend } from "#src/backend/choose.js";
  await chooseBackend("wasm", { threads: ${threads} });
  const random = (shape, seed) => tf.randomUniform(shape, -1, 1, "float32", seed);
  const shapes = [[9, 7, 8, 12], [3, 3, 12, 70], [70], [3, 3, 70, 12], [12], [7 * 8 * 12, 33]];
  const relu = (x, filter, bias) => tf.fused.conv2d({ x, filter, bias, strides: 1, pad: "same", activation: "relu" });
  const f = (x, w, b, v, c, u) => tf.softmax(relu(relu(x, w, b), v, c).reshape([9, -1]).matMul(u)).square().sum();
  const hash = createHash("sha256");
  for (let step = 0; step < 20; step++) {
    const { value, grads } = tf.valueAndGrads(f)(shapes.map((shape, i) => random(shape, i + step)));
    for (const t of [value, ...grads]) hash.update(new Uint8Array(t.dataSync().buffer));
  }
  console.log(hash.digest("hex"));
`;

test("digits do not depend on the number of threads, and processes with threads end", async () => {
  const [one, ...more] = await Promise.all([1, 2, 5].map((threads) => runModule(DIGITS(threads))));
  assert.match(one!, /^[0-9a-f]{64}\n$/);
  for (const other of more) assert.equal(other, one);
});
