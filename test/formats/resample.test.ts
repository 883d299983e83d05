import assert from "node:assert/strict";
import { test } from "node:test";
import { resample } from "#src/formats/resample.js";

for (const from of [8_000, 11_025, 44_100, 48_000])
  test(`a tone of 440 Hz at ${from} Hz is the same tone at 16 kHz`, async () => {
    const tone = (rate: number, frames: number) =>
      Float32Array.from({ length: frames }, (_, i) => 0.5 * Math.sin((2 * Math.PI * 440 * i) / rate));
    const out = await resample(tone(from, from), from, 16_000);
    const expected = tone(16_000, 16_000);
    assert.equal(out.length, 16_000);
    // away from the edges, where the signal begins and ends abruptly
    const error = out
      .slice(300, -300)
      .reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i + 300]!)), 0);
    assert.ok(error < 1e-5, `${error}`);
  });

test("resampling removes what lies above the new band, and keeps length and silence", async () => {
  const high = Float32Array.from({ length: 48_000 }, (_, i) => Math.sin((2 * Math.PI * 12_000 * i) / 48_000));
  const out = await resample(high, 48_000, 16_000);
  assert.ok(out.slice(300, -300).every((value) => Math.abs(value) < 1e-4));
  const long = await resample(new Float32Array(250_001), 48_000, 16_000);
  assert.equal(long.length, Math.ceil(250_001 / 3));
  assert.ok(long.every((value) => value === 0));
  assert.equal((await resample(new Float32Array(480), 48_000, 16_000)).length, 160);
});
