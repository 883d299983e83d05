/** What published cells took, and where: the one file of a published folder that differs between runs with equal digits. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { UserError } from "../../errors.js";
import { writeWhole } from "../../files.js";
import type { CellCosts, CellResult } from "../types.js";

/** Where and with what cells were trained, and when: many share it. */
type Place = Omit<CellCosts, "seconds" | "peakMemoryMB">;

interface CostsFile {
  places: Place[];
  /** By name: seconds, MB, index of the place. */
  cells: Record<string, [seconds: number, peakMemoryMB: number, place: number]>;
}

const pathOf = (folder: string) => join(folder, "costs.json");

export function costsOf({ seconds, peakMemoryMB, backend, versions, machine, date }: CellResult): CellCosts {
  return { seconds, peakMemoryMB, backend, versions, ...(machine && { machine }), ...(date && { date }) };
}

/** Costs by the names of cells; none where the folder has none. @throws UserError where the file is damaged */
export function readCosts(folder: string): Map<string, CellCosts> {
  const path = pathOf(folder);
  if (!existsSync(path)) return new Map();
  try {
    const { places, cells } = JSON.parse(readFileSync(path, "utf8")) as CostsFile;
    return new Map(
      Object.entries(cells).map(([name, [seconds, peakMemoryMB, place]]) => [
        name,
        { seconds, peakMemoryMB, ...places[place]! },
      ]),
    );
  } catch (error) {
    throw new UserError(
      `${path} cannot be read (${(error as Error).message}): restore it (git checkout -- ${path}), or delete it`,
    );
  }
}

/** A line a cell, in the order given. */
export function writeCosts(folder: string, results: readonly CellResult[]): void {
  const places: Place[] = [];
  const lines = results.map((result) => {
    const { seconds, peakMemoryMB, ...place } = costsOf(result);
    let index = places.findIndex((known) => isDeepStrictEqual(known, place));
    if (index < 0) index = places.push(place) - 1;
    return `${JSON.stringify(result.name)}:${JSON.stringify([seconds, peakMemoryMB, index])}`;
  });
  const list = places.map((place) => JSON.stringify(place)).join(",\n");
  writeWhole(pathOf(folder), `{"places":[\n${list}\n],"cells":{\n${lines.join(",\n")}\n}}\n`);
}
