import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RawInput } from "#src/datasets/index.js";
import { UserError } from "#src/errors.js";
import { randomStream } from "#src/random.js";
import { blur } from "#src/shifts/image.js";
import { type Shift, shiftInput, shiftName, shiftTitle } from "#src/shifts/shift.js";

const audio = (samples: Float32Array): RawInput => ({ kind: "audio", samples, rate: 16_000 });
const text = (words: number): RawInput => ({
  kind: "text",
  text: Array.from({ length: words }, (_, i) => `w${i}`).join(" "),
});
const image = (
  byte: (i: number) => number,
  height = 32,
  width = 32,
): Extract<RawInput, { kind: "image" }> => ({
  kind: "image",
  data: Uint8Array.from({ length: 3 * height * width }, (_, i) => byte(i)),
  height,
  width,
});
const tone = (n: number) => Float32Array.from({ length: n }, (_, i) => 0.3 * Math.sin(i / 7));
const samplesOf = (input: RawInput) => (input.kind === "audio" ? input.samples : assert.fail());
const wordsOf = (input: RawInput) => (input.kind === "text" ? input.text.split(" ") : assert.fail());
const bytesOf = (input: RawInput) => (input.kind === "image" ? input.data : assert.fail());
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const power = (values: ArrayLike<number>) => mean(Array.from(values, (x) => x * x));

describe("noise on audio", () => {
  for (const snr of [20, 10, 5, 0])
    for (const n of [160, 80_000])
      it(`has ${snr} dB over a clip of ${n} samples`, () => {
        const clip = tone(n);
        const noisy = samplesOf(shiftInput(audio(clip), { kind: "noise", snr }, "a"));
        const noise = noisy.map((x, i) => x - clip[i]!);
        assert.equal(noisy.length, n);
        assert.ok(Math.abs(10 * Math.log10(power(clip) / power(noise)) - snr) < 0.1);
      });

  it("is white and unlike from item to item", () => {
    const silentish = new Float32Array(20_000).fill(0.5);
    const noise = (id: string) =>
      samplesOf(shiftInput(audio(silentish), { kind: "noise", snr: 0 }, id)).map((x) => x - 0.5);
    const [a, b] = [noise("a"), noise("b")];
    const correlation = (x: Float32Array, y: Float32Array) => mean(x.map((v, i) => v * y[i]!)) / power(a);
    assert.ok(Math.abs(correlation(a, b)) < 0.03);
    assert.ok(Math.abs(correlation(a.subarray(1), a.subarray(0, -1))) < 0.03);
  });

  it("leaves silence silent", () => {
    const noisy = samplesOf(shiftInput(audio(new Float32Array(100)), { kind: "noise", snr: 0 }, "a"));
    assert.ok(noisy.every((x) => x === 0));
  });
});

describe("word drop", () => {
  for (const share of [0.1, 0.2, 0.4])
    it(`drops ${share} of the words and keeps the order of the others`, () => {
      const all = wordsOf(text(50));
      const left = wordsOf(shiftInput(text(50), { kind: "word-drop", share }, "a"));
      assert.equal(left.length, Math.round(50 * (1 - share)));
      assert.deepEqual(
        left,
        all.filter((word) => left.includes(word)),
      );
    });

  it("drops every word as often as another", () => {
    const kept = new Map<string, number>();
    for (let item = 0; item < 2000; item++)
      for (const word of wordsOf(shiftInput(text(5), { kind: "word-drop", share: 0.4 }, `${item}`)))
        kept.set(word, (kept.get(word) ?? 0) + 1);
    assert.equal(kept.size, 5);
    for (const count of kept.values()) assert.ok(Math.abs(count / 2000 - 0.6) < 0.05, `${count}`);
  });

  it("leaves at least one word", () => {
    for (const words of [1, 2, 3])
      assert.equal(wordsOf(shiftInput(text(words), { kind: "word-drop", share: 0.99 }, "a")).length, 1);
  });
});

describe("noise on images", () => {
  for (const sd of [0.05, 0.1, 0.2])
    it(`has σ ${sd} around a grey that it cannot leave`, () => {
      const grey = image(() => 128);
      const noise = Array.from(
        bytesOf(shiftInput(grey, { kind: "image-noise", sd }, "a")),
        (b) => (b - 128) / 255,
      );
      assert.ok(Math.abs(mean(noise)) < 3 * (sd / Math.sqrt(3072)));
      // at σ 0.2 one in a hundred is cut at 0 or 1
      assert.ok(Math.abs(Math.sqrt(power(noise)) / sd - 1) < 0.04, `${Math.sqrt(power(noise))}`);
    });

  it("is cut at black and white, not wrapped", () => {
    const [black, white] = [0, 255].map((byte) =>
      bytesOf(
        shiftInput(
          image(() => byte),
          { kind: "image-noise", sd: 0.2 },
          "a",
        ),
      ),
    );
    assert.ok(black!.every((byte) => byte < 255) && black!.includes(0));
    assert.ok(white!.every((byte) => byte > 0) && white!.includes(255));
  });
});

describe("blur", () => {
  const random = randomStream(0, "test");
  const busy = image(() => random.below(256));

  for (const sd of [0.5, 1, 2])
    it(`of σ ${sd} keeps a constant image, and the mean of another`, () => {
      const shift: Shift = { kind: "blur", sd };
      assert.deepEqual(
        bytesOf(
          shiftInput(
            image(() => 77),
            shift,
            "a",
          ),
        ),
        image(() => 77).data,
      );
      const blurred = bytesOf(shiftInput(busy, shift, "a"));
      for (const plane of [0, 1, 2]) {
        const of = (data: Uint8Array) => mean(data.subarray(1024 * plane, 1024 * (plane + 1)));
        assert.ok(Math.abs(of(blurred) - of(busy.data)) < 0.1);
      }
    });

  it("spreads a point as a Gaussian, in its own plane", () => {
    const [height, width, at] = [21, 23, 10 * 23 + 11];
    const blurred = blur(
      image((i) => (i === at ? 255 : 0), height, width),
      1,
    );
    const peak = 255 / (2 * Math.PI);
    const expected = (dy: number, dx: number) => peak * Math.exp(-(dy ** 2 + dx ** 2) / 2);
    for (const [dy, dx] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [-1, 1],
      [2, 0],
      [0, -2],
    ] as const)
      assert.ok(Math.abs(blurred[at + dy * width + dx]! - expected(dy, dx)) <= 0.6, `${dy}, ${dx}`);
    assert.ok(blurred.subarray(height * width).every((byte) => byte === 0));
  });

  it("goes on beyond the edges as a mirror image", () => {
    const edge = blur(
      image((i) => (i % 8 === 0 ? 200 : 0), 8, 8),
      1,
    );
    const [w0, w1, w2] = [0, 1, 2].map((x) => Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI));
    assert.ok(Math.abs(edge[0]! - 200 * (w0! + w1!)) <= 1);
    assert.ok(Math.abs(edge[1]! - 200 * (w1! + w2!)) <= 1);
  });
});

describe("shifts", () => {
  const shifts: Shift[] = [
    { kind: "noise", snr: 5 },
    { kind: "word-drop", share: 0.1 },
    { kind: "image-noise", sd: 0.05 },
    { kind: "blur", sd: 0.5 },
  ];
  const inputs = [audio(tone(500)), text(30), image((i) => i % 256), image((i) => i % 256)];

  it("have names and titles", () => {
    assert.deepEqual(shifts.map(shiftName), ["noise-5", "word-drop-0.1", "image-noise-0.05", "blur-0.5"]);
    assert.deepEqual(shifts.map(shiftTitle), [
      "noise 5 dB",
      "words dropped 10 %",
      "noise σ 0.05",
      "blur σ 0.5",
    ]);
  });

  for (const [i, shift] of shifts.entries())
    it(`${shiftName(shift)} repeats for an item, changes it, and leaves the original alone`, () => {
      const input = inputs[i]!;
      const before = structuredClone(input);
      const once = shiftInput(input, shift, "a");
      assert.deepEqual(shiftInput(input, shift, "a"), once);
      assert.notDeepEqual(once, input);
      assert.deepEqual(input, before);
    });

  it("are refused for another kind of input", () => {
    const wrong = () => shiftInput(text(3), { kind: "blur", sd: 1 }, "a");
    assert.throws(wrong, UserError);
    assert.throws(wrong, /blur-1 does not apply to text/);
  });
});
