/** What trainings on changed hidden states add to a published folder: a part each. */
import type { ProbePart } from "../../experiments/types.js";
import type { Figure } from "../figures/figure.js";
import { budgetText, cellsOfAll, type ProbeResults, probeCsv, probeResults } from "../tables/probe-cells.js";
import type { TextTable } from "../tables/text-table.js";
import { controlBlocks, controlFigure } from "./control.js";
import { mixingFigure } from "./mixing.js";
import type { Publication } from "./publication.js";
import { scaleBlocks, scaleFigure } from "./scale.js";

type Image = (name: string, alt: string) => string[];

const pages: Record<
  ProbePart,
  {
    figures(parts: readonly ProbeResults[]): Record<string, Figure | undefined>;
    blocks(parts: readonly ProbeResults[], image: Image, items: Publication["items"]): string[];
  }
> = {
  scale: {
    figures: (parts) => ({ scale: scaleFigure(parts), "scale-mixing": mixingFigure(parts) }),
    blocks: scaleBlocks,
  },
  control: { figures: (parts) => ({ control: controlFigure(parts) }), blocks: controlBlocks },
};

/** Tables by file name, figures by name, and the sections of the README; of parts that have cells. */
export function probePages({ preset, tasks, probes = [], items }: Publication): {
  tables: Record<string, TextTable>;
  figures: Record<string, Figure>;
  blocks(image: Image): string[];
} {
  const found = (Object.keys(pages) as ProbePart[])
    .map((part) => ({
      part,
      results: probeResults(
        part,
        preset,
        tasks.map(({ task }) => task),
        probes,
      ),
    }))
    .filter(({ results }) => results.some((of) => of.results.length));
  const figures = found.flatMap(({ part, results }) => Object.entries(pages[part].figures(results)));
  return {
    tables: Object.fromEntries(found.map(({ part, results }) => [part, probeCsv(results)])),
    figures: Object.fromEntries(figures.filter((entry): entry is [string, Figure] => entry[1] !== undefined)),
    blocks: (image) =>
      found.flatMap(({ part, results }) => [
        heading(results),
        `${budgetText(results)} \`npx daam run --preset ${preset.name} --part ${part}\` trains these cells.`,
        ...pages[part].blocks(results, image, items),
      ]),
  };
}

function heading(parts: readonly ProbeResults[]): string {
  const all = parts.reduce((sum, of) => sum + cellsOfAll(of), 0);
  const done = parts.reduce((sum, of) => sum + of.results.length, 0);
  return `## ${parts[0]!.probe.title}${done < all ? ` (incomplete: ${done} of ${all} cells)` : ""}`;
}
