import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { chooseBackend } from "#src/backend/choose.js";
import { findTask } from "#src/experiments/plan/tasks.js";
import { findPreset } from "#src/experiments/plan/presets.js";
import { shiftedExtractions } from "#src/experiments/plan/robustness.js";
import { extractFeatures, plannedFile } from "#src/features/extract.js";
import { loadFeatures, type Features } from "#src/features/load.js";
import { relativeL2 } from "#src/parity/reference.js";

const cache = mkdtempSync(join(tmpdir(), "extract-"));
after(() => rmSync(cache, { recursive: true }));

/** What this process has open below a folder (on Linux). */
const openFiles = (folder: string) =>
  existsSync("/proc/self/fd")
    ? readdirSync("/proc/self/fd").flatMap((fd) => {
        try {
          const path = readlinkSync(`/proc/self/fd/${fd}`);
          return path.startsWith(folder) ? [path] : [];
        } catch {
          return [];
        }
      })
    : [];

/** Each item's place among those of its class and split: what two selections from the same files share. */
function places({ labels, split, ids }: Features): Map<string, number> {
  const seen = new Map<string, number>();
  const entries = [...labels].map((label, item): [string, number] => {
    const key = `${split?.[item]}/${label}`;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return [split ? `${key}/${count}` : ids![item]!, item];
  });
  return new Map(entries);
}

describe(
  "extraction from raw data",
  { skip: !process.env.DAAM_DATA && "DAAM_DATA names no raw data" },
  () => {
    before(async () => {
      await chooseBackend();
    });

    for (const [name, limits] of [
      ["speech", { limit: 6 }],
      ["text", { perClass: { train: 3, test: 2 } }],
      ["vision", { perClass: { train: 1, test: 0 } }],
    ] as const) {
      test(`the shipped features of ${name} are what the shipped encoder gives`, async () => {
        const task = findTask(name);
        const settings = { ...findPreset("small").tasks[name]!.extraction!, perClass: undefined, ...limits };
        const made = loadFeatures(await extractFeatures(settings, { cache }), task.classes.length);
        const shipped = loadFeatures(join("data/features", task.features), task.classes.length);
        const [here, there] = [places(made), places(shipped)];
        const keys = [...here.keys()];
        assert.ok(keys.length >= 6 && keys.every((key) => there.has(key)));
        const rows = (file: Features, at: Map<string, number>) => file.read(keys.map((key) => at.get(key)!));
        // What is left is the shipped files' quantisation.
        const error = relativeL2(rows(made, here), rows(shipped, there));
        assert.ok(error < 0.03, `relative L2 error ${error}`);
      });
    }

    test("goes on where it stopped, to the same bytes", async () => {
      const settings = { ...findPreset("small").tasks.text!.extraction!, perClass: undefined, limit: 20 };
      const whole = readFileSync(await extractFeatures(settings, { cache: join(cache, "whole") }));
      const stop = (done: number) => {
        if (done >= 16) throw new Error("stopped");
      };
      const cut = join(cache, "cut");
      await assert.rejects(extractFeatures(settings, { cache: cut, onProgress: stop }), /stopped/);
      const seen: number[] = [];
      const again = await extractFeatures(settings, { cache: cut, onProgress: (done) => seen.push(done) });
      assert.equal(seen[0], 16);
      assert.ok(whole.equals(readFileSync(again)));
    });

    test("leaves no file open and no lock where it breaks off", async () => {
      const settings = { ...findPreset("small").tasks.text!.extraction!, perClass: undefined, limit: 1 };
      const broken = join(cache, "broken");
      const stop = () => {
        throw new Error("stopped");
      };
      await assert.rejects(extractFeatures(settings, { cache: broken, onProgress: stop }), /stopped/);
      const { folder } = await plannedFile(settings, broken);
      assert.ok(!existsSync(folder));
      assert.deepEqual(openFiles(folder), []);
    });

    test("is waited for by a second process", async () => {
      const { dataset, encoder, maxTokens } = findPreset("small").tasks.text!.extraction!;
      const settings = { dataset, encoder, maxTokens, limit: 20 };
      const options = { cache: join(cache, "two") };
      const second = () => {
        const script = fileURLToPath(new URL("./extract-or-wait.js", import.meta.url));
        return spawnSync(process.execPath, [script, JSON.stringify(settings), options.cache], {
          encoding: "utf8",
        });
      };
      let meanwhile: ReturnType<typeof second> | undefined;
      const made = await extractFeatures(settings, {
        ...options,
        onProgress: (done) => {
          if (done === 16) meanwhile = second();
        },
      });
      assert.match(meanwhile!.stdout, new RegExp(`^process ${process.pid} makes .*: waiting for it\n$`));
      assert.equal(loadFeatures(made, 4).labels.length, 40);
      assert.equal(second().stdout, `${made}\n`);
    });

    test("shifted items are test items alone, and other than they were", async () => {
      const { shift, ...plain } = {
        ...shiftedExtractions(findPreset("small"), "text")["word-drop-0.4"]!,
        perClass: { train: 0, test: 2 },
      };
      const [clean, shifted] = await Promise.all(
        [plain, { ...plain, shift }].map(async (settings) =>
          loadFeatures(await extractFeatures(settings, { cache }), findTask("text").classes.length),
        ),
      );
      assert.deepEqual(shifted!.ids, clean!.ids);
      assert.ok(shifted!.items === 8 && shifted!.split!.every((side) => side === 1));
      assert.deepEqual(shifted!.about.shift, shift);
      for (let item = 0; item < 8; item++) {
        const error = relativeL2(shifted!.read([item]), clean!.read([item]));
        assert.ok(error > 0.02 && error < 1, `item ${item}: ${error}`);
      }
    });

    test("an encoder of another kind of input is refused", async () => {
      const settings = {
        dataset: "ag-news",
        encoder: findPreset("small").tasks.vision!.extraction!.encoder,
        limit: 1,
      };
      await assert.rejects(extractFeatures(settings, { cache }), /takes image, AG News is text/);
    });
  },
);
