import type { SiteIndex } from "#src/site/types.js";
import { address, link } from "./address.js";
import { load } from "./data.js";
import { h } from "./dom.js";
import { explore } from "./explore.js";
import { mechanism } from "./mechanism.js";
import type { Page } from "./page.js";
import { trainHere } from "./train.js";
import { verdict } from "./verdict.js";

const pages: Record<string, { title: string; show: Page }> = {
  verdict: { title: "Verdict", show: verdict },
  explore: { title: "Explore", show: explore },
  mechanism: { title: "Mechanism", show: mechanism },
  train: { title: "Train it here", show: trainHere },
};

function theme(): void {
  const kept = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const wants = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme")!;
  const set = (name: string) => {
    document.documentElement.dataset.theme = name;
    button.textContent = name === "dark" ? "Light colours" : "Dark colours";
    dispatchEvent(new Event("theme"));
  };
  const initial = () => set(kept() ?? (wants.matches ? "dark" : "light"));
  wants.addEventListener("change", initial);
  button.addEventListener("click", () => {
    const name = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", name);
    } catch {
      // a page without storage forgets it
    }
    set(name);
  });
  initial();
}

async function start(): Promise<void> {
  theme();
  const index = await load<SiteIndex>("index");
  const nav = document.querySelector("nav")!;
  const main = document.getElementById("main")!;
  document
    .querySelector("footer")!
    .append(
      h(
        "p",
        {},
        `Version ${index.version}. Figures are of small encoders and say nothing of other data or encoders. Speech: RAVDESS, CC BY-NC-SA 4.0.`,
      ),
    );
  let end: void | (() => void);
  let shown = "";
  const show = (moved: boolean) => {
    const { page, query } = address();
    if (page !== "" && !pages[page]) return; // a link within the page
    const name = page || "verdict";
    end?.();
    nav.replaceChildren(
      ...Object.entries(pages).map(([key, { title }]) =>
        h("a", { href: link(key, {}), "aria-current": key === name ? "page" : undefined }, title),
      ),
    );
    document.title = `${pages[name]!.title} – Density adaptive attention, reproduced`;
    const at = scrollY;
    main.replaceChildren();
    end = pages[name]!.show(main, query, index);
    // Within a page a link opens more of it; another page begins at its top.
    if (moved && name !== shown) main.focus();
    scrollTo(0, name === shown ? at : 0);
    shown = name;
  };
  addEventListener("hashchange", () => show(true));
  show(false);
}

void start();
