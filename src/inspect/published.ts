import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { published } from "../encoders/published.js";
import { UserError } from "../errors.js";
import { fileInspectors } from "./files.js";
import { inspectFolder } from "./folders.js";

/** Whether what is no path here may be an encoder of the registry or of the hub: neither a known kind of file nor in a folder. */
export function isEncoderName(text: string): boolean {
  if (published.some(({ name }) => name === text)) return true;
  const [organisation, ...rest] = text.split("/");
  return (
    rest.length === 1 &&
    /^\w/.test(organisation!) &&
    !existsSync(dirname(text)) &&
    !fileInspectors.some(({ named }) => named.test(text))
  );
}

/** Facts on an encoder by its name: of its folder where it is here, else what the hub has; nothing is fetched but its configuration. */
export async function inspectPublished(reference: string): Promise<string[]> {
  const { lookUpEncoder } = await import("../encoders/locate.js");
  const encoder = await lookUpEncoder(reference);
  if (!("plan" in encoder))
    return [
      encoder.commit ? `commit ${encoder.commit}, in ${encoder.folder}` : `in ${encoder.folder}`,
      ...(await inspectFolder(encoder.folder)),
    ];
  const { readJson } = await import("../hub/client.js");
  const { readableBytes } = await import("../hub/fetch.js");
  const { hubOfEnvironment } = await import("../hub/hub.js");
  const { of, files, missing } = encoder.plan;
  const fields = await readJson(of, "config.json", hubOfEnvironment());
  return [
    `commit ${of.commit}, not here: npx daam encoders fetch ${reference} fetches ${readableBytes(missing)}`,
    await shape(`${reference}/config.json`, fields),
    ...files.map(({ path, bytes }) => `${path}: ${readableBytes(bytes)}`),
  ];
}

async function shape(path: string, fields: unknown): Promise<string> {
  const [{ architectures }, { Config }] = await Promise.all([
    import("../encoders/registry.js"),
    import("../encoders/config.js"),
  ]);
  const config = new Config(path, fields as Record<string, unknown>);
  const model = config.choice("model_type", Object.keys(architectures));
  try {
    const { layers, features } = architectures[model]!.blueprint(config);
    return `checkpoint, model ${model}, ${layers} layers, ${features} features`;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `checkpoint, model ${model}, not supported: ${error.message}`;
  }
}
