import { UserError } from "../errors.js";
import type { Checkpoint } from "../formats/stored-tensor.js";
import type { Architecture, Blueprint } from "./architecture.js";
import type { Config } from "./config.js";
import { checkNeeds } from "./weights.js";

/** What a checkpoint has to make logits with: the classes of its head, or why it gives none. */
export type FoundHead = { classes: number } | { classes: 0; refusal: string };

/** The model's class as its config names it: the first of `architectures`. */
export function declaredClass(config: Config): string | undefined {
  const names = config.fields["architectures"];
  return Array.isArray(names) && typeof names[0] === "string" ? names[0] : undefined;
}

const moduleOf = (tensor: string) => tensor.replace(/\.[^.]+$/, "");

/**
 * The head of a checkpoint, told by its tensors and by the class that its config names: several classes call theirs alike.
 * @param checkpoint by published name
 * @param declared what `declaredClass` says
 */
export function findHead(
  folder: string,
  { classifier, prefix, withHead }: Architecture,
  blueprint: Blueprint,
  checkpoint: Checkpoint,
  declared?: string,
): FoundHead {
  const classes = checkpoint.get(classifier)?.shape[0] ?? 0;
  const needs = { ...blueprint.pool.needs, ...blueprint.head(Math.max(1, classes)).needs };
  const foreign = [...checkpoint.keys()].filter(
    (name) => !name.startsWith(prefix) && !Object.hasOwn(needs, name),
  );
  const modules = new Set(Object.keys(needs).map(moduleOf));
  // a bias where the head has none, as token classification has it, parts of a head that computes more, or the same over every token
  const isOther =
    declared === withHead
      ? foreign.some((name) => modules.has(moduleOf(name)))
      : foreign.length > 0 || Boolean(declared?.endsWith("Classification"));
  try {
    if (classes && !isOther) {
      checkNeeds(folder, checkpoint, needs);
      return { classes };
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (!declared || declared === withHead)
      return { classes: 0, refusal: `${error.message}; hidden states need no head` };
  }
  const outside = [...checkpoint.keys()].filter((name) => !name.startsWith(prefix));
  if (!outside.length)
    return { classes: 0, refusal: `${folder} has no classifier; its hidden states are all it gives` };
  const there = [...new Set(outside.map((name) => name.split(".")[0]!))];
  const named = declared && declared !== withHead && !declared.endsWith("Model") ? declared : "another kind";
  return {
    classes: 0,
    refusal:
      `${folder} has the head of ${named} (${there.slice(0, 6).join(", ")}), no classifier of ${withHead}: ` +
      `it gives hidden states, but no logits; for these name a checkpoint of ${withHead}`,
  };
}
