import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import papa from "papaparse";
import ts from "typescript";
import { program } from "#src/commands/program.js";
import { repository } from "#src/folders.js";
import { freshFolder } from "./support/files.js";

const read = (...path: string[]) => readFileSync(join(repository, ...path), "utf8");
const readme = read("README.md");
const documents = readdirSync(join(repository, "docs")).map((name) => join("docs", name));
const small = read("results", "small", "README.md");
/** A section of README.md. */
const section = (title: string) => readme.split(/^## /m).find((part) => part.startsWith(`${title}\n`))!;

describe("README.md", () => {
  it("answers in one screen", () => {
    assert.ok(readme.split("\n").length <= 180);
    for (const bullet of readme.match(/^- .*(\n {2}.*)*/gm) ?? [])
      assert.ok((bullet.match(/(?<!\w)\d+(\.\d+)?/g) ?? []).length <= 3, bullet);
  });

  const answer = section("The answer");

  const verdicts = papa.parse<string[]>(read("results", "small", "verdict.csv").trim()).data;
  // at which rates which verdict holds stands there
  const short = verdicts.map((line) =>
    line.map((text) => text.replace(/: .*?(?=$| \((incomplete|one run|rates))/, "")),
  );

  it("has the verdicts of results/small, and of nothing else", () => {
    const table = answer.split("\n").filter((line) => /^\| [^-]/.test(line));
    const cells = table.map((line) => line.slice(2, -2).split(" | "));
    assert.deepEqual(cells, short);
  });

  it("says that density attention gives no advantage over none as long as no task shows one", () => {
    const [claim, ...tasks] = verdicts.find(([claim]) => claim === "Density attention beats no attention")!;
    assert.equal(
      /\*\*Density attention itself\*\* gives no advantage/.test(answer),
      !/better/.test(tasks.join()),
      claim,
    );
  });

  it("has the verdicts of now in what results/small says of those before", () => {
    const lines = read("results", "small", "changes.md").match(/^\| (?!claim|-).*/gm)!;
    const now = lines
      .map((line) => line.slice(2, -2).split(" | "))
      .map(([claim, task, , verdict]) => [claim, task, verdict]);
    const [[, ...tasks], ...claims] = short as [string[], ...string[][]];
    assert.deepEqual(
      now,
      claims.flatMap(([claim, ...of]) => tasks.map((task, i) => [claim, task, of[i]])),
    );
  });

  it("says that results/small is not complete as long as it is not", () => {
    assert.equal(/not complete/.test(answer), /^## .*\(incomplete/m.test(small));
  });

  it("has the figures of results/small in what it says of scale and control", () => {
    const [, least, most, paper] =
      /keeps (\d+) % of DAAMv1's accuracy on raw × 1 and (\d+) % on standardised × 1; the paper's keeps (\d+) %/.exec(
        small,
      )!;
    assert.match(
      answer,
      new RegExp(
        `keeps ${least} % of\\s+DAAMv1's\\s+accuracy[^.]*, ${most} %[^.]*paper's keeps\\s+${paper} %`,
      ),
    );
    assert.match(small, /DAAMv1 is better than no attention in (\d+) of \1 pairs of task and rate/);
    assert.match(answer, /ahead\s+at every rate, on speech and\s+on images/);
    const decoys = [
      ...small.matchAll(/^- (.*), decoys, .*: MHA over the layers − No attention ([+−]\d+)\..*\), (\w+); /gm),
    ];
    const of = (task: string) =>
      decoys.filter(([, name]) => name === task).map(([, , by, found]) => [by, found]);
    assert.deepEqual(new Set(of("Image class").map(([, found]) => found)), new Set(["better"]));
    assert.deepEqual(of("Speech emotion"), [
      ["+10", "undecided"],
      ["+10", "undecided"],
    ]);
    assert.match(answer, /ahead on images; on speech, by about ten points, that is not decided/);
  });

  it("says what depends on the rate among comparisons without dot products", () => {
    assert.match(answer, /without dot products \*depends on the rate\*.*\n?.*better at none\./);
    const others = verdicts.slice(1).filter(([claim]) => !/dot-product|LoRA/.test(claim!));
    const found = others.flatMap(([, ...verdicts]) => verdicts).filter((verdict) => /^depends/.test(verdict));
    assert.ok(found.length > 0);
    for (const verdict of found) {
      assert.match(verdict, /equivalent within 1 point at .*undecided at /);
      assert.doesNotMatch(verdict, /better|worse/);
    }
  });

  it("says of published MHA on images at its chosen rate what results/small has", () => {
    const lines = papa.parse<Record<string, string>>(read("results", "small", "claims.csv").trim(), {
      header: true,
    }).data;
    const chosen = lines.find(
      ({ claim, task, rates }) =>
        claim === "Density attention beats dot-product attention as published" &&
        task === "vision" &&
        /chosen/.test(rates!),
    );
    assert.equal(chosen?.verdict, "better");
    assert.doesNotMatch(chosen!["here, last epoch"]!, /collapsed/);
    assert.match(small, /vision 5 runs, 4 epochs/);
    assert.match(
      answer,
      /four epochs at the highest rate; trained like the paper's, at the rate that it chose, it leaves chance and\s+stays behind/,
    );
  });

  it("names files that are there", () => {
    for (const path of ["README.md", ...documents])
      for (const [, target] of read(path).matchAll(/\]\(([^)#:]+)\)/g))
        assert.ok(existsSync(join(repository, path, "..", target!)), `${path}: ${target}`);
  });

  const commands = ["README.md", ...documents].flatMap((path) => {
    const blocks = [...read(path).matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) =>
      block!.split("\n").flatMap((line) => line.replace(/ +#.*/, "").split(" && ")),
    );
    return [...blocks, ...[...read(path).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!)];
  });

  it("has make targets that are there", () => {
    const targets = commands.filter((command) => /^(\w+=\S+ )?make \S/.test(command));
    assert.ok(targets.length > 15);
    for (const command of new Set(targets))
      execFileSync("sh", ["-c", command.replace("make", "make --dry-run --silent")], { cwd: repository });
  });

  it("has commands and options that the command line knows", () => {
    const lines = commands.filter((command) => command.startsWith("npx daam "));
    assert.ok(lines.length > 10);
    for (const line of new Set(lines)) {
      const [, , name, ...rest] = line.replace(/<[^>]*>/g, "x").split(" ");
      if (name === "help") continue;
      const outer = program(new AbortController().signal).commands.find((known) => known.name() === name);
      const inner = outer?.commands.find((known) => known.name() === rest[0]);
      const command = inner ?? outer;
      assert.ok(command, line);
      command.exitOverride().configureOutput({ writeErr: () => {} });
      const { unknown } = command.parseOptions(rest.slice(inner ? 1 : 0));
      assert.deepEqual(
        unknown.filter((text) => text !== "--" && text !== "x"),
        [],
        line,
      );
    }
  });

  it("adds a method that trains", () => {
    const [, entry] = /^```ts\n(\{.*?)^```/ms.exec(section("Add a method"))!;
    const [, args] = /npx daam (run .*)/.exec(section("Add a method"))!;
    const copy = freshFolder();
    for (const name of ["package.json", "dist", "data"])
      cpSync(join(repository, name), join(copy, name), {
        recursive: true,
        filter: (path) => !/data\/(cache|raw)|\.map$/.test(path),
      });
    symlinkSync(join(repository, "node_modules"), join(copy, "node_modules"));
    mkdirSync(join(copy, "results"));
    const source = read("src", "experiments", "plan", "methods.ts");
    const changed = source.replace(/^(const decoders\b[^=]*= \[)/m, `$1\n${entry!.trim()}`);
    assert.notEqual(changed, source);
    const { outputText } = ts.transpileModule(changed, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    writeFileSync(join(copy, "dist", "experiments", "plan", "methods.js"), outputText);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["dist/cli.js", ...args!.split(" "), "--preset", "smoke"],
      { cwd: copy, encoding: "utf8", env: { ...process.env, DAAM_HOME: copy, DAAM_DATA: "" } },
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^DAAMv1 +\d[^]*^Softmax weights → DAAM +\d/m);
  });
});
