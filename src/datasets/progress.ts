import { itemCounter } from "../terminal.js";

/** Shows downloads with the time left, as {@link itemCounter} does, in megabytes. */
export function downloadProgress(
  out: NodeJS.WriteStream = process.stderr,
): (file: string, received: number, total?: number) => void {
  const counters = new Map<string, ReturnType<typeof itemCounter>>();
  return (file, received, total) => {
    if (!counters.has(file)) counters.set(file, itemCounter(file, out, { name: "MB", size: 1e6 }));
    counters.get(file)!(received, total);
  };
}
