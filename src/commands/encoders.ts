import type { Command } from "commander";
import { examples } from "./options.js";

/** Adds the commands that list and fetch published encoders. */
export function encoderCommands(daam: Command, signal: AbortSignal): void {
  const encoders = daam
    .command("encoders")
    .description(
      "list published encoders that the presets and --encoder know by name, and what of them is here",
    )
    .addHelpText("after", examples("encoders", "encoders fetch smollm2-135m"))
    .addHelpText(
      "after",
      "\nHF_TOKEN, HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE mean what they mean to other clients of the hub.",
    )
    .action(async () => {
      const { encoderLines } = await import("../encoders/list.js");
      for (const line of encoderLines()) console.log(line);
    });

  encoders
    .command("fetch")
    .description("fetch encoders into the cache that all clients of the hub share; goes on where it stopped")
    .argument("<name...>", "names of daam encoders, or organisation/name[@revision]")
    .addHelpText(
      "after",
      examples("encoders fetch wavlm-base-plus beit-base", "encoders fetch microsoft/wavlm-base@main"),
    )
    .action(async (names: string[]) => {
      const { fetchEncoder, fetchLine, lookUpEncoder } = await import("../encoders/locate.js");
      const encoders = await Promise.all(names.map((name) => lookUpEncoder(name, { signal })));
      for (const encoder of encoders)
        console.error("plan" in encoder ? `to fetch: ${fetchLine(encoder)}` : `${encoder.name}: is here`);
      for (const encoder of encoders)
        console.log(("plan" in encoder ? await fetchEncoder(encoder, { signal }) : encoder).folder);
    });
}
