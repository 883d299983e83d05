import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { methods } from "#src/experiments/plan/methods.js";
import { tasks } from "#src/experiments/plan/tasks.js";
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

  const small = read("results", "small", "README.md");
  const skip = /^## .*incomplete/m.test(small) && "results/small is not complete";

  const [, section] = /\*\*What it says so far\.\*\*(.*?)\n!\[/s.exec(readme)!;

  /** By the start of a bullet, the lines of results/small that its figures stand in. */
  const sources: Record<string, [file: string, line: RegExp]> = {
    "As published": ["claims.csv", /dot-product attention as published/],
    "Over the layers": ["claims.csv", /dot-product attention over the layers/],
    "The attention module itself": ["claims.csv", /beats no attention/],
    LoRA: ["claims.csv", /LoRA \(r=/],
    "High against low layers": ["layers.csv", /^text,/],
  };
  for (const [start, [file, line]] of Object.entries(sources))
    it(`quotes differences that results/small has: ${start}`, { skip }, () => {
      const [, bullet] = section!.split(`\n- **${start}**`) as [string, string];
      const [, ...quoted] = bullet.split("\n- ")[0]!.split(/(?=[−+]\d+\.\d\s\()/);
      const lines = read("results", "small", file)
        .split("\n")
        .filter((text) => line.test(text))
        .join("\n");
      const figures = quoted.map((text) =>
        /^\S+\s\([−+][\d.]+\sto\s[−+][\d.]+\)/.exec(text)![0].replace(/\s/g, " "),
      );
      assert.ok(figures.length >= 2);
      for (const text of figures) assert.ok(lines.includes(text), text);
    });

  const verdicts = read("results", "small", "verdict.csv").trim().split("\n").slice(1);
  /** Words of a claim's verdicts on speech, text and vision, rates apart. */
  const verdictsOf = (claim: RegExp) =>
    verdicts
      .filter((line) => claim.test(line))
      .map((line) => line.match(/better|worse|equivalent|undecided/g));

  it("gives the verdicts that results/small has", { skip }, () => {
    assert.deepEqual(verdictsOf(/beats no attention/), [["undecided", "equivalent", "equivalent"]]);
    assert.deepEqual(verdictsOf(/as published",|attention as published,/), [
      ["better", "undecided", "better"],
    ]);
    assert.deepEqual(verdictsOf(/over the layers/), [["undecided", "undecided", "better"]]);
    const lora = verdictsOf(/LoRA/);
    assert.equal(lora.length, 8);
    assert.ok(lora.flat().every((word) => word === "undecided"));
    const layers = read("results", "small", "layers.csv").split("\n");
    assert.ok(
      layers.filter((line) => /^(speech|vision)/.test(line)).every((line) => line.includes("undecided")),
    );
    for (const line of read("results", "small", "shifted.csv").trim().split("\n").slice(1)) {
      const [, , shifts, , , , undecided, floor] = line.split(",");
      assert.equal(line.startsWith("speech") ? floor : undecided, shifts, line);
    }
  });

  it("counts the comparisons with published LoRA that are distinct", { skip }, () => {
    const published = verdicts.filter((line) => /LoRA.*as published/.test(line)).length * tasks.length;
    const repeated = small.match(/“[^”]+” is “[^”]+”/g)!;
    assert.deepEqual([published, published - repeated.length], [12, 10]);
    assert.match(section!, /Ten of the twelve comparisons\s+with published rows are distinct/);
  });

  it("counts the runs of published dot products that learned nothing", { skip }, () => {
    const speech = small.split(/^## /m).find((part) => part.startsWith(tasks[0]!.title))!;
    const [, n, of] = /: MHA \((\d+) of (\d+) runs\)/.exec(speech)!;
    assert.match(section!, new RegExp(`nothing in ${n} of\\s+its ${of} runs`));
  });

  it("names files that are there", () => {
    for (const [, path] of readme.matchAll(/\]\(([^)#:]+)\)/g))
      assert.ok(existsSync(join(repository, path!)), path);
  });
});
