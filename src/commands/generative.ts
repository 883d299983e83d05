import type { Command } from "commander";
import { settings } from "../generative/settings.js";
import { Stopped } from "../errors.js";
import { apart, backendOf, backendOption, examples, wholeNumber } from "./options.js";

/** Adds the command that trains the VQ-VAE. */
export function generativeCommands(daam: Command, signal: AbortSignal): void {
  daam
    .command("vq-vae")
    .description(
      "train a VQ-VAE on CIFAR-100 images with and without density attention, and publish to results/vq-vae/; goes on where it stopped",
    )
    .option("--epochs <n>", `epochs (default: ${settings.epochs})`, wholeNumber)
    .option("--images <n>", `training images (default: ${settings.trainImages})`, wholeNumber)
    .option("--seeds <n>", `runs of each variant (default: ${settings.seeds})`, wholeNumber)
    .addOption(backendOption())
    .addHelpText("after", examples("vq-vae", "vq-vae --images 500 --epochs 2 --seeds 1"))
    .addHelpText("after", "\nWith other than the default settings nothing is published: see runs/vq-vae/.")
    .action(async ({ epochs, images, seeds, backend }) => {
      if (await apart(signal, new Stopped())) return;
      const given = { epochs, trainImages: images, seeds };
      const { runVqVae } = await import("../generative/run.js");
      await runVqVae({
        changes: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
        backend: backendOf(backend),
        command: `npx daam ${process.argv.slice(2).join(" ")}`,
      });
    });
}
