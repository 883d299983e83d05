import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "#src/errors.js";
import { impostor, impostorOf, refuseImpostor } from "#src/formats/impostor.js";
import {
  pickleBytes,
  pytorchBytes,
  safetensorsBytes,
  tarBytes,
  wavBytes,
  zipBytes,
} from "#src/fuzz/samples.js";
import { refusal, temporaryFolder } from "../support/files.js";

const { file } = temporaryFolder();
const pointer =
  "version https://git-lfs.github.com/spec/v1\n" +
  "oid sha256:9a4c1e3f0b7d5c2a8e6f4d1b3c5a7e9f2d4b6c8a0e1f3d5b7c9a2e4f6d8b0c1a\nsize 1261990257\n";

const found: [string, string, Buffer | string, RegExp][] = [
  ["nothing", "model.safetensors", "", /^is empty: fetch it again$/],
  [
    "a git-LFS pointer",
    "model.safetensors",
    pointer,
    /pointer, not the file of 1261990257 bytes.*`git lfs pull`/,
  ],
  ["a git-annex pointer", "a.wav", "/annex/objects/MD5E-s1--x.wav\n", /git-annex pointer.*`git annex get`/],
  [
    "a web page",
    "a.zip",
    "\ufeff\n<!-- x --> <!DOCTYPE html>\n<html><head><title> Sign in </title>",
    /^is an HTML page \("Sign in"\), not the file/,
  ],
  ["a web page without a type", "a.csv", "<HTML lang=en><body>", /^is an HTML page, not/],
  ["a hub's error", "a.bin", '{"error":"Repository not found"}', /error message .*Repository not found/],
  ["GitHub's error", "train.csv", "404: Not Found", /^is a server's error message \("404: Not Found"\)/],
  ["a bucket's error", "a.tgz", '<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code>', /error message/],
  ["reserved space", "a.bin", Buffer.alloc(5_000), /begins with zeros alone/],
  ["a RAR archive", "a.zip", Buffer.from("Rar!\x1a\x07\x01\0", "latin1"), /RAR archive.*unrar x/],
  ["a 7z archive", "a.zip", Buffer.from("7z\xbc\xaf\x27\x1c\0\x04", "latin1"), /7z archive.*7z x/],
  ["xz", "a.tar", Buffer.from("\xfd7zXZ\0\0", "latin1"), /xz/],
  ["bzip2", "a.tar", Buffer.from("BZh91AY", "latin1"), /bzip2/],
  ["Parquet", "train.csv", Buffer.from("PAR1\x15\x04", "latin1"), /Parquet.*export it as CSV/],
  ["a browser's unfinished file", "a.zip.crdownload", "PK", /^is an unfinished download of 2 bytes/],
  ["an unfinished file in capitals", "A.ZIP.PART", "PK", /^is an unfinished download of 2 bytes/],
  [
    "half a zip",
    "half.zip",
    zipBytes([{ name: "a", bytes: Buffer.alloc(999, 1) }]).subarray(0, 40),
    /its end is missing/,
  ],
];
for (const [what, name, bytes, why] of found)
  test(`${what} is named`, () => {
    const path = file(`${what.replaceAll(" ", "-")}/${name}`, bytes);
    assert.match(impostor(path) ?? "", why);
    assert.throws(() => refuseImpostor(path), new UserError(`${path} ${impostor(path)}`));
  });

test("what a downloader left beside a file tells that it is not whole", () => {
  const path = file("beside/a.zip", "");
  file("beside/a.zip.part", "PK");
  assert.match(impostor(path)!, /unfinished download \(a.zip.part lies beside it\)/);
  const reserved = file("aria/a.zip", "PK\x05\x06 and space");
  file("aria/a.zip.aria2", "x");
  assert.match(impostor(reserved)!, /a.zip.aria2 lies beside it/);
});

test("nothing is said against real files", () => {
  const real: Record<string, Buffer | string> = {
    "a.wav": wavBytes([[0, 1]], 16_000, 16),
    "a.zip": zipBytes([{ name: "a", bytes: Buffer.alloc(9) }]),
    "a.tar": tarBytes([{ name: "a", bytes: Buffer.alloc(9) }]),
    "a.tar.gz": gzipSync(tarBytes([{ name: "a", bytes: Buffer.alloc(9) }])),
    "a.safetensors": safetensorsBytes({ a: { dtype: "F32", shape: [4], bytes: 16 } }),
    "a.bin": pytorchBytes(pickleBytes()),
    "a.csv": '"1","Access to page 404: Not Found","<html>"\n',
    "train.bin": Buffer.concat([Buffer.from([4, 0]), Buffer.alloc(3072)]),
    "config.json": '{ "model_type": "llama" }',
  };
  for (const [name, bytes] of Object.entries(real))
    assert.equal(impostor(file(`real/${name}`, bytes)), undefined, name);
  for (const folder of readdirSync("test/fixtures/reference", { withFileTypes: true }))
    if (folder.isFile()) {
      const bytes = readFileSync(`test/fixtures/reference/${folder.name}`);
      assert.equal(impostorOf(bytes.subarray(0, 1024), bytes.length), undefined, folder.name);
    }
});

test("a file that cannot be opened is refused", () => {
  assert.throws(() => impostor("/nowhere/a.zip"), refusal(/cannot be opened \(ENOENT\)/));
});
