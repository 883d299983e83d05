import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkTarget, exportFile } from "#src/features/export.js";
import { refusal, temporaryFolder } from "../support/files.js";

const { root, file } = temporaryFolder();

test("a file is copied over another and into a new folder, and nothing else is left", () => {
  const cached = file("cache/features.safetensors", "hidden states");
  for (const target of [file("out/old.safetensors", "old"), join(root, "new", "folder", "a.safetensors")]) {
    checkTarget(target);
    exportFile(cached, target);
    assert.equal(readFileSync(target, "utf8"), "hidden states");
    assert.equal(readdirSync(join(target, "..")).length, 1);
  }
});

test("what is no name of a file, or is there and no regular file, is refused before anything is made", () => {
  mkdirSync(join(root, "folder"));
  const inFile = join(file("a-file", ""), "sub", "x.safetensors");
  const bad: [string, RegExp][] = [
    ["", /^cannot export to "": name a file, such as/],
    [`${root}/new-folder/`, /new-folder\/": name a file/],
    [join(root, "folder"), /^cannot export to .*folder: it is a folder; name another file/],
    ["/dev/null", /^cannot export to \/dev\/null: it is no regular file; name another file/],
    [inFile, /^cannot write .*: a part of the path is a file; move that away, or export to another place$/],
  ];
  for (const [target, why] of bad) assert.throws(() => checkTarget(target), refusal(why), target);
  assert.ok(!existsSync(join(root, "new-folder")));
});

test("a copy that fails says that the features are kept, and leaves nothing", () => {
  const target = join(root, "elsewhere", "x.safetensors");
  assert.throws(
    () => exportFile(join(root, "gone"), target),
    refusal(
      /^cannot write .*, or export to another place: the features are kept in .*gone, and are not made/,
    ),
  );
  assert.deepEqual(readdirSync(join(root, "elsewhere")), []);
});
