import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Papa from "papaparse";
import { UserError } from "../../errors.js";
import { repository } from "../../folders.js";
import type { TextTable } from "../tables/text-table.js";

/**
 * A committed table: results/<preset>/<name>.csv of this repository.
 * @param name for example `claims`
 * @throws UserError where the file is missing or no CSV table
 */
export function publishedTable(
  preset: string,
  name: string,
  results = join(repository, "results"),
): TextTable {
  const refuse = (why: string) =>
    new UserError(
      `results/${preset}/${name}.csv cannot be read (${why}): restore it (git checkout -- results/${preset}), ` +
        `or make it (make reproduce PRESET=${preset})`,
    );
  const { data, errors } = Papa.parse<string[]>(textOf(join(results, preset, `${name}.csv`), refuse), {
    delimiter: ",",
    skipEmptyLines: true,
  });
  const [columns, ...rows] = data;
  if (errors[0]) throw refuse(errors[0].message);
  if (!columns || rows.some((row) => row.length !== columns.length))
    throw refuse("it is empty or its rows are of unequal width");
  return { columns, rows };
}

/** A committed figure, results/<preset>/figures/<name>.png of this repository; undefined where there is none. */
export function publishedFigure(
  preset: string,
  name: string,
  results = join(repository, "results"),
): Buffer | undefined {
  const path = join(results, preset, "figures", `${name}.png`);
  return existsSync(path) ? readFileSync(path) : undefined;
}

function textOf(path: string, refuse: (why: string) => Error): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw refuse((error as NodeJS.ErrnoException).code ?? String(error));
  }
}
