import assert from "node:assert/strict";
import { test } from "node:test";
import Papa from "papaparse";
import { paperRows, resultTable, rowOf, summary } from "#src/report/tables/rows.js";
import { csvTable, paperText, readableTable } from "#src/report/tables/tables.js";
import { toMarkdown, withoutRepeats } from "#src/report/tables/text-table.js";
import { methods, results, speech, text } from "../fixtures.js";

const table = resultTable(speech, methods, results, 5);

test("first cells that repeat the line above are left blank to read", () => {
  const rows = [
    ["a", "1"],
    ["a", "2"],
    ["b", "2"],
    ["a", "2"],
  ];
  const read = withoutRepeats({ columns: ["x", "y"], rows }).rows;
  assert.deepEqual(
    read.map(([first]) => first),
    ["a", "", "b", "a"],
  );
});

test("the paper's cells give the means and population sds that its table contradicts", () => {
  const of = (task: "speech" | "text" | "vision", title: string) => {
    const { mean, sd } = paperRows(task).find((row) => row.title === title)!.cells;
    return [mean.toFixed(2), sd.toFixed(2)];
  };
  assert.deepEqual(of("speech", "Mixture of DAAM"), ["67.78", "1.48"]);
  assert.deepEqual(of("speech", "DAAMv2"), ["64.60", "2.34"]);
  assert.deepEqual(of("speech", "GQDAAM"), ["66.66", "1.13"]);
  assert.deepEqual(of("speech", "MHA"), ["62.26", "1.94"]);
  assert.deepEqual(of("vision", "MHA"), ["61.70", "0.65"]);
  assert.deepEqual(of("vision", "MHA → BN"), ["66.10", "2.36"]);
  assert.deepEqual(of("text", "LoRA (r=4)"), ["94.97", "0.34"]);
});

test("the printed figure stands alone where the cells agree, and beside what they give where not", () => {
  const row = (title: string) => paperRows("speech").find((found) => found.title === title)!;
  assert.equal(paperText(row("LoRA (r=8)")), "53.3 ± 4.66");
  assert.equal(paperText(row("Mixture of DAAM")), "67.9 ± 1.35 (cells: 67.78 ± 1.48)");
});

test("best epoch and last epoch are two protocols of the same cells", () => {
  // MHA: 50, 51, 52, 53, 54 at the second of three epochs, two points less at the last
  const row = rowOf(table, "mha")!;
  assert.deepEqual(summary(row, "best"), { mean: 52, sd: Number(Math.SQRT2.toPrecision(12)), n: 5 });
  assert.equal(summary(row, "last")!.mean, 50);
});

test("a table has the recorded rows first, then published, then corrected ones", () => {
  const groups = table.rows.map((row) => row.group);
  assert.deepEqual([...new Set(groups)], ["recorded", "published", "corrected"]);
  assert.equal(table.complete, true);
});

test("recorded rows carry the paper's figure and that they were not run", () => {
  const { columns, rows } = readableTable(table);
  assert.equal(columns[1], "paper (IEMOCAP, WavLM-Large)");
  assert.equal(columns[2], "here (RAVDESS, wavlm-mini), best epoch");
  const lora = rows.find(([title]) => title === "LoRA (r=4)")!;
  assert.deepEqual(lora.slice(1, 4), ["53.0 ± 2.79", "not run yet", ""]);
});

test("the rate of a row stands in its table", () => {
  const { columns, rows } = readableTable(table);
  const rates = rows.map((row) => row[columns.indexOf("rate")]);
  assert.deepEqual([...new Set(rates)].sort(), ["", "1e-3"]);
});

test("a rate that stands while the trainings are missing by which the row chooses is marked", () => {
  const choosing = methods.map((method) => ({ ...method, rates: () => [1e-3, 3e-3] }));
  // the higher rate does best: at the lowest, the next lower ones would be tried
  const heldOut = results
    .filter(({ config }) => config.method === "mha")
    .flatMap((cell) =>
      [1e-3, 3e-3].map((learningRate) => ({
        ...cell,
        config: { ...cell.config, learningRate },
        last: { ...cell.last, accuracy: learningRate },
      })),
    );
  const rateOf = (title: string, rows = choosing) => {
    const { columns, rows: lines } = readableTable(resultTable(speech, rows, results, 5, heldOut));
    return lines.find(([name]) => name === title)![columns.indexOf("rate")];
  };
  assert.equal(rateOf("MHA"), "1e-3");
  assert.equal(rateOf("DAAMv1"), "1e-3 (recorded)");
  const everyRate = choosing.map((method) => ({ ...method, everyRate: true }));
  assert.equal(rateOf("DAAMv1", everyRate), "");
});

test("speech alone has macro F1 and unweighted recall", () => {
  assert.ok(readableTable(table).columns.includes("macro F1"));
  assert.ok(!readableTable(resultTable(text, methods, results, 3)).columns.includes("macro F1"));
});

test("a row of fewer runs says so, and its table is incomplete", () => {
  const fewer = results.filter(({ name }) => name !== "speech/mha/run-5");
  const incomplete = resultTable(speech, methods, fewer, 5);
  assert.equal(incomplete.complete, false);
  const mha = readableTable(incomplete).rows.find(([title]) => title === "MHA")!;
  assert.match(mha[2]!, /^51\.5 ± 1\.1 \(4 of 5\)$/);
});

test("the CSV holds every cell of the paper and of ours, and the command of the row", () => {
  const csv = csvTable(table, (method) => `train ${method}`);
  const rows = Papa.parse<Record<string, string>>(csv.trim(), { header: true }).data;
  const mixture = rows.find((row) => row.method === "Mixture of DAAM")!;
  assert.equal(mixture["paper F2"], "69.5");
  assert.equal(mixture["paper mean of cells"], "67.78");
  assert.equal(mixture["here best F1"], "60.00");
  assert.equal(mixture["here last accuracy mean"], "60.00");
  assert.equal(mixture.command, "train mixture");
  assert.equal(rows.find((row) => row.method === "LoRA (r=4)")!.status, "not run yet");
});

test("Markdown cells cannot break out of their column", () => {
  assert.match(toMarkdown({ columns: ["a", "b"], rows: [["x|y", "z"]] }), /\| x\\\|y \| z \|/);
});
