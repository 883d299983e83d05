/** The README of a published run. */
import type { TaskBudget } from "../../experiments/types.js";
import { chanceSentence, collapseSentence, gainNote, spreadNote, stabilityNote } from "../claims/claims.js";
import type { Topic } from "../claims/findings.js";
import type { Judgement } from "../claims/judge.js";
import { layersNote } from "../claims/layer-claims.js";
import { parameterTable } from "../claims/parameter-claims.js";
import { robustnessVerdictNote } from "../claims/robustness-differences.js";
import type { Publication, Section } from "./publication.js";
import { cellCounts, type TableRow } from "../tables/rows.js";
import { searchNote, searchTable } from "../tables/search.js";
import { probePages } from "./probes.js";
import { robustnessBlocks } from "./robustness.js";
import type { Robustness } from "../tables/robustness-cells.js";
import {
  ablationRuns,
  ablationTable,
  levelsNote,
  ratesNote,
  ratesTable,
  readableTable,
  runsText,
} from "../tables/tables.js";
import { type TextTable, toMarkdown, withoutRepeats } from "../tables/text-table.js";
import { rateRecordedNote } from "../tables/words.js";
import {
  claimParagraphs,
  claimsNote,
  claimsTable,
  repeatsNote,
  verdictNote,
  verdictTable,
} from "../claims/verdict.js";
import { choiceTable } from "../tables/choice.js";

/** What a publication's cells say. */
interface Findings {
  parts: readonly Section[];
  judgements: readonly Judgement[];
  shifted: readonly Robustness[];
  findings: Record<Topic, TextTable>;
  /** By part, what its ablations say of the map before training. */
  untrained: readonly string[];
  /** Markdown on what changed since an earlier publication. */
  changes: string;
}

export function readme(
  publication: Publication,
  { parts, judgements, shifted, findings, untrained, changes }: Findings,
  figures: readonly string[],
): string {
  const tables = parts.map(({ table }) => table);
  const image = (name: string, alt: string) =>
    figures.includes(name) ? [`![${alt}](figures/${name}.png)`] : [];
  const blocks = [
    `# Results of \`make reproduce PRESET=${publication.preset.name}\``,
    "Generated from the cells in `cells/`; not to be edited. Accuracy in %, mean ± population sd over runs or folds. Best epoch: the best " +
      `test epoch of each run, as the paper reports. Last epoch: no choice on test data. ${levelsNote}`,
    ...(publication.preset.caution ? [`**${publication.preset.caution}**`] : []),
    `## Verdict${tables.every(({ complete }) => complete) ? "" : " (incomplete)"}`,
    toMarkdown(verdictTable(judgements)).trimEnd(),
    [verdictNote, repeatsNote(judgements)].filter((note) => note).join(" "),
    ...claimParagraphs(judgements),
    ...image("differences", "Differences against the rate"),
    ...(changes ? ["## What changed against the earlier statistics", changes.trim()] : []),
    "## Rows",
    rowNotes(publication),
    ...parts.flatMap((part, i) => [...taskBlocks(part, image), untrained[i]!]),
    ...titled("## High against low layers", layersNote, findings.layers),
    ...robustnessBlocks(publication.preset, shifted, image),
    ...titled("### In short", robustnessVerdictNote, findings.shifted),
    ...probePages(publication).blocks(image),
    "## Paper and here",
    ...image("verdict", "Every decoder, the paper beside here"),
    ...image("verdict-lora", "LoRA and rows at its budget, the paper beside here"),
    "## Comparisons",
    claimsNote,
    toMarkdown(withoutRepeats(claimsTable(judgements))).trimEnd(),
    ...titled("## Gain over dot products", gainNote, findings.gain),
    ...titled("## Stability", stabilityNote, findings.stability),
    ...titled("## Order of the rows", "Rank correlation with the paper.", findings.order),
    ...titled("## Learned ranges", spreadNote, findings.spread),
    ...image("learned-ranges", "Learned ranges of δ and c"),
    ...titled(
      "## Parameters",
      "Counted from the shapes of the paper's models, without the last linear layer.",
      parameterTable(),
    ),
    "## What choosing the epoch on test data is worth",
    "Mean of the best test epoch less the mean of the last one, in points: what the paper's protocol adds to every row.",
    toMarkdown(choiceTable(tables)).trimEnd(),
    "## Settings",
    settings(publication),
    encoders(publication),
    publication.settings.trim(),
    ...searches(publication),
    "## Costs",
    "[Seconds, memory, machine and versions](costs.md) stand apart: all else is the same wherever the digits of the cells are.",
    "## Commands",
    commands(publication),
  ];
  return `${blocks.filter((block) => block).join("\n\n")}\n`;
}

const titled = (title: string, note: string, table: TextTable) =>
  table.rows.length ? [title, note, toMarkdown(withoutRepeats(table)).trimEnd()] : [];

function rowNotes({ methods }: Publication): string {
  const notes = methods.flatMap(({ title, note }) => (note ? [`- ${title}: ${note}`] : []));
  return notes.length ? `What rows are:\n\n${notes.join("\n")}` : "";
}

type Image = (name: string, alt: string) => string[];

function taskBlocks(part: Section, image: Image): string[] {
  const { table, ablations } = part;
  const { name, title } = table.task;
  const { done, all } = cellCounts(table);
  const variants = ablations.flatMap(({ rows }) => rows.map(({ row }) => row)).filter(isVariant);
  return [
    `## ${title}${table.complete ? "" : ` (incomplete: ${done} of ${all} cells)`}`,
    toMarkdown(readableTable(table)).trimEnd(),
    table.rows.some((row) => row.rateRecorded) ? rateRecordedNote : "",
    ...titled(`### ${title} at every rate`, ratesNote, ratesTable(table)),
    table.task.caveat ?? "",
    chanceSentence(table),
    collapseSentence({ task: table.task, rows: [...table.rows, ...variants] }),
    ...image(`${name}-learning-curves`, "Learning curves"),
    ...image(`${name}-efficiency`, "Accuracy against trained parameters and seconds"),
    ...image(`${name}-confusion`, "Confusion matrix"),
    ...image(`${name}-importance-factor`, "Importance factor"),
    ...image(`${name}-layer-shares`, "Layer shares"),
    ...ablations.flatMap((ablation) => [
      `### ${ablation.title} (${ablationRuns(table.task, ablation)})`,
      ablation.note ?? "",
      toMarkdown(ablationTable(ablation.rows)).trimEnd(),
      ...image(`${name}-ablation-${ablation.name}`, ablation.title),
    ]),
  ];
}

const isVariant = ({ method }: TableRow) => method?.group === "ablation";

function settings({ preset, tasks }: Publication): string {
  const rows = tasks.flatMap(({ task }) => {
    const { fineTuning, ...budget } = preset.tasks[task.name]!;
    const loss =
      task.loss.kind === "focal" ? `focal, α=${task.loss.alpha}, γ=${task.loss.gamma}` : "cross-entropy";
    const items = (count: number | undefined) => (count === undefined ? "all" : count.toLocaleString("en"));
    const line = (
      { epochs, learningRate, trainItems, testItems }: Omit<TaskBudget, "runs">,
      [name, runs, batch, rates]: readonly [
        name: string,
        runs: string,
        batch: number,
        rates?: readonly number[],
      ],
    ) => [
      name,
      runs,
      String(epochs),
      rates?.join(", ") ?? String(learningRate),
      String(batch),
      loss,
      items(trainItems),
      items(testItems),
      String(preset.hidden),
    ];
    const lines = [line(budget, [task.name, runsText(task, budget.runs), task.batch, preset.rates])];
    if (!fineTuning) return lines;
    const { published, corrected } = fineTuning.runs;
    const runs = published === corrected ? `${corrected}` : `${corrected}, as published ${published}`;
    return [
      ...lines,
      line(fineTuning, [`${task.name}, LoRA's budget`, runs, fineTuning.batch, fineTuning.rates]),
    ];
  });
  const columns = [
    "task",
    "runs",
    "epochs",
    "rate",
    "batch",
    "loss",
    "training items",
    "test items",
    "channels",
  ];
  return toMarkdown({ columns, rows }).trimEnd();
}

/** Which commits of published encoders made the hidden states. */
function encoders({ results }: Publication): string {
  const made = results.flatMap(({ config: { task, encoder } }) =>
    encoder ? [`- ${task}: hidden states of ${encoder.replace("@", " at commit ")}`] : [],
  );
  return [...new Set(made)].join("\n");
}

function searches({ heldOut = [], methods, tasks }: Publication): string[] {
  return tasks.flatMap(({ task }) => {
    const table = searchTable(heldOut, task.name, methods);
    return table.rows.length
      ? [
          `Held-out accuracy of ${task.name} by learning rate, the chosen one in bold:`,
          toMarkdown(table).trimEnd(),
          searchNote,
        ]
      : [];
  });
}

function commands({ preset, tasks, methods, robustness, command }: Publication): string {
  const rows = tasks.flatMap(({ task }) =>
    methods.map((method) => [`${task.name}: ${method.title}`, `\`${command(task.name, method.name)}\``]),
  );
  const table = toMarkdown({ columns: ["row", "command"], rows }).replace("---:", "---");
  const daam = (line: string) => `npx daam ${line} --preset ${preset.name}`;
  const extracted = tasks.filter(({ task }) => preset.tasks[task.name]!.extraction);
  const steps = [
    ...extracted.map(({ task }) => `${daam("features")} --task ${task.name}`),
    daam("run"),
    ...(robustness?.length ? [`${daam("run")} --part robustness`] : []),
    daam("report"),
  ];
  return [
    "All of it, step by step; each goes on where it was stopped:",
    `\`\`\`sh\n${steps.join("\n")}\n\`\`\``,
    "One row of one task:",
    `<details><summary>${rows.length} rows</summary>\n\n${table}\n</details>`,
  ].join("\n\n");
}
