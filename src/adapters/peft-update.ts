import type { Config } from "../encoders/config.js";
import type { Encoder } from "../encoders/encoder.js";
import type { Needs } from "../encoders/weights.js";
import { UserError } from "../errors.js";
import {
  endsIn,
  lowRankParameters,
  projectionNames,
  projections,
  scaleOf,
  withoutLayer,
  type LowRankForm,
} from "./low-rank.js";
import { formsOf, listOf, picksLayers, targets } from "./peft-config.js";
import { split, type AdapterFile } from "./peft-file.js";

/**
 * The form of the update that an adapter's config describes, of the highest rank that a pattern gives, and what it needs of the file.
 * @throws UserError where no projection is targeted, or for a setting that is none.
 */
export function updateOf(config: Config, { tensors, called }: AdapterFile, encoder: Encoder) {
  const { architecture, blueprint } = encoder;
  const all = projections(blueprint);
  const isTarget = targets(config, architecture) ?? ((name: string) => tensors.has(`${name}.lora_A.weight`));
  const targeted = [...all].filter(([name]) => isTarget(name));
  const { form, of } = formsOf(config);
  const listed = picksLayers(config) ? targeted.map(([name]) => name) : listedTargets(config, encoder);
  const hasOthers = [...tensors.keys()].map(split).some(([module, part]) => part.startsWith("lora_") && !all.has(module) && isTarget(module)); // prettier-ignore
  if (!targeted.length && !hasOthers) refuseTargets(config, { ...form, targets: listed }, encoder);
  const update: Needs = {};
  let { rank } = form;
  for (const [name, [outputs, inputs]] of targeted) {
    const own = of(called(name)).rank;
    rank = Math.max(rank, own);
    update[`${name}.lora_A.weight`] = { shape: [own, inputs] };
    update[`${name}.lora_B.weight`] = { shape: [outputs, own] };
  }
  const alpha = (form.alpha * scaleOf({ ...form, alpha: 1 })) / scaleOf({ ...form, alpha: 1, rank });
  return { form: { ...form, rank, alpha, targets: listed }, update };
}

/** `target_modules` in published names, those that a projection's name ends in; all where none's does. */
function listedTargets(config: Config, encoder: Encoder): string[] {
  const all = projectionNames(encoder.blueprint);
  const listed = [
    ...new Set(listOf(config, "target_modules").flatMap((name) => publishedTargets(name, encoder))),
  ];
  const found = listed.filter((target) => all.some((name) => endsIn(name, target)));
  return found.length ? found : listed;
}

/** A target in published names; one in newer names becomes ends of published ones that fit the same projections, or their whole names. */
function publishedTargets(target: string, { architecture: { newer }, blueprint }: Encoder): string[] {
  const all = projectionNames(blueprint);
  if (!newer || all.some((name) => endsIn(name, target))) return [target];
  const found = all.filter((name) => endsIn(newer(name), target));
  if (!found.length) return [target];
  const ends = [...new Set(found.map(withoutLayer))];
  const same = all.every((name) => found.includes(name) === ends.some((end) => endsIn(name, end)));
  return same ? ends : found;
}

/** @throws UserError that lists what can be targeted. */
function refuseTargets(config: Config, form: LowRankForm, { blueprint }: Encoder): void {
  const { target_modules: value } = config.fields;
  try {
    lowRankParameters({ ...form, targets: typeof value === "string" ? [value] : form.targets }, blueprint);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${config.path}: target_modules: ${error.message}`);
  }
}
