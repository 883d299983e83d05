import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import Papa from "papaparse";
import { repository } from "#src/folders.js";

const read = (...path: string[]) => readFileSync(join(repository, ...path), "utf8");
const readme = read("README.md");
const table = (task: string) =>
  Papa.parse<Record<string, string>>(read("results", "quick", `${task}.csv`), { header: true }).data;
const tables = ["speech", "text", "vision"].map(table);

describe("README.md", () => {
  const rows = [...readme.matchAll(/^\| [^|]+ \| (.+\\\|.+) \| `([a-z0-9-]+)` \| [\d.]+ \|$/gm)];

  it("has the figures of results/quick", () => {
    assert.ok(rows.length >= 11);
    for (const [, cells, method] of rows) {
      const own = tables.map((lines) =>
        lines.find(({ command }) => command?.endsWith(`--method ${method}`))!,
      );
      const expected = own.map((line) => {
        const round = (column: string) => Number(line[column]).toFixed(1);
        const paper = line["paper printed mean"] ? round("paper printed mean") : "–";
        const best = `${round("here best accuracy mean")} ± ${round("here best accuracy sd")}`;
        return `${paper} \\| ${best} (${round("here last accuracy mean")})`;
      });
      assert.equal(cells, expected.join(" | "), method);
    }
  });

  it("quotes differences that results/small has", () => {
    const [, section] = /\*\*What it says so far\.\*\*(.*?)\n!\[/s.exec(readme)!;
    const quoted = [...section!.matchAll(/[−+]\d+\.\d \([−+][\d.]+ to [−+][\d.]+\)/g)].map(([text]) => text);
    const found = read("results", "small", "claims.csv") + read("results", "small", "sentences.csv");
    assert.ok(quoted.length >= 6);
    for (const text of quoted) assert.ok(found.includes(text), text);
  });

  it("names files that are there", () => {
    for (const [, path] of readme.matchAll(/\]\(([^)#:]+)\)/g))
      assert.ok(existsSync(join(repository, path!)), path);
  });
});
