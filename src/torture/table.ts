import type { Tortured } from "./torture.js";

export const summaryOf = ({ kills, accidents, differences }: Tortured): string =>
  `${kills} kills, ${accidents} accidents: ${differences.length} differences`;

/** What was done, how often and with what difference, as Markdown. */
export function tableOf(tortured: Tortured): string {
  const rows = tortured.rows.map(({ what, times, differences, impossible }) =>
    impossible === undefined ? `| ${what} | ${times} | ${differences} |` : `| ${what} | – | ${impossible} |`,
  );
  return `# Torture: ${summaryOf(tortured)}

What \`make torture TABLE=docs/torture.md\` did here: commands were ended by \`kill -9\` (a third of the kills hit one of their workers) at random moments and started
again until they came to their end, and accidents befell them. A difference is a cell, a file of hidden states, an adapter, a published file or an executed
notebook whose bytes are not those of an undisturbed command (but for seconds, memory and dates), a cell that was trained twice by a cluster, or a damage or a
want that was not named as it must be.

| what | times | differences |
|---|---:|---:|
${rows.join("\n")}
`;
}
