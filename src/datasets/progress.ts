const MEGABYTE = 1e6;

/** Shows a download on `out`: one line that is redrawn on a terminal, a line every tenth elsewhere. */
export function downloadProgress(
  out: NodeJS.WriteStream = process.stderr,
): (file: string, received: number, total?: number) => void {
  let [shown, drawn] = ["", 0];
  return (file, received, total) => {
    const done = total !== undefined && received >= total;
    const tenth = `${file} ${total ? Math.floor((10 * received) / total) : Math.floor(received / (50 * MEGABYTE))}`;
    const now = Date.now();
    if (!done && (out.isTTY ? now - drawn < 200 : tenth === shown)) return;
    [shown, drawn] = [tenth, now];
    const of = total ? ` of ${(total / MEGABYTE).toFixed(1)}` : "";
    const line = `${file}: ${(received / MEGABYTE).toFixed(1)}${of} MB`;
    out.write(out.isTTY ? `\r${line}${done ? "\n" : ""}` : `${line}\n`);
  };
}
