import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { type Dataset, datasetNamed, fingerprint, locate, prepareData } from "#src/datasets/index.js";
import { download } from "#src/download.js";
import { refusal } from "../support/files.js";
import { beforeCut } from "../support/hub.js";

const root = mkdtempSync(join(tmpdir(), "daam-locate-"));
const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251));
const md5 = createHash("md5").update(bytes).digest("hex");
const connection = { attempts: 3, pause: 1, stall: 300 };

/** What the server does with the next request; whole answers when the list is empty. */
let behaviours: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
let requests: (string | undefined)[] = [];
const server = createServer((request, response) => {
  requests.push(request.headers.range);
  (behaviours.shift() ?? whole)(request, response);
});
let address = "";
before(async () => {
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(root, { recursive: true });
});

function whole(request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const head = { "content-length": bytes.length - from };
  if (from >= bytes.length) response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  else if (from)
    response
      .writeHead(206, { ...head, "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` })
      .end(bytes.subarray(from));
  else response.writeHead(200, head).end(bytes);
}
const status = (code: number) => (_: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(code).end("sorry");
/** Sends the first `count` bytes and drops the connection, or falls silent. */
const cutAfter =
  (count: number, silent = false) =>
  (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, count), () => setTimeout(() => silent || response.destroy(), beforeCut));
  };
const ignoringRange = (_: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(200, { "content-length": bytes.length }).end(bytes);

function serve(...list: typeof behaviours): void {
  behaviours = list;
  requests = [];
}
let targets = 0;
const fresh = () => join(root, `file${targets++}`);

test("a download reports progress and leaves nothing but the file", async () => {
  serve();
  const target = fresh();
  let last: [number, number | undefined] = [0, 0];
  await download(address, target, {
    bytes: bytes.length,
    md5,
    ...connection,
    progress: (...seen) => (last = seen),
  });
  assert.ok(readFileSync(target).equals(bytes));
  assert.deepEqual(last, [bytes.length, bytes.length]);
  assert.ok(!existsSync(`${target}.part`));
});

for (const [what, silent] of [
  ["cut", false],
  ["silent", true],
] as const)
  test(`a ${what} download goes on where it stopped`, async () => {
    serve(cutAfter(40_000, silent));
    const target = fresh();
    await download(address, target, { bytes: bytes.length, md5, ...connection });
    assert.ok(readFileSync(target).equals(bytes));
    assert.deepEqual(requests, [undefined, "bytes=40000-"]);
  });

test("a later run goes on with what an earlier one left", async () => {
  const target = fresh();
  serve(cutAfter(30_000), status(503), status(503));
  await assert.rejects(
    download(address, target, { md5, ...connection }),
    refusal(/cut off 3 times .*run again: it goes on with .*part/),
  );
  serve();
  await download(address, target, { md5, ...connection });
  assert.deepEqual(requests, ["bytes=30000-"]);
  assert.ok(readFileSync(target).equals(bytes));
});

test("a server that ignores or refuses the range is read from the start", async () => {
  for (const behaviour of [ignoringRange, status(416)]) {
    const target = fresh();
    writeFileSync(`${target}.part`, "of another file");
    serve(behaviour);
    await download(address, target, { md5, ...connection });
    assert.ok(readFileSync(target).equals(bytes));
  }
});

test("two at once fetch a file once", async () => {
  const target = fresh();
  serve();
  const options = { bytes: bytes.length, md5, ...connection };
  await Promise.all([download(address, target, options), download(address, target, options)]);
  assert.equal(requests.length, 1);
  assert.ok(readFileSync(target).equals(bytes));
  assert.ok(!existsSync(`${target}.lock`));
});

test("a complete part needs no request", async () => {
  const target = fresh();
  writeFileSync(`${target}.part`, bytes);
  serve();
  await download(address, target, { bytes: bytes.length, md5, ...connection });
  assert.deepEqual(requests, []);
});

test("a complete part of unknown size is taken when the server has no more", async () => {
  const target = fresh();
  writeFileSync(`${target}.part`, bytes);
  serve();
  await download(address, target, { md5, ...connection });
  assert.deepEqual(requests, [`bytes=${bytes.length}-`]);
  assert.ok(readFileSync(target).equals(bytes));
});

test("a folder that cannot be written is named, not retried", async () => {
  const target = fresh();
  mkdirSync(`${target}.part`);
  serve();
  await assert.rejects(download(address, target, connection), refusal(/part: cannot be written \(EISDIR\)/));
  assert.equal(requests.length, 1);
});

test("a wrong checksum, a wrong size and a missing page are refused, and leave no file", async () => {
  const target = fresh();
  serve();
  await assert.rejects(
    download(address, target, { md5: "0".repeat(32), ...connection }),
    refusal(/its md5 is .* it was removed/),
  );
  await assert.rejects(
    download(address, target, { bytes: 5, ...connection }),
    refusal(/offers 100000 bytes, the official file has 5/),
  );
  serve(status(404));
  await assert.rejects(
    download(address, target, connection),
    refusal(/answers 404; name a mirror in DAAM_MIRROR/),
  );
  assert.equal(requests.length, 1);
  assert.ok(!existsSync(target) && !existsSync(`${target}.part`));
});

test("no connection is refused after the attempts", async () => {
  const closed = createServer();
  await new Promise<void>((listening) => closed.listen(0, "127.0.0.1", listening));
  const { port } = closed.address() as AddressInfo;
  await new Promise((done) => closed.close(done));
  const failure = refusal(/cut off 3 times \(ECONNREFUSED\); run again$/);
  await assert.rejects(download(`http://127.0.0.1:${port}/x`, fresh(), connection), failure);
});

test(
  "a full disk is named, not retried",
  { skip: !existsSync("/dev/full") && "needs /dev/full" },
  async () => {
    const target = fresh();
    symlinkSync("/dev/full", `${target}.part`);
    serve();
    await assert.rejects(download(address, target, connection), refusal(/part: the disk is full; make room/));
    assert.equal(requests.length, 1);
  },
);

/** A project folder of its own and a data set of one file. */
function project(env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(root, "project-"));
  return { root: folder, env, connection };
}
const single = (url: string | undefined): Dataset => ({
  ...datasetNamed("ravdess"),
  source: {
    ...datasetNamed("ravdess").source,
    kind: "files",
    alternatives: [[{ name: "set/a.zip", bytes: bytes.length, md5, ...(url && { url }) }]],
  },
});
const put = (folder: string, name: string) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), "whatever the user put there");
  return join(folder, name);
};

test("data are looked for in DAAM_DATA, then in data/raw, then fetched to there", async () => {
  const given = mkdtempSync(join(root, "given-"));
  const options = project({ DAAM_DATA: given });
  serve();
  const target = join(options.root, "data", "raw", "set", "a.zip");
  assert.deepEqual(await locate(single(`${address}/a.zip`), options), [target]);
  assert.equal(requests.length, 1);
  assert.deepEqual(await locate(single(`${address}/a.zip`), options), [target]);
  assert.equal(requests.length, 1);
  const own = put(given, "set/a.zip");
  assert.deepEqual(await locate(single(`${address}/a.zip`), options), [own]);
});

test("raw data lies in this repository, wherever a command is run", async () => {
  const raw = join(import.meta.dirname, "..", "..", "data", "raw");
  const folder = process.cwd();
  process.chdir(root);
  try {
    await assert.rejects(
      locate({ ...single(undefined), title: "Nowhere" }, { env: {}, fetch: false }),
      refusal(new RegExp(`Nowhere is not there \\(${raw}/set/a\\.zip\\)`)),
    );
  } finally {
    process.chdir(folder);
  }
});

test("a mirror takes the place of the official address", async () => {
  const options = project({ DAAM_MIRROR: `${address}/mirror/` });
  serve();
  await locate(single("http://127.0.0.1:1/official/a.zip"), options);
  assert.equal(requests.length, 1);
  await assert.rejects(
    locate(single("http://127.0.0.1:1/a.zip"), project({ DAAM_MIRROR: "ftp://x" })),
    refusal(/DAAM_MIRROR gives ftp:\/\/x\/a.zip/),
  );
});

test("what cannot be had is refused with what to do", async () => {
  const options = project();
  serve(status(403));
  const where = new RegExp(`answers 403.*put it at ${options.root}.*set/a.zip, or set DAAM_DATA`);
  await assert.rejects(locate(single(`${address}/a.zip`), options), refusal(where));
  await assert.rejects(
    locate(single(`${address}/a.zip`), { ...options, fetch: false }),
    refusal(/is not there .*fetch http/),
  );
  await assert.rejects(
    locate(datasetNamed("iemocap"), options),
    refusal(/IEMOCAP is not in .*: ask for it at https:\/\/sail.usc.edu/),
  );
  await assert.rejects(
    locate(datasetNamed("iemocap"), project({ DAAM_DATA: "/nowhere" })),
    refusal(/DAAM_DATA names \/nowhere, which is not a folder/),
  );
});

test("alternatives and folders are found where they lie", async () => {
  const options = project();
  const raw = join(options.root, "data", "raw");
  const archive = put(raw, "ag_news_csv.tar.gz");
  assert.deepEqual(await locate(datasetNamed("ag-news"), options), [archive]);
  const csv = [put(raw, "train.csv"), put(raw, "test.csv")];
  assert.deepEqual(await locate(datasetNamed("ag-news"), options), csv);
  put(raw, "IEMOCAP/Session1/dialog/EmoEvaluation/a.txt");
  assert.deepEqual(await locate(datasetNamed("iemocap"), options), [join(raw, "IEMOCAP")]);
});

test("of a set that is there in part, what is missing is named", async () => {
  const options = { ...project(), fetch: false };
  const raw = join(options.root, "data", "raw");
  const train = put(raw, "train.csv");
  await assert.rejects(
    locate(datasetNamed("ag-news"), options),
    refusal(new RegExp(`^AG News: ${raw}/test.csv is missing beside ${train}: put it there; otherwise: `)),
  );
  const given = mkdtempSync(join(root, "given-"));
  put(given, "ag_news_csv/test.csv");
  await assert.rejects(
    locate(datasetNamed("ag-news"), { ...options, env: { DAAM_DATA: given } }),
    refusal(/ag_news_csv\/train.csv is missing beside .*given-.*test.csv: put it there/),
  );
  const fetched = { ...project(), fetch: false };
  put(join(fetched.root, "data", "raw"), "ag_news_csv/train.csv");
  await assert.rejects(
    locate(datasetNamed("ag-news"), fetched),
    refusal(/^AG News is not there \(.*test.csv\): fetch .*test.csv yourself/),
  );
});

test("make data says for each set where it is or what to do", async () => {
  const options = project();
  put(join(options.root, "data", "raw"), "cifar-100-binary.tar.gz");
  const { lines, ok } = await prepareData(["cifar-100", "iemocap"], { ...options, fetch: false });
  assert.match(lines[0]!, /^cifar-100: .*tar.gz, not the official file, read as it is \(licence: /);
  assert.match(lines[1]!, /^iemocap: error: IEMOCAP is not in/);
  assert.equal(ok, false);
  put(join(options.root, "data", "raw"), "Audio_Speech_Actors_01-24.zip");
  put(join(options.root, "data", "raw"), "ag_news_csv.tar.gz");
  const all = await prepareData(undefined, { ...options, fetch: false });
  assert.match(all.lines[0]!, /^iemocap: IEMOCAP is not in/);
  assert.deepEqual([all.lines.length, all.ok], [4, true]);
});

test("a fingerprint tells copies of a file apart", async () => {
  const path = put(mkdtempSync(join(root, "print-")), "a.zip");
  const print = () => fingerprint(datasetNamed("ravdess"), [path]);
  const before = await print();
  assert.equal(await print(), before);
  writeFileSync(path, "what THE user put there");
  assert.notEqual(await print(), before);
});
