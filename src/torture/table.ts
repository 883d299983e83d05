import type { Tortured } from "./torture.js";

export const summaryOf = ({ kills, accidents, differences }: Tortured): string =>
  `${kills} kills, ${accidents} accidents: ${differences.length} differences`;

/** What was done, how often and with what difference, as Markdown. */
export function tableOf(tortured: Tortured): string {
  const rows = tortured.rows.map(({ what, times, differences, impossible }) =>
    impossible === undefined ? `| ${what} | ${times} | ${differences} |` : `| ${what} | – | ${impossible} |`,
  );
  return `# Torture: ${summaryOf(tortured)}

What \`make torture TABLE=docs/torture.md\` did here in one go: it ended commands by \`kill -9\` at random moments (three in ten hit one of their workers, where
there are any) and started them again until they came to their end, and let accidents befall them. A difference is a cell, a file of hidden states, an
adapter, a published file or an executed notebook whose bytes are not those of an undisturbed command (but for seconds, memory and dates), a cell that a
cluster trained twice, or a damage or a want that was not named as it must be.

| what | times | differences |
|---|---:|---:|
${rows.join("\n")}
`;
}
