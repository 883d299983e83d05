import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "#src/errors.js";
import { archiveEntries, defaultLimits } from "#src/formats/archive.js";
import { tarBytes, zipBytes } from "#src/fuzz/samples.js";
import { refusal, temporaryFolder } from "../support/files.js";

const { root: folder, file } = temporaryFolder();

const none = Buffer.alloc(0);
const files = [
  { name: "set/a.txt", bytes: Buffer.from("first") },
  { name: "set/large.bin", bytes: Buffer.alloc(300_000, 7) },
  { name: "set/empty", bytes: none },
  { name: "b.txt", bytes: Buffer.from("last") },
];
const formats: Record<string, (list: { name: string; bytes: Buffer }[]) => Buffer> = {
  zip: zipBytes,
  tar: tarBytes,
  "tar.gz": (list) => gzipSync(tarBytes(list)),
};

async function contents(path: string, limits = defaultLimits): Promise<[string, string][]> {
  const read: [string, string][] = [];
  for await (const entry of archiveEntries(path, limits)) {
    const bytes = await entry.read();
    assert.equal(bytes.length, entry.size);
    read.push([entry.name, bytes.toString("latin1")]);
  }
  return read;
}

const refuses = (path: string, why: RegExp, limits = defaultLimits) =>
  assert.rejects(
    contents(path, limits),
    (error) => error instanceof UserError && error.message.startsWith(`${path}: `) && why.test(error.message),
  );

for (const [format, pack] of Object.entries(formats)) {
  test(`${format}: entries come in order, read, streamed or passed over`, async () => {
    const path = file(`good.${format}`, pack(files));
    assert.deepEqual(
      await contents(path),
      files.map(({ name, bytes }) => [name, bytes.toString("latin1")]),
    );
    const names: string[] = [];
    for await (const entry of archiveEntries(path)) {
      names.push(entry.name);
      if (entry.name !== "set/large.bin") continue;
      // only the first piece is taken
      for await (const chunk of await entry.stream()) {
        assert.equal(chunk[0], 7);
        break;
      }
    }
    assert.deepEqual(
      names,
      files.map(({ name }) => name),
    );
  });

  test(`${format}: a caller may stop early`, async () => {
    for await (const entry of archiveEntries(file(`stop.${format}`, pack(files)))) if (entry.size) break;
  });

  test(`${format}: a truncated archive is refused`, async () => {
    const bytes = pack(files);
    await refuses(
      file(`cut.${format}`, bytes.subarray(0, Math.floor(bytes.length / 2))),
      /not a readable archive/,
    );
  });

  for (const name of ["../evil", "/etc/evil", "set/../../evil", "C:/evil"])
    test(`${format}: the path ${name} is refused`, async () => {
      await refuses(
        file(`path.${format}`, pack([{ name, bytes: none }])),
        /outside|absolute path|invalid relative path/,
      );
    });

  test(`${format}: more than the limits is refused before it is unpacked`, async () => {
    const path = file(`limit.${format}`, pack(files));
    await refuses(path, /claims 300000 bytes; at most 1000/, { ...defaultLimits, entry: 1_000 });
    await refuses(path, /claims more than 300001 bytes/, { ...defaultLimits, total: 300_001 });
    await refuses(path, /or 2 entries/, { ...defaultLimits, entries: 2 });
  });
}

test("a tar cut between two entries is refused, one zero block is enough", async () => {
  const bytes = tarBytes([files[0]!, files[3]!]);
  for (const end of [1024, bytes.length - 1024])
    await refuses(file("between.tar", bytes.subarray(0, end)), /truncated: the blocks of zeros/);
  assert.equal((await contents(file("short.tar", bytes.subarray(0, -512)))).length, 2);
});

test("links and devices are refused", async () => {
  const link = { name: "link", bytes: none, type: "SymbolicLink" as const, link: "/etc/passwd" };
  await refuses(file("link.tar", tarBytes([link])), /"link" is a SymbolicLink, not a file/);
  await refuses(file("hard.tar", tarBytes([{ ...link, type: "Link" }])), /"link" is a Link/);
  const zipped = zipBytes([{ name: "link", bytes: Buffer.from("/etc/passwd"), mode: 0o120777 }]);
  await refuses(file("link.zip", zipped), /"link" is a link or a device/);
});

test("folders are passed over", async () => {
  const path = file("folder.tar", tarBytes([{ name: "set/", bytes: none, type: "Directory" }, files[0]!]));
  assert.deepEqual(await contents(path), [["set/a.txt", "first"]]);
  const zip = file("folder.zip", zipBytes([{ name: "set/", bytes: none, mode: 0o040755 }, files[0]!]));
  assert.deepEqual(await contents(zip), [["set/a.txt", "first"]]);
});

test("a false checksum and a false size are refused", async () => {
  const zip = zipBytes([files[0]!]);
  const central = zip.indexOf("PK\x01\x02");
  const changed = (at: number, value: number) => {
    const bytes = Buffer.from(zip);
    bytes.writeUInt32LE(value, central + at);
    return bytes;
  };
  await refuses(file("sum.zip", changed(16, 1)), /"set\/a.txt" does not have its checksum/);
  await refuses(file("small.zip", changed(24, 4)), /too many bytes/);
  await refuses(file("large.zip", changed(24, 400_000_000)), /claims 400000000 bytes out of 7/);
  const gzip = gzipSync(tarBytes(files));
  gzip[gzip.length - 8]! ^= 1;
  await refuses(file("sum.tar.gz", gzip), /incorrect data check/);
});

const wide = zipBytes([files[0]!, { name: "stored-empty", bytes: none, stored: true }], true);
// 64-bit fields: the locator's offset, the directory's size and offset, an entry's sizes and offset
for (const [what, mark, at] of [
  ["locator", "PK\x06\x07", 8],
  ["directory size", "PK\x06\x06", 40],
  ["directory offset", "PK\x06\x06", 48],
  ["size", "PK\x01\x02", 46 + "set/a.txt".length + 4],
  ["packed size", "PK\x01\x02", 46 + "set/a.txt".length + 12],
  ["offset", "PK\x01\x02", 46 + "set/a.txt".length + 20],
] as const)
  test(`zip: a 64-bit ${what} beyond all files is refused or without effect`, async () => {
    const good = [
      ["set/a.txt", "first"],
      ["stored-empty", ""],
    ];
    assert.deepEqual(await contents(file("wide.zip", wide)), good);
    for (const power of [31n, 40n, 53n, 60n, 63n]) {
      const bytes = Buffer.from(wide);
      bytes.writeBigUInt64LE(1n << power, bytes.indexOf(mark) + at);
      const path = file("wide-damaged.zip", bytes);
      // the library does not use the directory's size
      if (what === "directory size") assert.deepEqual(await contents(path), good);
      else await assert.rejects(contents(path), refusal(/not a readable archive|it is damaged/));
    }
  });

test("a bomb costs no more than what is read of it", async () => {
  const path = file("bomb.tar.gz", gzipSync(tarBytes([{ name: "zeros", bytes: Buffer.alloc(50_000_000) }])));
  await refuses(path, /unpacks to more than 1000 bytes|claims/, { total: 1_000, entry: 2 ** 30, entries: 1 });
});

test("no archive, no file, a folder and a twice gzipped archive are refused", async () => {
  await refuses(file("text.tar", Buffer.from("no archive at all".repeat(100))), /not a readable archive/);
  await refuses(file("empty.zip", none), /not a readable archive/);
  await refuses(file("twice.tar.gz", gzipSync(gzipSync(tarBytes(files)))), /gzipped twice/);
  await assert.rejects(contents(join(folder, "nothing.zip")), /nothing.zip cannot be opened \(ENOENT\)/);
  await assert.rejects(contents(folder), /is not a file/);
});
