import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { buildSite } from "#src/site/build.js";
import { noBrowser, openBrowser, serve } from "../support/browser.js";
import { freshFolder } from "../support/files.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 120_000;

// Two at a time: a training keeps one core, opening pages the other.
describe("the site", { skip: noBrowser, concurrency: 2 }, () => {
  const site = join(freshFolder(), "site");
  const home = pathToFileURL(join(site, "index.html")).href;
  let browser: Browser;

  before(async () => {
    // Without raw data: items are shown by their numbers.
    const { DAAM_DATA } = process.env;
    delete process.env.DAAM_DATA;
    [browser] = await Promise.all([openBrowser(), buildSite(site)]);
    if (DAAM_DATA !== undefined) process.env.DAAM_DATA = DAAM_DATA;
  });
  after(() => browser?.close());

  /** Opens a view; what goes wrong there, and requests that leave the site, fail the test. */
  async function open(
    view: string,
    use: (page: Page) => Promise<void>,
    options: BrowserContextOptions & { at?: string; by?: Browser } = {},
  ): Promise<void> {
    const { at = home, by = browser, ...rest } = options;
    const context = await by.newContext(rest);
    const wrong: string[] = [];
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE);
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) wrong.push(message.text());
      });
      page.on("pageerror", ({ message }) => wrong.push(message));
      const folder = new URL(".", at).href;
      page.on("request", (request) => {
        if (!request.url().startsWith(folder) && !/^(data|blob):/.test(request.url()))
          wrong.push(request.url());
      });
      await page.goto(at + view);
      await page.waitForSelector("main h1");
      await use(page);
      assert.deepEqual(wrong, []);
    } finally {
      await context.close();
    }
  }

  const drawn = (page: Page, figures: number) =>
    page.waitForFunction(`document.querySelectorAll("figure .main-svg").length >= ${figures}`);

  async function assertAccessible(page: Page, view: string): Promise<void> {
    await page.evaluate(axe);
    const found = await page.evaluate<string[]>(
      `axe.run({ preload: false }).then(({ violations }) => violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 200)).join(" | ")))`,
    );
    assert.deepEqual(found, [], view);
  }

  it("loads less than 3 MB, compressed, before data", () => {
    const bytes = ["index.html", "style.css", "app.js", "plotly.js", "data/index.js"].map(
      (name) => gzipSync(readFileSync(join(site, name))).length,
    );
    assert.ok(bytes.reduce((a, b) => a + b) < 3e6, String(bytes));
  });

  const claim = "Density+attention+beats+no+attention";
  const views: Record<string, number> = {
    [`#/verdict?preset=quick&claim=${claim}&task=text`]: 2,
    "#/explore?preset=quick&task=speech&view=curves": 1,
    "#/explore?preset=quick&task=speech&view=costs": 1,
    "#/explore?preset=quick&task=text&view=confusion": 1,
    "#/explore?preset=quick&task=speech&view=importance": 1,
    "#/explore?preset=quick&task=speech&view=shares": 1,
    "#/explore?preset=quick&task=speech&view=items": 0,
    "#/mechanism?task=speech": 3,
    "#/train": 0,
  };
  for (const [colorScheme, width] of [
    ["light", 1200],
    ["dark", 390],
  ] as const)
    it(`shows every view in ${colorScheme} colours, ${width} pixels wide, without a serious fault`, () =>
      open(
        "",
        async (page) => {
          for (const [view, figures] of Object.entries(views)) {
            await page.evaluate(
              `new Promise((done) => {
                addEventListener("hashchange", () => setTimeout(done), { once: true });
                location.hash = ${JSON.stringify(view)};
              })`,
            );
            await page.waitForSelector("main :is(table, select)");
            await drawn(page, figures);
            const plots = "figure:not([hidden]) .plot";
            const names = await page.$$eval(plots, (all) => all.map((plot) => plot.ariaLabel!));
            assert.ok(names.length >= figures && names.every((name) => name.length > 30), view);
            const wide = (await page.evaluate("document.documentElement.scrollWidth")) as number;
            assert.ok(wide <= width, `${view} is ${wide} pixels wide`);
            await assertAccessible(page, view);
          }
        },
        { colorScheme, viewport: { width, height: 900 } },
      ));

  it("links no verdict that is not there, and cuts none off on a phone", () =>
    open(
      "#/verdict?preset=small",
      async (page) => {
        const links = await page.$$eval("table.verdicts a", (all) =>
          all.map(({ textContent }) => textContent!),
        );
        assert.ok(links.length > 0);
        for (const text of links) assert.match(text, /^[▲▼=◇?] [a-z][a-z0-9 ]+$/);
        assert.doesNotMatch(await page.innerText("main strong"), /–/);
        const inside = await page.$$eval("table.verdicts :is(th[scope=row], a)", (all) =>
          all.every((element) => element.getBoundingClientRect().right <= 390),
        );
        assert.ok(inside);
      },
      { viewport: { width: 390, height: 900 } },
    ));

  it("gives a row one colour, whatever stands beside it", () =>
    open("#/explore?preset=quick&task=speech&view=costs&rows=no-attention", async (page) => {
      const colourOf = (title: string) =>
        page.evaluate<string>(
          `Array.from(document.querySelectorAll("figure .traces")).find((entry) => entry.textContent.includes(${JSON.stringify(title)})).querySelector(".legendsymbols path.scatterpts").style.fill`,
        );
      await drawn(page, 1);
      const alone = await colourOf("No attention");
      await page.getByLabel("DAAMv1", { exact: true }).check();
      await page.waitForFunction(`document.querySelectorAll("figure .traces").length === 2`);
      assert.equal(await colourOf("No attention"), alone);
      assert.notEqual(await colourOf("DAAMv1"), alone);
    }));

  it("opens a comparison by keyboard, in an address of its own", () =>
    open("#/verdict?preset=quick", async (page) => {
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate("document.activeElement.id"), "main");
      await page.focus("table.verdicts a");
      await page.keyboard.press("Enter");
      await page.waitForSelector("#comparison-title");
      const title = await page.textContent("#comparison-title");
      assert.match(page.url(), /claim=.*task=/);
      await page.reload();
      await page.waitForSelector("#comparison-title");
      assert.equal(await page.textContent("#comparison-title"), title);
    }));

  it("keeps what is chosen in the address", () =>
    open("#/explore?preset=quick&task=text", async (page) => {
      await page.getByLabel("View", { exact: true }).selectOption("items");
      await page.waitForSelector("tbody tr");
      await page.getByLabel("GQDAAM", { exact: true }).check();
      assert.match(page.url(), /rows=[^&]*gqdaam/);
      const text = await page.innerText("main");
      await page.reload();
      await page.waitForSelector("tbody tr");
      assert.equal(await page.innerText("main"), text);
    }));

  it("weighs an item by δ and c", () =>
    open("#/mechanism?task=text&heads=4&c=2", async (page) => {
      const sentence = () => page.innerText("[role=status]");
      assert.match(await sentence(), /√2 = 1\.41.*exp\(−2 \/ 2c\) = 0\.61/s);
      const before = await sentence();
      await page.getByLabel(/^c /).fill("0.5");
      assert.match(await sentence(), /exp\(−2 \/ 2c\) = 0\.14/);
      assert.notEqual(await sentence(), before);
    }));

  const statuses = 'Array.from(document.querySelectorAll("section [role=status]"), (e) => e.textContent)';
  const trained = (page: Page) =>
    page.waitForFunction(`${statuses}.every((text) => /Trained in|could not/.test(text))`);

  it("trains a cell on WebAssembly, from a folder, to the published digits", () =>
    open("#/train?task=speech&a=daam-v1&b=none&run=1&backend=wasm", async (page) => {
      await page.getByRole("button", { name: "Train" }).click();
      // At once: nothing is loaded yet.
      await page.getByRole("button", { name: "Stop" }).click();
      assert.deepEqual(await page.evaluate(statuses), ["stopped"]);
      await page.getByRole("button", { name: "Train" }).click();
      await page.getByRole("button", { name: "Pause" }).click();
      await page.waitForFunction(`/wasm, /.test(document.querySelector("section").textContent)`);
      assert.deepEqual(await page.evaluate(statuses), ["paused"]);
      await page.getByRole("button", { name: "Go on" }).click();
      await trained(page);
      assert.match(await page.innerText("section[data-method]"), /digit for digit/);
    }));

  it("goes on from δ and c that are set by hand, and says that it is another training", () =>
    open("#/train?task=speech&a=daam-v2&b=none&run=1&backend=wasm", async (page) => {
      await page.getByRole("button", { name: "Train" }).click();
      await page.getByLabel(/^δ /).fill("1.5");
      await page.getByLabel(/^c /).fill("6");
      // learned again from 6, c stays above 3 to the end: a step moves it by the rate
      await page.waitForFunction(
        '[...document.querySelectorAll("figure [aria-label]")].some((e) => /c \\+[3-9]\\./.test(e.getAttribute("aria-label")))',
      );
      const note = /, δ or c changed by hand at step \d+: no longer/;
      assert.match(await page.innerText("section[data-method]"), note);
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByLabel(/^c /).fill("4");
      const [status] = await page.evaluate<string[]>(statuses);
      assert.match(status!, note);
      assert.match(status!, /^paused/);
      await page.getByRole("button", { name: "Stop" }).click();
    }));

  it("trains on several threads where the page is isolated, one row beside another, and stops", async () => {
    const isolation = {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-resource-policy": "same-origin",
    };
    const { address, close } = await serve(site, isolation);
    try {
      await open(
        "#/train?task=speech&a=daam-v2&b=no-attention&run=2&backend=wasm",
        async (page) => {
          await page.getByRole("button", { name: "Train" }).click();
          await page.waitForFunction(
            `!/^–/.test(document.querySelector("figure tbody td")?.textContent ?? "–")`,
          );
          const [first] = await page.$$eval("figure tbody tr", (rows) =>
            rows.map(({ children }) => [...children].map(({ textContent }) => textContent)),
          );
          assert.equal(first![1], first![2]);
          assert.match(await page.innerText("section[data-method]"), /kernels, [2-8] threads/);
          await page.getByRole("button", { name: "Stop" }).click();
          assert.match(await page.innerText("section[data-method]"), /stopped/);
        },
        { at: `${address}/` },
      );
    } finally {
      await close();
    }
  });

  it("trains on WebGPU where the browser offers it", async (t) => {
    const gpu = await openBrowser({ args: ["--enable-unsafe-webgpu", "--enable-features=Vulkan"] });
    // In software the shaders of the first step take most of a minute: on request alone.
    const software = process.env.DAAM_TEST_WEBGPU === "software";
    // Browsers offer it to the loopback address as to secure ones.
    const { address, close } = await serve(site);
    try {
      await open(
        "#/train?task=speech&a=daam-v1&b=none&run=1&backend=webgpu",
        async (page) => {
          const offered = await page.evaluate(
            `navigator.gpu?.requestAdapter().then((adapter) => adapter && (${software} || !adapter.info.isFallbackAdapter))`,
          );
          if (!offered)
            return t.skip(
              "no graphics card behind WebGPU here: DAAM_TEST_WEBGPU=software takes what there is",
            );
          await page.getByRole("button", { name: "Train" }).click();
          await page.waitForFunction(
            `document.querySelector("progress").value > 0 || ${statuses}.some((text) => /could not/.test(text))`,
          );
          assert.match(await page.innerText("section[data-method]"), /training[\s\S]*webgpu, /);
        },
        { at: `${address}/`, by: gpu },
      );
    } finally {
      await gpu.close();
      await close();
    }
  });
});
