import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("importing the library chooses no backend: tfjs runs at once on its own", () => {
  const script =
    'import("./dist/index.js").then(async () => console.log((await import("@tensorflow/tfjs")).scalar(2).square().dataSync()[0]))';
  const said = execFileSync(process.execPath, ["-e", script], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  assert.equal(said.trim().split("\n").at(-1), "4");
});
