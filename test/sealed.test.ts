import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readSealed, sealed } from "#src/sealed.js";
import { freshFolder } from "./support/files.js";

const path = join(freshFolder(), "sealed.json");
const value = { name: "text/mha/run-1", curve: [{ loss: 0.1 }], versions: { node: "20" } };

function read(bytes: Uint8Array | string): { value: unknown; damage: string[] } {
  writeFileSync(path, bytes);
  const damage: string[] = [];
  return { value: readSealed(path, (why) => damage.push(why)), damage };
}

test("what was sealed is read, and what has no seal", () => {
  assert.deepEqual(read(sealed(value)), { value, damage: [] });
  assert.deepEqual(read(`${JSON.stringify(value)}\n`), { value, damage: [] });
  assert.equal(
    readSealed(join(path, "nothing"), () => assert.fail()),
    undefined,
  );
});

test("every flipped bit and every cut shows", () => {
  const bytes = Buffer.from(sealed(value));
  for (let bit = 0; bit < 8 * (bytes.length - 1); bit++) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    const { value: found, damage } = read(damaged);
    assert.ok(found === undefined && damage.length === 1, `bit ${bit}: ${damaged.toString("latin1")}`);
  }
  for (let length = 0; length < bytes.length - 1; length++)
    assert.equal(read(bytes.subarray(0, length)).damage.length, 1, `${length} bytes`);
});
