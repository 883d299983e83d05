import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, it } from "node:test";
import { findEncoder, locateEncoder, lookUpEncoder, soundEncoder } from "#src/encoders/locate.js";
import { Stopped } from "#src/errors.js";
import { repositoryName } from "#src/hub/hub.js";
import { freshFolder, refusal } from "../support/files.js";
import {
  answer,
  beforeCut,
  type Behaviour,
  cutAfter,
  etagOf,
  FakeHub,
  folderFiles,
  useHub,
} from "../support/hub.js";

const mini = folderFiles("data/encoders/llama-mini");
const NAME = "lab/llama-mini";
const quick = { attempts: 3, pause: 1, stall: 500 };
let fake: FakeHub;
let home: string;
let restore: () => void;

beforeEach(async () => {
  const more = {
    "README.md": "# Card",
    "pytorch_model.bin": Buffer.alloc(3_000),
    "generation_config.json": "{}",
  };
  fake = await FakeHub.start({
    [NAME]: { files: { ...mini, ...more } },
    "lab/sharded": { files: shards() },
    "lab/closed": { files: mini, gated: "hf_member" },
    "lab/adapter": { files: { "adapter_config.json": "{}", "adapter_model.safetensors": "x" } },
  });
  home = freshFolder();
  restore = useHub(fake.endpoint, home);
});
afterEach(() => {
  fake.stop();
  restore();
});

function shards(): Record<string, Buffer> {
  const { "model.safetensors": weights, ...rest } = mini;
  const index = {
    weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
  };
  return {
    ...rest,
    "model.safetensors.index.json": Buffer.from(JSON.stringify(index)),
    "model-00001-of-00002.safetensors": weights!,
    "model-00002-of-00002.safetensors": weights!.subarray(0, 5_000),
    "pytorch_model.bin": Buffer.alloc(3_000),
  };
}

const cached = (...path: string[]) => join(home, "hub", "models--lab--llama-mini", ...path);
const blob = (file: string) => cached("blobs", etagOf(fake.bytes(NAME, file)));

/** Runs `daam encoders fetch` in a process of its own. */
function fetching(name = NAME) {
  return spawn(process.execPath, ["dist/cli.js", "encoders", "fetch", name], {
    stdio: ["ignore", "pipe", "pipe"],
    env: process.env,
  });
}

describe("an encoder of the hub", () => {
  it("lies in the common layout, with the files that are needed alone, each checked", async () => {
    process.env.HF_TOKEN = "any";
    const { folder, ...about } = await locateEncoder(NAME, quick);
    const commit = fake.commit(NAME);
    assert.deepEqual(about, { repository: NAME, commit, name: "llama-mini" });
    assert.equal(folder, cached("snapshots", commit));
    assert.equal(readFileSync(cached("refs", "main"), "utf8"), commit);
    assert.deepEqual(readdirSync(folder).sort(), Object.keys(mini).sort());
    for (const name of readdirSync(folder)) {
      const etag = etagOf(mini[name]!);
      assert.equal(readlinkSync(join(folder, name)), join("..", "..", "blobs", etag));
      assert.ok(readFileSync(join(folder, name)).equals(mini[name]!));
    }
    assert.equal(readdirSync(cached("blobs")).length, Object.keys(mini).length);
    const asked = fake.seen.filter(({ path }) => path.startsWith("/api") || path.includes("/resolve/"));
    assert.ok(asked.every(({ authorization }) => authorization === "Bearer any"));
    const elsewhere = fake.seen.filter(({ path }) => path.startsWith("/cdn/"));
    assert.ok(elsewhere.length > 0 && elsewhere.every(({ authorization }) => authorization === undefined));
  });

  it("is not asked for again, by any of its names", async () => {
    await locateEncoder(NAME, quick);
    const before = fake.seen.length;
    process.env.HF_HUB_OFFLINE = "1";
    for (const name of [NAME, `${NAME}@main`, `${NAME}@${fake.commit(NAME)}`])
      assert.equal((await locateEncoder(name, quick)).commit, fake.commit(NAME));
    assert.equal(fake.seen.length, before);
  });

  it("goes on by range where a connection is cut", async () => {
    const weights = mini["model.safetensors"]!;
    fake.next("cdn/lab/llama-mini/model.safetensors", cutAfter(weights, 40_000));
    const { folder } = await locateEncoder(NAME, quick);
    assert.ok(readFileSync(join(folder, "model.safetensors")).equals(weights));
    const ranges = fake.seen.flatMap(({ path, range }) => (path.startsWith("/cdn") && range) || []);
    assert.deepEqual(ranges, ["bytes=40000-"]);
  });

  it("goes on however often it is cut, while bytes come", async () => {
    const weights = mini["model.safetensors"]!;
    const some: Behaviour = ({ headers: { range } }, response) => {
      const from = Number(/\d+/.exec(range ?? "")?.[0] ?? 0);
      const head = { "content-length": weights.length - from };
      if (from) response.writeHead(206, { ...head, "content-range": `bytes ${from}-/${weights.length}` });
      else response.writeHead(200, head);
      response.write(weights.subarray(from, from + 50_000), () =>
        setTimeout(() => response.destroy(), beforeCut),
      );
    };
    fake.next("cdn/lab/llama-mini/model.safetensors", some, some, some, some);
    const { folder } = await locateEncoder(NAME, { ...quick, attempts: 2 });
    assert.ok(readFileSync(join(folder, "model.safetensors")).equals(weights));
    assert.equal(fake.seen.at(-1)!.range, "bytes=200000-");
  });

  it("goes on after kill -9", async () => {
    const weights = mini["model.safetensors"]!;
    const held: ServerResponse[] = [];
    fake.next("cdn/lab/llama-mini/model.safetensors", (_, response) => {
      held.push(response);
      response.writeHead(200, { "content-length": weights.length });
      response.write(weights.subarray(0, 70_000));
    });
    const child = fetching();
    const part = `${blob("model.safetensors")}.incomplete`;
    while (!(statSync(part, { throwIfNoEntry: false })?.size === 70_000)) await sleep(20);
    child.kill("SIGKILL");
    await once(child, "close");
    assert.equal(findEncoder(NAME), undefined);
    const again = fetching();
    let said = "";
    again.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    assert.deepEqual((await once(again, "close"))[0], 0);
    assert.match(
      said,
      /^to fetch: llama-mini: [\d.]+ MB from http.*\/lab\/llama-mini, commit [0-9a-f]{40}, into /,
    );
    assert.match(said, /llama-mini: [\d.]+ of [\d.]+ MB/);
    assert.deepEqual(fake.seen.at(-1), {
      method: "GET",
      path: "/cdn/lab/llama-mini/model.safetensors",
      range: "bytes=70000-",
    });
    assert.ok(readFileSync(join(findEncoder(NAME)!.folder, "model.safetensors")).equals(weights));
    assert.deepEqual(
      readdirSync(cached("blobs")).filter((name) => name.includes(".")),
      [],
    );
  });

  it("is fetched once by two processes at once", async () => {
    const weights = mini["model.safetensors"]!;
    fake.next("cdn/lab/llama-mini/model.safetensors", (_, response) => {
      response.writeHead(200, { "content-length": weights.length });
      response.write(weights.subarray(0, 70_000));
      setTimeout(() => response.end(weights.subarray(70_000)), 1_500);
    });
    const both = [fetching(), fetching()];
    assert.deepEqual(
      await Promise.all(both.map(async (one) => (await once(one, "close"))[0] as number)),
      [0, 0],
    );
    assert.equal(fake.seen.filter(({ path }) => path === "/cdn/lab/llama-mini/model.safetensors").length, 1);
    assert.ok(readFileSync(join(findEncoder(NAME)!.folder, "model.safetensors")).equals(weights));
  });

  it("whose bytes are wrong is refused and removed", async () => {
    for (const [file, sum] of [
      ["config.json", "git SHA-1"],
      ["model.safetensors", "SHA-256"],
    ] as const) {
      const wrong = Buffer.from(mini[file]!);
      wrong[wrong.length - 1]! ^= 1;
      fake.next(file === "config.json" ? "/config.json" : `/cdn/lab/llama-mini/${file}`, (_, response) => {
        response.writeHead(200, { "content-length": wrong.length }).end(wrong);
      });
      await assert.rejects(
        locateEncoder(NAME, quick),
        refusal(
          new RegExp(
            `resolve/.*${file}: its ${sum} is [0-9a-f]+, the official file's [0-9a-f]+; it was removed`,
          ),
        ),
      );
      assert.ok(!existsSync(blob(file)) && !existsSync(`${blob(file)}.incomplete`));
      assert.equal(findEncoder(NAME), undefined);
    }
    await locateEncoder(NAME, quick);
  });

  it("that another client has in part is completed, and what is damaged made anew", async () => {
    const commit = fake.commit(NAME);
    mkdirSync(cached("snapshots", commit), { recursive: true });
    mkdirSync(cached("refs"));
    writeFileSync(cached("refs", "main"), commit);
    writeFileSync(cached("snapshots", commit, "model.safetensors"), mini["model.safetensors"]!);
    writeFileSync(cached("snapshots", commit, "config.json"), "{");
    const plan = await lookUpEncoder(NAME);
    assert.ok("plan" in plan && plan.plan.missing < 3e6);
    const { folder } = await locateEncoder(NAME, quick);
    assert.ok(!fake.fetched.includes("model.safetensors"));
    assert.ok(lstatSync(join(folder, "model.safetensors")).isFile());
    assert.ok(readFileSync(join(folder, "config.json")).equals(mini["config.json"]!));
  });

  it("that was damaged in the cache is named and fetched again before work that takes long", async () => {
    const located = await locateEncoder(NAME, quick);
    const lines: string[] = [];
    const check = () => soundEncoder(NAME, located, (line) => lines.push(line));
    assert.equal(await check(), located);
    for (const file of ["model.safetensors", "config.json"]) {
      const path = realpathSync(join(located.folder, file));
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(path, bytes);
      assert.equal((await check()).folder, located.folder);
      assert.equal(
        lines.pop(),
        `${join(located.folder, file)} is damaged: it was removed and is fetched again`,
      );
      assert.ok(readFileSync(path).equals(mini[file]!));
    }
    assert.deepEqual(lines, []);
  });

  it("in shards comes with its index, and without the .bin", async () => {
    const { folder } = await locateEncoder("lab/sharded", quick);
    const names = Object.keys(shards()).filter((name) => name !== "pytorch_model.bin");
    assert.deepEqual(readdirSync(folder).sort(), names.sort());
  });

  it("is given to the account that has accepted its licence", async () => {
    // as hf auth login leaves it
    writeFileSync(join(home, "token"), "hf_member\n");
    assert.equal((await locateEncoder("lab/closed", quick)).name, "closed");
  });

  it("waits as long as the server asks for", async () => {
    const soon = new Date(Date.now() + 2_000).toUTCString(); // whole seconds
    fake.next("/revision/main", answer(429, { "retry-after": "1" }));
    fake.next("cdn/lab/llama-mini/model.safetensors", answer(503, { "retry-after": soon }));
    const before = performance.now();
    await locateEncoder(NAME, quick);
    assert.ok(performance.now() - before >= 990);
    assert.ok(Date.now() >= Date.parse(soon));
  });

  it("stops at a signal, and keeps what came", async () => {
    const stop = new AbortController();
    fake.next("cdn/lab/llama-mini/model.safetensors", (_, response) => {
      response.writeHead(200, { "content-length": 1e6 });
      response.write(mini["model.safetensors"]!.subarray(0, 50_000), () =>
        setTimeout(() => stop.abort(), 50),
      );
    });
    fake.repositories[NAME]!.files["model.safetensors"] = mini["model.safetensors"]!.subarray(0, 1e6);
    await assert.rejects(locateEncoder(NAME, { ...quick, signal: stop.signal }), Stopped);
    assert.equal(statSync(`${blob("model.safetensors")}.incomplete`).size, 50_000);
  });
});

describe("what cannot be had is refused in one line, with what to do", () => {
  const refused = async (name: string, why: RegExp) => {
    await assert.rejects(locateEncoder(name, quick), refusal(why));
    assert.ok(!existsSync(join(home, "hub")), "nothing is left behind");
  };

  it("a gated repository without a token, and with one that may not read it", async () => {
    await refused(
      "lab/closed",
      /^lab\/closed is gated: accept its licence at https:\/\/\S+\/lab\/closed, then set HF_TOKEN/,
    );
    process.env.HF_TOKEN = "hf_stranger";
    await refused(
      "lab/closed",
      /is gated, and the account of HF_TOKEN may not read it yet: accept its licence at/,
    );
    assert.ok(!fake.seen.some(({ path }) => path.startsWith("/cdn")));
  });

  it("a gated encoder of the registry without a token, without asking anyone", async () => {
    await refused(
      "llama-2-13b",
      /^meta-llama\/Llama-2-13b-hf is gated: .*set HF_TOKEN .*, or put its folder at .*llama-2-13b$/,
    );
    assert.equal(fake.seen.length, 0);
  });

  it("no such repository, revision or commit", async () => {
    await refused(
      "lab/nothing",
      /has no repository lab\/nothing, or it is private: correct the name, set HF_TOKEN/,
    );
    process.env.HF_TOKEN = "hf_any";
    await refused("lab/nothing", /has no repository lab\/nothing/);
    await refused(`${NAME}@v9`, /^lab\/llama-mini has no revision v9: correct it, or leave @v9 out$/);
    await refused(`${NAME}@${"0".repeat(40)}`, /has no revision 0{40}/);
  });

  it("a token that is not accepted", async () => {
    process.env.HF_TOKEN = "hf_wrong";
    fake.next("/revision/main", answer(401));
    await refused(NAME, /the token in HF_TOKEN is not accepted: make a new one/);
    fake.next("/revision/main", answer(403, { "x-error-message": "fine-grained" }));
    await refused(NAME, /answers 403 \(fine-grained\): set HF_TOKEN to a token that may read it/);
  });

  it("a server that asks to wait for long, one at fault, and none at all", async () => {
    fake.next("/revision/main", answer(429, { "retry-after": "4000" }));
    await refused(NAME, /cannot be reached \(status 429, to wait 1h 6m 40s\): try again/);
    fake.next("/revision/main", answer(500), answer(502), answer(503));
    await refused(NAME, /cannot be reached \(status 503\): try again, or set HF_ENDPOINT/);
    fake.stop();
    await refused(
      NAME,
      /^lab\/llama-mini: http\S+ cannot be reached \(ECONNREFUSED\): try again, or set HF_ENDPOINT/,
    );
  });

  it("a repository without an encoder, and one that the disk has no room for", async () => {
    await refused(
      "lab/adapter",
      /holds no encoder: .* are needed, it has adapter_config.json, adapter_model.safetensors$/,
    );
    const huge = {
      type: "file",
      path: "model.safetensors",
      size: 1e18,
      oid: "",
      lfs: { oid: "a", size: 1e18 },
    };
    const listed = [huge, { ...huge, path: "config.json" }, { ...huge, path: "tokenizer.json" }];
    fake.next(`/tree/${fake.commit(NAME)}`, (_, response) => void response.end(JSON.stringify(listed)));
    await refused(NAME, /GB are to be fetched, \S+ has room for [\d.]+ \w+: make room, or set HF_HOME/);
  });

  it("a disk that is full", { skip: !existsSync("/dev/full") && "needs /dev/full" }, async () => {
    mkdirSync(cached("blobs"), { recursive: true });
    symlinkSync("/dev/full", `${blob("model.safetensors")}.incomplete`);
    const full = /\.incomplete: the disk is full; make room and run again to go on with it$/;
    await assert.rejects(locateEncoder(NAME, quick), refusal(full));
    assert.equal(findEncoder(NAME), undefined);
  });

  it("anything while HF_HUB_OFFLINE is set", async () => {
    process.env.HF_HUB_OFFLINE = "1";
    await refused(NAME, /is not in \S+, and HF_HUB_OFFLINE forbids to fetch it/);
    assert.equal(fake.seen.length, 0);
  });

  it("what is neither a folder, a repository nor a registered name", async () => {
    await refused(
      "wavlm-huge",
      /^wavlm-huge is not an encoder: name a folder .*, a repository \(organisation\/name\) or one of wavlm-large/,
    );
    await refused("/nowhere/wavlm", /^\/nowhere\/wavlm is not an encoder/);
    process.env.HF_ENDPOINT = "hub";
    await refused(NAME, /HF_ENDPOINT is hub, which is not an address/);
  });
});

describe("names", () => {
  it("of repositories are told from paths", () => {
    const read = (text: string) => Object.values(repositoryName(text) ?? {}).join(" ");
    assert.equal(read("microsoft/wavlm-base"), "microsoft/wavlm-base main");
    assert.equal(read("a/b.c_d-1@refs/pr/2"), "a/b.c_d-1 refs/pr/2");
    for (const path of ["a", "./a/b", "../a", "a/b/c", "/a/b", "~/a", "a/b@../c", "a/b@", "a/..", "a/b c"])
      assert.equal(read(path), "", path);
  });

  it("a folder goes before the registry, and the user's own folder before the hub", async () => {
    const own = join(home, "models");
    mkdirSync(join(own, "beit-base"), { recursive: true });
    process.env.DAAM_ENCODERS = own;
    assert.deepEqual(findEncoder("beit-base"), { folder: join(own, "beit-base"), name: "beit-base" });
    assert.equal(findEncoder("microsoft/beit-base-patch16-224"), undefined);
    assert.deepEqual(findEncoder("data/encoders"), { folder: "data/encoders", name: "encoders" });
  });
});
