import assert from "node:assert/strict";
import { test } from "node:test";
import { inkOn } from "#src/report/figures/contrast.js";

test("black on white and white on black have the contrast that WCAG gives", () => {
  const grey = [
    [0, "#000000"],
    [1, "#ffffff"],
  ] as const;
  assert.deepEqual(inkOn(grey, 0), { ink: "#ffffff", contrast: 21 });
  assert.deepEqual(inkOn(grey, 1), { ink: "#000000", contrast: 21 });
});

test("text on every colour of a scale has the contrast that WCAG AA asks for", () => {
  const scale = [
    [0, "#15161b"],
    [0.5, "#5a5fc4"],
    [1, "#ffe08a"],
  ] as const;
  for (let at = 0; at <= 1; at += 0.01) assert.ok(inkOn(scale, at).contrast >= 4.5, String(at));
});
