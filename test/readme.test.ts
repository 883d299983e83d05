import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { methods } from "#src/experiments/methods.js";
import { tasks } from "#src/experiments/tasks.js";
import type { Task } from "#src/experiments/types.js";
import { repository } from "#src/folders.js";

const read = (...path: string[]) => readFileSync(join(repository, ...path), "utf8");
const readme = read("README.md");
const quick = read("results", "quick", "README.md").split(/^## /m);

/** "62.3 | 40.5 ± 10.5 (38.5)": the paper, best epoch and last epoch of a row of results/quick. */
function figures({ title: task }: Task, title: string): string {
  const lines = quick.find((section) => section.startsWith(task))!.split("\n");
  const [, , paper, best, last] = lines.find((line) => line.startsWith(`| ${title} |`))!.split("|");
  return `${/[\d.]+|–/.exec(paper!)![0]} \\| ${best!.trim()} (${last!.trim().split(" ")[0]})`;
}

describe("README.md", () => {
  const rows = [...readme.matchAll(/^\| [^|]+ \| (.+\\\|.+) \| `([a-z0-9-]+)` \| [\d.]+ \|$/gm)];

  it("has the figures of results/quick", () => {
    assert.ok(rows.length >= 11);
    for (const [, cells, name] of rows) {
      const { title } = methods.find((method) => method.name === name)!;
      assert.equal(cells, tasks.map((task) => figures(task, title)).join(" | "), name);
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
