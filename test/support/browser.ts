/** Debian's chromium, driven by playwright-core. */
import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { chromium, type Browser, type LaunchOptions } from "playwright-core";

/** Where chromium is; undefined where it is not installed. */
export const chromiumPath = ["chromium", "chromium-browser", "google-chrome"].map(onPath).find(Boolean);

/** For a test's `skip`: false, or what is missing. */
export const noBrowser = chromiumPath ? false : "no chromium here: apt-get install chromium";

function onPath(name: string): string | undefined {
  try {
    return execFileSync("which", [name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}

export const openBrowser = (options: LaunchOptions = {}): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath!,
    ...options,
    args: ["--no-sandbox", "--disable-dev-shm-usage", ...(options.args ?? [])],
  });

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

/** Serves a folder on the loopback address, as a static host does; with `headers` on every answer. */
export async function serve(
  folder: string,
  headers: Record<string, string> = {},
): Promise<{ address: string; close: () => Promise<void> }> {
  const server = createServer(({ url }, response) => {
    response.setHeaders(new Map(Object.entries(headers)));
    const path = normalize(decodeURIComponent(new URL(url!, "http://host").pathname));
    const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
    createReadStream(file)
      .on("error", () => response.writeHead(404).end())
      .pipe(response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}
