import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { changeLines, changes, snapshot } from "#src/reproduction/changes.js";
import { freshFolder } from "../support/files.js";

it("files that came, went or changed are told; those that are not committed are not looked at", () => {
  const folder = freshFolder();
  mkdirSync(join(folder, "figures"));
  const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
  for (const name of ["a.csv", "figures/b.png", "c.md", "figures/d.svg"]) put(name, "before");
  const before = snapshot([folder, join(folder, "missing")]);
  const shown = (path: string) => (path === folder ? "results/quick" : path.slice(folder.length + 1));
  put("figures/d.svg", "after");
  put("c.md", "before");
  assert.deepEqual(changes(before, snapshot([folder])), []);
  assert.deepEqual(changeLines([folder], [], shown), [
    "no file of results/quick has changed: this run reproduces what is published",
  ]);
  put("figures/b.png", "after");
  put("e.json", "");
  rmSync(join(folder, "a.csv"));
  const changed = changes(before, snapshot([folder]));
  assert.deepEqual(changeLines([folder], changed, shown), [
    "3 files have changed in results/quick:",
    "  a.csv",
    "  e.json",
    "  figures/b.png",
  ]);
  assert.match(changeLines([folder], Array<string>(12).fill(folder), shown).at(-1)!, /and 2 more/);
});
